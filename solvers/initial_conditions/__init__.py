"""Distributions of initial states."""
