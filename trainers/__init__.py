"""How a surrogate is fitted."""

if __name__ == "trainers":
    raise ImportError("import this package as tendency.trainers: under its short name its classes would be copies")
