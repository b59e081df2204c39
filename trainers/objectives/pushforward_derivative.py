"""Pushforward for a predicted time derivative, with the solver's own label at the drifted state."""

import torch
from torch import Tensor

from tendency.data.metadata import TrajectoryMetadata
from tendency.simulation.simulator import ReferenceSolver
from tendency.simulation.window import Window
from tendency.surrogates.predictions.derivative import DerivativePrediction
from tendency.surrogates.predictions.prediction import Prediction
from tendency.surrogates.stepper import SurrogateStepper
from tendency.trainers.losses import Loss
from tendency.trainers.objectives.depth import Depth
from tendency.trainers.objectives.objective import Objective, Offsets, sample_keys
from tendency.trainers.objectives.rollout_blocks import begin_at_present, rollout_offsets, without_gradient


class PushforwardDerivative(Objective):
    """Rolls out ``depth`` - 1 blocks without a gradient, and there compares the network's u_t with the solver's.

    The label is the right-hand side at the drifted state itself. That of the true state, the obvious choice, is wrong
    there by J (ũ - u) with the equation's Jacobian J. A stiff equation magnifies whatever roughness the network has
    left in ũ, by |k|⁴ for a fourth derivative: where that rules the loss, use ``pushforward``, which compares states.

    Args:
        loss: how output and label are compared, in network units.
        depth: blocks of the rollout, the last being the evaluation that is trained.
        solver: that tells u_t at drifted states; the run hands it in.
    """

    depth: Depth

    def __init__(self, loss: Loss, depth: Depth, solver: ReferenceSolver | None = None) -> None:
        super().__init__(loss)
        self.depth, self.solver = depth, solver

    def with_solver(self, solver: ReferenceSolver) -> "PushforwardDerivative":
        """The same objective, which asks this solver."""
        return PushforwardDerivative(self.compare, self.depth, solver)

    def offsets(self, prediction: Prediction) -> Offsets:
        """The history, and the times of the blocks before the last."""
        return rollout_offsets(prediction, self.depth.steps - 1)

    def check(self, prediction: Prediction, metadata: TrajectoryMetadata) -> None:
        """Needs a derivative, and a solver that tells it."""
        if not isinstance(prediction, DerivativePrediction):
            raise ValueError(
                "objective: PushforwardDerivative compares time derivatives, expected prediction=derivative, "
                f"got {type(prediction).__name__}; use objective=pushforward"
            )
        if self.solver is None:
            raise ValueError(
                "objective: PushforwardDerivative asks the solver for u_t at drifted states, and there is none that "
                f"solves {metadata.name} on the points where it is stored; use objective=pushforward"
            )
        super().check(prediction, metadata)

    def loss(self, stepper: SurrogateStepper, window: Window, seed: int, step: int) -> Tensor:
        """The mean loss of the batch."""
        if self.solver is None:
            raise ValueError("objective: PushforwardDerivative has not been handed a solver")
        progress = begin_at_present(stepper, window, sample_keys(window, seed, step))
        progress = without_gradient(stepper, window, progress, self.depth(seed, step) - 1)
        u, t, conditions = progress.u, progress.t, window.conditions
        with torch.no_grad():
            label = self.solver.time_derivative(u.double(), t, conditions).to(u.dtype)
        prediction, network = stepper.prediction, stepper.network(conditions)
        dt = torch.ones_like(t)
        output = prediction.network_output(network, u, t, dt, conditions, progress.memory)
        return self.compare(output, network.encode_output(label, prediction.scale(dt)), conditions).mean()
