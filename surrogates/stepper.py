"""A trained surrogate as a simulator in physical units."""

from collections.abc import Iterable, Sequence

import torch
from torch import Tensor, nn

from tendency.simulation.conditions import Conditions
from tendency.simulation.moments import KnownMoments, RunningMoments
from tendency.simulation.simulator import Progress, begin, require_increasing, rollout
from tendency.simulation.tree import Tree
from tendency.simulation.window import Window
from tendency.surrogates.network import Network, per_output
from tendency.surrogates.normalizer import Normalizer
from tendency.surrogates.predictions.learned_steps import LearnedSteps, legs
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
        learned: the steps that it was trained on; None while it is trained, or where they are not known. Rollouts of
            what has learned its steps are refused where these do not lead to the times that are asked for.
    """

    def __init__(
        self,
        surrogate: Surrogate,
        prediction: Prediction,
        normalizer: Normalizer,
        learned: LearnedSteps | None = None,
    ) -> None:
        super().__init__()
        self.surrogate, self.prediction, self.normalizer = surrogate, prediction, normalizer
        self.learned = learned
        self.autocast: torch.dtype | None = None

    def __repr__(self) -> str:
        """The network, the meaning of its output, and the steps that it learned."""
        steps = "" if self.learned is None else f", {self.learned}"
        return f"SurrogateStepper({self.surrogate}, {self.prediction}{steps})"

    def having_learned(self, steps: LearnedSteps | None) -> "SurrogateStepper":
        """The same network as one that was trained on these steps."""
        stepper = SurrogateStepper(self.surrogate, self.prediction, self.normalizer, steps)
        stepper.autocast = self.autocast
        return stepper.train(self.training)

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
        """The memory before the first step; see ``Simulator.start``.

        Raises:
            ValueError: snapshots at other steps than those that were learned.
        """
        if self.learned is not None and self.history > 1:
            self.prediction.check_history(t, self.learned)
        return self.prediction.start(self.as_weights(u), t, conditions, seed)

    def advance(self, u: Tensor, t: Tensor, dt: Tensor, conditions: Conditions, memory: Tree) -> tuple[Tensor, Tree]:
        """One step of length dt, which is not compared with those learned; see ``Simulator.advance``."""
        return self.prediction.advance(self.network(conditions), self.as_weights(u), t, dt, conditions, memory)

    def route(self, t: Tensor, times: Tensor, memory: Tree) -> list[Tensor]:
        """The steps to each of some times; see ``ChoosesTimes.route``.

        Raises:
            ValueError: times that do not increase, or that the prediction cannot reach; see ``Prediction.route``.
        """
        if self.learned is not None:
            require_increasing(t, times)
        return self.prediction.route(t, times, memory, self.learned)

    @torch.no_grad()
    def predict(
        self,
        u: Tensor,
        t: Tensor,
        times: Tensor | Sequence[float],
        conditions: Conditions,
        seed: Tensor | None = None,
    ) -> Tensor:
        """The states at later times, in physical units.

        A derivative is stepped to any time, in steps of its integrator that are at most as long as those learned
        (``rollout`` takes one step from time to time); other predictions take the steps that they learned.

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
        require_increasing(t[:, -1], asked)
        seed = torch.arange(len(u), device=u.device) if seed is None else seed
        progress = begin(self, self.as_weights(u), t.double(), conditions, seed)
        wider = torch.promote_types(u.dtype, progress.u.dtype)
        states = []
        for leg in self._short_legs(progress, asked):
            *_, progress = rollout(self, progress, leg, conditions)
            states.append(progress.u)
        return torch.stack(states, 1).to(wider) if states else u[:, :0].to(wider)

    def _short_legs(self, progress: Progress, times: Tensor) -> list[Tensor]:
        """The times (B, K) of steps to each of some times, none longer than those learned."""
        found = self.route(progress.t, times, progress.memory)
        # An integrator that chooses its own steps needs none to be chosen for it.
        if self.learned is None or self.prediction.network_calls is None:
            return found
        starts = [progress.t, *(leg[:, -1] for leg in found)]
        longest = self.learned.longest
        return [torch.cat(legs(t, leg, 0.0, longest), 1) for t, leg in zip(starts[:-1], found, strict=True)]


def fit_normalizer(prediction: Prediction, windows: Iterable[Window]) -> Normalizer:
    """Measures the units on training windows of the prediction's own offsets.

    The outputs' moments are those of label / scale(dt), so that increments, derivatives and whatever else a prediction
    may mean come out with unit variance. Known fields are measured at the present; those that are 0 or 1 everywhere,
    such as masks, keep their values.

    Args:
        prediction: what the output means.
        windows: batches that cover the training split once.

    Raises:
        ValueError: no windows.
    """
    fields, outputs, conditions = RunningMoments(), RunningMoments(), RunningMoments()
    known = KnownMoments()
    for window in windows:
        channels = window.u.shape[2]
        u, _ = window.history(prediction.history)
        dt = prediction.step(window)
        label = prediction.label(window, u[:, -1])
        label = label / per_output(prediction.scale(dt), label)
        fields.update(u.flatten(0, 1))
        outputs.update(label.unflatten(1, (-1, channels)).flatten(0, 1))
        conditions.update(prediction.told(window))
        known.update(window.conditions.known_at(window.time(0)))
    return Normalizer(fields.moments(), outputs.moments(), conditions.moments(), known.moments())
