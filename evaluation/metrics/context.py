"""What a metric is given beside states: the subject of the report, and the context of the batch that is measured."""

from dataclasses import dataclass, field
from typing import Any

from torch import Tensor

from tendency.evaluation.metrics.spectrum import IsotropicSpectrum
from tendency.simulation.conditions import Conditions
from tendency.simulation.fields import Field
from tendency.simulation.geometry import Geometry, Grid
from tendency.simulation.moments import Moments
from tendency.simulation.simulator import ReferenceSolver


@dataclass(frozen=True)
class Subject:
    """The subject of a report: what all of its trajectories have in common.

    Args:
        fields: fields of a state, in channel order.
        geometry: grid or nodes of the snapshots.
        solver: reference solver, where it works on that geometry.
        moments: mean and standard deviation (C,) of the channels over the training split, where they are known.
        step: time between snapshots; None where it differs between trajectories, or is not known.
    """

    fields: tuple[Field, ...]
    geometry: Geometry
    solver: ReferenceSolver | None = None
    moments: Moments | None = None
    step: float | None = None


@dataclass(frozen=True)
class BatchContext:
    """What metrics know of the B trajectories that they measure together.

    Args:
        subject: what these trajectories share with all others of the report.
        conditions: conditions of the B trajectories.
        times: (B, T) times of the snapshots, the first being the start of the rollouts that are measured.
        start: (B, C, *N) state that these rollouts start from.
        weights: (B, *N) cell volumes; 0 in an obstacle, which counts for nothing.
        missed: snapshots of the report before this start, which a method with a longer history than the surrogates'
            does not predict.
    """

    subject: Subject
    conditions: Conditions
    times: Tensor
    start: Tensor
    weights: Tensor
    missed: int = 0
    _cache: dict[str, Any] = field(default_factory=dict, repr=False, compare=False)

    def spectrum(self, u: Tensor) -> Tensor:
        """The isotropic energy spectrum (B, C, K) of u (B, C, *N).

        The spectra of the last two states are kept: several metrics ask for the same one, and each method's for the
        truth's.
        """
        recent: list[tuple[Tensor, Tensor]] = self._cache.setdefault("recent_spectra", [])
        for position, (state, energy) in enumerate(recent):
            if state is u:
                recent.append(recent.pop(position))
                return energy
        energy = self.isotropic_spectrum()(u)
        recent.append((u, energy))
        del recent[:-2]
        return energy

    def isotropic_spectrum(self) -> IsotropicSpectrum:
        """The spectrum's shells of wavenumbers on this grid.

        Raises:
            ValueError: the snapshots lie on scattered nodes.
        """
        if "isotropic_spectrum" not in self._cache:
            geometry = self.conditions.geometry
            if not isinstance(geometry, Grid):
                raise ValueError("a spectrum needs a grid; the snapshots lie on scattered nodes")
            extent = self.conditions.extent.to(self.start.device)
            self._cache["isotropic_spectrum"] = IsotropicSpectrum(geometry, extent)
        return self._cache["isotropic_spectrum"]
