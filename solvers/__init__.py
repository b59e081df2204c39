"""Classical numerics: batched over trajectories, CPU and GPU, differentiable."""

if __name__ == "solvers":
    raise ImportError(
        "solvers is a part of tendency: import tendency.solvers; "
        "a folder solvers of yours needs an __init__.py to be found before it"
    )
