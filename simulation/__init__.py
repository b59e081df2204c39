"""The shared language: geometry, conditions, problems, simulators, windows."""

if __name__ == "simulation":
    raise ImportError("import this package as tendency.simulation: under its short name its classes would be copies")
