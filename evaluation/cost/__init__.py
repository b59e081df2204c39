"""The cost of rollouts, and when a surrogate pays."""
