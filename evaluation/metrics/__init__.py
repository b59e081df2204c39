"""Metrics: pure functions of tensors, told the geometry's cell weights; none averages over trajectories."""
