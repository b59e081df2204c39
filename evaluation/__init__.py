"""The evaluation of rollouts: metrics, baselines, statistics, cost and reports."""

if __name__ == "evaluation":
    raise ImportError("import this package as tendency.evaluation: under its short name its classes would be copies")
