"""Where classes lie now that older checkpoints, manifests and configurations name by another path.

Until version 0.1.0 the packages were imported by the names of their folders: ``surrogates.models.fno.FNO``. What was
written then is still read, judged and reported.
"""

import re
from collections.abc import Mapping
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any

OUR_PACKAGE = "tendency"
DOTTED_NAME = re.compile(r"[A-Za-z_]\w*(\.[A-Za-z_]\w*)+", re.ASCII)
FOLDERS = ("simulation", "solvers", "data", "surrogates", "trainers", "evaluation")

MODULES = {
    "evaluation.baselines": "evaluation.baselines.baseline",
    "evaluation.fourier_model": "evaluation.baselines.linear_fourier",
    "solvers.runge_kutta": "solvers.explicit_runge_kutta",
    "surrogates.correction": "surrogates.predictions.corrected",
    "surrogates.differences": "surrogates.predictions.differences",
    "surrogates.layers.message_round": "surrogates.layers.messages.message_round",
    "surrogates.layers.neighbours": "surrogates.layers.messages.neighbours",
    "surrogates.layers.nodal_derivatives": "surrogates.layers.messages.nodal_derivatives",
    "surrogates.layers.node_decoders": "surrogates.layers.messages.node_decoders",
    "surrogates.layers.spectral_weights": "surrogates.layers.fourier.spectral_weights",
    "surrogates.prediction": "surrogates.predictions.prediction",
    "surrogates.refiner": "surrogates.predictions.refined",
    "tendency.baselines": "app.problems.dataset_problem",
    "tendency.comparison": "app.studies.variants",
    "tendency.app.problems.data_plan": "app.problems.solved_data",
    "tendency.datasets": "app.problems.solved_data",
    "tendency.full_cost": "app.break_even.full_cost",
    "tendency.judging": "app.reports.rollout_report",
    "trainers.metrics_log": "trainers.logs.metrics_log",
    "trainers.wandb_log": "trainers.logs.wandb_log",
}
"""The new module of each old one that was also renamed, inside ``tendency``."""

CLASSES = {
    "evaluation.metrics.correlation_time.CorrelationTime": "evaluation.metrics.valid_times.CorrelationTime",
    "evaluation.metrics.correlation_time.ErrorTime": "evaluation.metrics.valid_times.ErrorTime",
    "evaluation.metrics.distribution.MeanSpectrum": "evaluation.metrics.mean_spectrum.MeanSpectrum",
    "evaluation.baselines.Persistence": "evaluation.baselines.persistence.Persistence",
    "evaluation.baselines.LinearExtrapolation": "evaluation.baselines.linear_extrapolation.LinearExtrapolation",
    "solvers.pdes.burgers.VectorBurgers": "solvers.pdes.vector_burgers.VectorBurgers",
    "solvers.pdes.kuramoto_sivashinsky.PotentialKuramotoSivashinsky": (
        "solvers.pdes.potential_kuramoto_sivashinsky.PotentialKuramotoSivashinsky"
    ),
    "solvers.pdes.navier_stokes.Forcing": "solvers.forcing.Forcing",
    "solvers.pdes.navier_stokes.DiagonalForcing": "solvers.forcing.DiagonalForcing",
    "solvers.pdes.navier_stokes.KolmogorovForcing": "solvers.forcing.KolmogorovForcing",
    "solvers.pdes.navier_stokes.NavierStokes3D": "solvers.pdes.navier_stokes_3d.NavierStokes3D",
    "solvers.pdes.reaction_diffusion.AllenCahn": "solvers.pdes.allen_cahn.AllenCahn",
    "solvers.pdes.reaction_diffusion.Fisher": "solvers.pdes.fisher.Fisher",
    "solvers.pdes.reaction_diffusion.GrayScott": "solvers.pdes.gray_scott.GrayScott",
    "solvers.pdes.reaction_diffusion.FitzHughNagumo": "solvers.pdes.fitzhugh_nagumo.FitzHughNagumo",
    "solvers.runge_kutta.SSPRK3": "solvers.explicit_runge_kutta.ExplicitSSPRK3",
    "solvers.runge_kutta.RungeKutta4": "solvers.explicit_runge_kutta.ExplicitRK4",
    "surrogates.prediction.StatePrediction": "surrogates.predictions.state.StatePrediction",
    "surrogates.prediction.IncrementPrediction": "surrogates.predictions.increment.IncrementPrediction",
    "surrogates.prediction.DerivativePrediction": "surrogates.predictions.derivative.DerivativePrediction",
    "tendency.app.problems.data_plan.DataPlan": "app.problems.solved_data.SolvedData",
    "tendency.baselines.CoarseSolverBaseline": "app.reports.coarse_baseline.CoarseSolverBaseline",
    "tendency.datasets.DataPlan": "app.problems.solved_data.SolvedData",
    "tendency.full_cost.CostStudy": "evaluation.cost.cost_study.CostStudy",
}
"""The new path of each class that left its module or was renamed, inside ``tendency``."""


def current_target(target: str) -> str:
    """The path of a class today; the given one where it is no path of ours that has changed.

    Args:
        target: as a ``_target_`` names it.
    """
    module, _, name = target.rpartition(".")
    if module.split(".")[0] not in FOLDERS and module not in MODULES:
        return target
    moved = f"{OUR_PACKAGE}." + CLASSES.get(target, f"{MODULES.get(module, module)}.{name}")
    # A package of the user's own may have such a name.
    return moved if is_defined(moved) else target


def is_defined(target: str) -> bool:
    """Whether a module of ours defines a class or a function of that name, rather than importing it from elsewhere.

    The module is read and not imported, which may take seconds.

    Args:
        target: as a ``_target_`` names it.
    """
    if not target.startswith(f"{OUR_PACKAGE}.") or not DOTTED_NAME.fullmatch(target):
        return False
    module, _, name = target.rpartition(".")
    try:
        spec = find_spec(module)
    except (ImportError, ValueError):
        return False
    if spec is None or spec.origin is None:
        return False
    source = Path(spec.origin).read_text(encoding="utf-8")
    return re.search(rf"^(?:class|def) {re.escape(name)}\b", source, re.MULTILINE) is not None


def our_class(target: str) -> type | None:
    """The class that a module of ours defines by that name; None where there is none.

    A module is imported only if its source has such a class: what it merely imports, and what lies inside a class, is
    not found, so that no path leads through our modules to anything else.

    Args:
        target: as a ``_target_`` names it.
    """
    if not is_defined(target):
        return None
    module, _, name = target.rpartition(".")
    found = getattr(import_module(module), name, None)
    return found if isinstance(found, type) and (found.__module__, found.__qualname__) == (module, name) else None


def current_targets(node: Any) -> Any:
    """Plain data with each ``_target_`` as it is today.

    Args:
        node: plain data, perhaps from a file of an older version.
    """
    if isinstance(node, Mapping):
        return {
            key: current_target(value) if key == "_target_" and isinstance(value, str) else current_targets(value)
            for key, value in node.items()
        }
    return [current_targets(item) for item in node] if isinstance(node, list | tuple) else node
