"""What rollouts cost, and when a surrogate pays."""
