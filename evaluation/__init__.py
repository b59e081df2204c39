"""The evaluation of rollouts: metrics, baselines, statistics, cost and reports."""

if __name__ == "evaluation":
    raise ImportError(
        "evaluation is a part of tendency: import tendency.evaluation; "
        "a folder evaluation of yours needs an __init__.py to be found before it"
    )
