"""Trajectories: on disk, as windows, as batches."""
