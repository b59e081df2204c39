"""Trajectories: on disk, as windows, as batches."""

if __name__ == "data":
    raise ImportError("import this package as tendency.data: under its short name its classes would be copies")
