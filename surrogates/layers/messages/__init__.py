"""Rounds of messages between neighbouring points, and the tables of neighbours that they read."""
