"""Summaries over trajectories and seeds, with intervals."""
