"""Classical numerics: batched over trajectories, CPU and GPU, differentiable."""
