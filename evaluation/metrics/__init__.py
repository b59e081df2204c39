"""Metrics of rollouts, for each trajectory; none averages over trajectories."""
