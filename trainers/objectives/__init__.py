"""How a window of snapshots becomes a loss."""
