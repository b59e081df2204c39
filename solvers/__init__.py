"""Classical numerics: batched over trajectories, CPU and GPU, differentiable."""

if __name__ == "solvers":
    raise ImportError("import this package as tendency.solvers: under its short name its classes would be copies")
