"""Learned physics: networks, what their output means, how it is integrated in time."""

if __name__ == "surrogates":
    raise ImportError("import this package as tendency.surrogates: under its short name its classes would be copies")
