"""The shared language: geometry, conditions, problems, simulators, windows."""

from simulation.conditions import Conditions
from simulation.fields import Field, channel_names
from simulation.geometry import Boundary, BoundaryKind, Geometry, Grid, PointCloud, geometry_from_dict
from simulation.problem import SPLITS, Draw, InitialCondition, Problem, Times, Tolerances
from simulation.simulator import InstabilityError, Progress, ReferenceSolver, Simulator, begin, rollout
from simulation.tree import Tree, map_tensors, per_sample
from simulation.window import Window

__all__ = [
    "SPLITS",
    "Boundary",
    "BoundaryKind",
    "Conditions",
    "Draw",
    "Field",
    "Geometry",
    "Grid",
    "InitialCondition",
    "InstabilityError",
    "PointCloud",
    "Problem",
    "Progress",
    "ReferenceSolver",
    "Simulator",
    "Times",
    "Tolerances",
    "Tree",
    "Window",
    "begin",
    "channel_names",
    "geometry_from_dict",
    "map_tensors",
    "per_sample",
    "rollout",
]
