"""A trained surrogate as a simulator in physical units."""

from collections.abc import Iterable

from torch import Tensor, nn

from simulation.conditions import Conditions
from simulation.moments import RunningMoments
from simulation.tree import Tree
from simulation.window import Window
from surrogates.network import Network
from surrogates.normalizer import Normalizer
from surrogates.prediction import Prediction
from surrogates.surrogate import Surrogate


class SurrogateStepper(nn.Module):
    """A Simulator: network, meaning of its output, and units. Its state_dict is all that training changes.

    Args:
        surrogate: the network.
        prediction: what its output means and how it is stepped.
        normalizer: its units.
    """

    def __init__(self, surrogate: Surrogate, prediction: Prediction, normalizer: Normalizer) -> None:
        super().__init__()
        self.surrogate, self.prediction, self.normalizer = surrogate, prediction, normalizer

    @property
    def history(self) -> int:
        """Number of snapshots that a rollout starts from."""
        return self.prediction.history

    def network(self, conditions: Conditions) -> Network:
        """The surrogate in the circumstances of one batch."""
        return Network(self.surrogate, self.normalizer, conditions)

    def start(self, u: Tensor, t: Tensor, conditions: Conditions, seed: Tensor) -> Tree:
        """The memory before the first step; see ``Simulator.start``."""
        return self.prediction.start(u, t, conditions, seed)

    def advance(self, u: Tensor, t: Tensor, dt: Tensor, conditions: Conditions, memory: Tree) -> tuple[Tensor, Tree]:
        """One step of length dt; see ``Simulator.advance``."""
        return self.prediction.advance(self.network(conditions), u, t, dt, conditions, memory)


def fit_normalizer(prediction: Prediction, windows: Iterable[Window]) -> Normalizer:
    """Measures the units on training windows of the prediction's own offsets.

    The outputs' moments are those of label / scale(dt), so that increments, derivatives and whatever else a prediction
    may mean come out with unit variance.

    Args:
        prediction: what the output means.
        windows: batches that cover the training split once.

    Raises:
        ValueError: no windows.
    """
    fields, outputs, conditions = RunningMoments(), RunningMoments(), RunningMoments()
    for window in windows:
        channels = window.u.shape[2]
        u, _ = window.history(prediction.history)
        dt = prediction.step(window)
        label = prediction.label(window, u[:, -1])
        label = label / prediction.scale(dt).to(label.dtype).reshape(-1, *[1] * (label.ndim - 1))
        fields.update(u.flatten(0, 1))
        outputs.update(label.unflatten(1, (-1, channels)).flatten(0, 1))
        conditions.update(prediction.conditions(window.time(0), dt, window.conditions))
    return Normalizer(fields.moments(), outputs.moments(), conditions.moments())
