"""What can be measured of trajectories that somebody else has solved."""

from tendency.data.certificate import Certificate
from tendency.simulation.problem import Problem

FILES_UNCERTIFIED = "data files, not certified against a solver"
"""What is said of data whose errors nobody here has measured."""


def certify_files(problem: Problem | None) -> Certificate:
    """The certificate of data files: nothing is measured of them yet.

    Args:
        problem: that they solve, where it is known.
    """
    return Certificate((), 0)
