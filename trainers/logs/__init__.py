"""Logs of a run: the local file, its reader, and wandb."""
