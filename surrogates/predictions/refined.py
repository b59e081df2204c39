"""PDE-Refiner: a first answer, then K corrections of ever smaller amplitude by denoising.

References:
    Lippe, Veeling, Perdikaris, Turner, Brandstetter: PDE-Refiner: Achieving Accurate Long Rollouts with Neural PDE
    Solvers. arXiv:2308.05732, sections 3.1 and 3.2, appendix C.
"""

from typing import Annotated

import torch
from annotated_types import Gt, Lt
from torch import Tensor

from tendency.simulation.annotations import PositiveInt
from tendency.simulation.conditions import Conditions
from tendency.simulation.random import mix, normal, uniform
from tendency.simulation.tree import Tree, per_sample
from tendency.simulation.window import Window
from tendency.surrogates.network import Network
from tendency.surrogates.predictions.bundle import next_snapshot
from tendency.surrogates.predictions.increment import IncrementPrediction
from tendency.surrogates.predictions.prediction import Prediction
from tendency.surrogates.predictions.state import StatePrediction


class RefinedPrediction(Prediction):
    """The output is the target y at refinement step 0, and the noise in it at the steps k = 1 ... K.

    With z the target in network units and ε ~ N(0, 1), the network sees the state, a noisy target and k::

        k = 0:  N(u, 0, 0)             should be  z
        k > 0:  N(u, z + σ_k ε, k)     should be  ε,    σ_k = σ_min^(k/K)

    and a step of a rollout starts from z = N(u, 0, 0) and repeats z <- (z + σ_k ε) - σ_k N(u, z + σ_k ε, k). What the
    noise of size σ_k drowns is predicted anew, so that small scales are learned as carefully as large ones.

    Noise is drawn from the trajectory's seed and the number of its steps, so that a sample does not depend on the batch
    it was made in, and other seeds make other members of an ensemble.

    Args:
        target: what y is: the state, or the increment.
        num_refinements: K; a step costs K + 1 network calls.
        smallest_noise: σ_min, a standard deviation in units of the target's. The paper's code hands its value (4e-7 for
            Kuramoto-Sivashinsky) on as a variance; its square root is meant here. In single precision z + 1e-7 ε has
            lost ε to rounding.

    Raises:
        ValueError: a target that is neither a state nor an increment.
    """

    draws_noise = True

    def __init__(
        self,
        target: StatePrediction | IncrementPrediction,
        num_refinements: PositiveInt = 3,
        smallest_noise: Annotated[float, Gt(0), Lt(1)] = 6.3e-4,
    ) -> None:
        if not isinstance(target, StatePrediction | IncrementPrediction):
            raise ValueError(
                f"prediction.target: expected a StatePrediction or IncrementPrediction, got {type(target).__name__}; "
                "a derivative is refined by its integrator"
            )
        super().__init__(target.history, target.conditioned_on, target.bundle)
        self.target, self.num_refinements, self.smallest_noise = target, num_refinements, smallest_noise
        self.network_calls = (num_refinements + 1) / target.bundle

    def in_channels(self, channels: int) -> int:
        """The history and the noisy target."""
        return channels * (self.history + self.bundle)

    def num_conditions(self, params: int) -> int:
        """The refinement step comes last."""
        return super().num_conditions(params) + 1

    def scale(self, dt: Tensor) -> Tensor:
        """The target's."""
        return self.target.scale(dt)

    def label(self, window: Window, u: Tensor) -> Tensor:
        """The target's."""
        return self.target.label(window, u)

    def noise_level(self, k: Tensor) -> Tensor:
        """σ_k (B,) of refinement steps k (B,) > 0; 0 at step 0, where nothing is known that could be noisy."""
        sigma = self.smallest_noise ** (k.double() / self.num_refinements)
        return torch.where(k > 0, sigma, 0.0)

    def start(self, u: Tensor, t: Tensor, conditions: Conditions, seed: Tensor) -> Tree:
        """The seed, and the number of steps that were taken."""
        return super().start(u, t, conditions, seed) | {"seed": seed, "count": torch.zeros_like(seed)}

    def told(self, window: Window) -> Tensor:
        """The conditions with each of the refinement steps."""
        conditions = super().told(window)
        steps = range(self.num_refinements + 1)
        return torch.cat([_with_step(conditions, conditions.new_full((len(conditions),), k)) for k in steps])

    def answer(
        self,
        network: Network,
        noisy: Tensor,
        k: Tensor,
        u: Tensor,
        t: Tensor,
        dt: Tensor,
        conditions: Conditions,
        memory: Tree,
    ) -> Tensor:
        """The answer (B, out_channels, *N) at refinement steps k (B,) to a noisy target, both in network units."""
        told = _with_step(self.conditions(t, dt, conditions), k)
        return network.raw(self.seen(u, memory), t, told, noisy)

    def network_output(
        self, network: Network, u: Tensor, t: Tensor, dt: Tensor, conditions: Conditions, memory: Tree
    ) -> Tensor:
        """The refined target (B, out_channels, *N), network units."""
        key = mix(memory["seed"], memory["count"])
        z = u.new_zeros(len(u), self.out_channels(u.shape[1]), *u.shape[2:])
        for step in range(self.num_refinements + 1):
            k = torch.full((len(u),), step, device=u.device)
            if step == 0:
                z = self.answer(network, z, k, u, t, dt, conditions, memory)
                continue
            sigma = per_sample(self.noise_level(k), z)
            noisy = z + sigma * normal(mix(key, step), tuple(z.shape[1:])).to(z.dtype)
            z = noisy - sigma * self.answer(network, noisy, k, u, t, dt, conditions, memory)
        return network.masked(z)

    def pair(self, network: Network, window: Window, u: Tensor, memory: Tree, key: Tensor) -> tuple[Tensor, Tensor]:
        """Answer and label at a refinement step that is drawn for each sample from its key (B,)."""
        t, dt = window.time(0), self.step(window)
        z = network.encode_output(self.label(window, u), self.scale(dt))
        k = (uniform(mix(key, 0)) * (self.num_refinements + 1)).long()
        noise = normal(mix(key, 1), tuple(z.shape[1:])).to(z.dtype)
        first = per_sample(k == 0, z).bool()
        noisy = torch.where(first, 0.0, z + per_sample(self.noise_level(k), z) * noise)
        answer = self.answer(network, noisy, k, u, t, dt, window.conditions, memory)
        return answer, torch.where(first, z, noise)

    def advance(
        self, network: Network, u: Tensor, t: Tensor, dt: Tensor, conditions: Conditions, memory: Tree
    ) -> tuple[Tensor, Tree]:
        """One refined step, or the next snapshot of a refined bundle."""
        u_next, bundle = next_snapshot(
            lambda: self.target.snapshots(u, self.output(network, u, t, dt, conditions, memory)), dt, memory["bundle"]
        )
        after = {"past": self.slide(u, memory), "bundle": bundle, "count": memory["count"] + 1}
        return u_next, memory | after


def _with_step(conditions: Tensor, k: Tensor) -> Tensor:
    return torch.cat([conditions, k.to(conditions.dtype)[:, None]], 1)
