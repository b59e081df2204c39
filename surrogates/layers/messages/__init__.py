"""Rounds of messages between neighbouring nodes."""
