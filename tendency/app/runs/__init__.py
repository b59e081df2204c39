"""Runs on disk: folders, names, checkpoints, recipes."""
