"""What metrics are told of the problem and of the trajectories that they measure."""

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
    """What is judged, whatever the trajectory.

    Args:
        fields: of a state, in channel order.
        geometry: where the snapshots lie.
        solver: the reference solver, where it works on that geometry.
        moments: mean and standard deviation of the channels over the training split, where they are known.
        step: time between snapshots; None where it differs between trajectories, or is not known.
    """

    fields: tuple[Field, ...]
    geometry: Geometry
    solver: ReferenceSolver | None = None
    moments: Moments | None = None
    step: float | None = None


@dataclass(frozen=True)
class Setting:
    """The circumstances of B trajectories that are judged together.

    Args:
        subject: what they share with all others.
        conditions: of the B trajectories.
        times: (B, T) of the snapshots, the first being the start.
        start: (B, C, *N) the state that every rollout starts from.
        weights: (B, *N) cell volumes.
    """

    subject: Subject
    conditions: Conditions
    times: Tensor
    start: Tensor
    weights: Tensor
    _spectra: dict[str, Any] = field(default_factory=dict, repr=False, compare=False)

    def spectrum(self, u: Tensor) -> Tensor:
        """The isotropic spectrum (B, C, K) of u (B, C, *N); those of the last states are remembered.

        Several metrics ask for the same ones, and every method for the truth's.
        """
        recent: list[tuple[Tensor, Tensor]] = self._spectra.setdefault("recent", [])
        for known, energy in recent:
            if known is u:
                recent.append(recent.pop(next(i for i, pair in enumerate(recent) if pair[0] is u)))
                return energy
        energy = self.isotropic()(u)
        recent.append((u, energy))
        del recent[:-2]
        return energy

    def isotropic(self) -> IsotropicSpectrum:
        """The shells of this geometry; of grids alone.

        Raises:
            ValueError: scattered nodes.
        """
        if "shells" not in self._spectra:
            geometry = self.conditions.geometry
            if not isinstance(geometry, Grid):
                raise ValueError("a spectrum needs a grid; the snapshots lie on scattered nodes")
            self._spectra["shells"] = IsotropicSpectrum(geometry, self.conditions.extent.to(self.start.device))
        return self._spectra["shells"]
