"""Test trajectories rolled out by every method of a report, side by side."""
