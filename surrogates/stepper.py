"""A trained surrogate as a simulator in physical units."""

from collections.abc import Iterable, Sequence

import torch
from torch import Tensor, nn

from tendency.simulation.conditions import Conditions
from tendency.simulation.moments import RunningMoments
from tendency.simulation.simulator import begin, rollout
from tendency.simulation.tree import Tree
from tendency.simulation.window import Window
from tendency.surrogates.network import Network, per_output
from tendency.surrogates.normalizer import Normalizer
from tendency.surrogates.predictions.prediction import Prediction
from tendency.surrogates.surrogate import Surrogate


class SurrogateStepper(nn.Module):
    """A Simulator: network, meaning of its output, and units. Its state_dict is all that training changes.

    States of another number type are converted to that of the network's weights. In training mode, and in no other, its
    products are rounded to ``autocast``, where that is set.

    Args:
        surrogate: the network.
        prediction: what its output means and how it is stepped.
        normalizer: its units.
    """

    def __init__(self, surrogate: Surrogate, prediction: Prediction, normalizer: Normalizer) -> None:
        super().__init__()
        self.surrogate, self.prediction, self.normalizer = surrogate, prediction, normalizer
        self.autocast: torch.dtype | None = None

    @property
    def history(self) -> int:
        """Number of snapshots that a rollout starts from."""
        return self.prediction.history

    @property
    def draws_noise(self) -> bool:
        """Whether other seeds make other rollouts; see ``DrawsNoise``."""
        return self.prediction.draws_noise

    def network(self, conditions: Conditions) -> Network:
        """The surrogate with the units and the points of one batch."""
        return Network(self.surrogate, self.normalizer, conditions, self.autocast if self.training else None)

    def as_weights(self, u: Tensor) -> Tensor:
        """A state in the number type of the network's weights; itself where these have none."""
        return u.to(self.surrogate.dtype or u.dtype)

    def start(self, u: Tensor, t: Tensor, conditions: Conditions, seed: Tensor) -> Tree:
        """The memory before the first step; see ``Simulator.start``."""
        return self.prediction.start(self.as_weights(u), t, conditions, seed)

    def advance(self, u: Tensor, t: Tensor, dt: Tensor, conditions: Conditions, memory: Tree) -> tuple[Tensor, Tree]:
        """One step of length dt; see ``Simulator.advance``."""
        return self.prediction.advance(self.network(conditions), self.as_weights(u), t, dt, conditions, memory)

    def check_times(self, t: Tensor, times: Tensor, memory: Tree) -> None:
        """Refuses times that cannot be reached; ``rollout`` asks once, before the first step."""
        self.prediction.check_times(t, times, memory)

    @torch.no_grad()
    def predict(
        self,
        u: Tensor,
        t: Tensor,
        times: Tensor | Sequence[float],
        conditions: Conditions,
        seed: Tensor | None = None,
    ) -> Tensor:
        """The states at any later times, in physical units.

        Args:
            u: (B, K, C, *N) the K = ``history`` latest snapshots, oldest first.
            t: (B, K) their times.
            times: (B, T), or T times for all trajectories; increasing, later than the last of t.
            conditions: of the B trajectories.
            seed: (B,) int64, for predictions that draw noise; 0 ... B - 1 when left out. Another seed is another member
                of an ensemble.

        Returns:
            (B, T, C, *N) in the dtype of u or of the weights, whichever is wider.

        Raises:
            ValueError: times that do not increase, a number of snapshots other than ``history``, or times that the
                prediction cannot reach.
        """
        asked = torch.as_tensor(times, dtype=torch.float64, device=u.device)
        asked = asked.expand(len(u), -1) if asked.ndim < 2 else asked
        steps = torch.diff(torch.cat([t[:, -1:].double(), asked], 1), dim=1)
        if steps.numel() and not bool((steps > 0).all()):
            raise ValueError(f"times: expected them to increase from t = {t[:, -1].tolist()}, got {asked.tolist()}")
        seed = torch.arange(len(u), device=u.device) if seed is None else seed
        start = begin(self, self.as_weights(u), t.double(), conditions, seed)
        wider = torch.promote_types(u.dtype, start.u.dtype)
        states = [state.u for state in rollout(self, start, asked, conditions)]
        return torch.stack(states, 1).to(wider) if states else u[:, :0].to(wider)


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
        label = label / per_output(prediction.scale(dt), label)
        fields.update(u.flatten(0, 1))
        outputs.update(label.unflatten(1, (-1, channels)).flatten(0, 1))
        conditions.update(prediction.told(window))
    return Normalizer(fields.moments(), outputs.moments(), conditions.moments())
