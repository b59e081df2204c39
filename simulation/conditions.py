"""What one trajectory is told about the world it evolves in."""

from dataclasses import dataclass

from torch import Tensor

from tendency.simulation.geometry import Geometry


@dataclass(frozen=True)
class Conditions:
    """The circumstances of B trajectories.

    Args:
        params: (B, P) parameters that surrogates may know, physical units, float64.
        hidden: (B, H) parameters for the solver alone.
        extent: (B, D) side lengths of the domain.
        boundary_values: (B, V) values given at the boundaries; V is 0 where there are none.
        geometry: the grid or the nodes, shared by the batch.
        param_names: the P names of the columns of ``params``.
        hidden_names: the H names of the columns of ``hidden``.
    """

    params: Tensor
    hidden: Tensor
    extent: Tensor
    boundary_values: Tensor
    geometry: Geometry
    param_names: tuple[str, ...] = ()
    hidden_names: tuple[str, ...] = ()
    batched = True

    def parameter(self, name: str) -> Tensor:
        """The values (B,) of one parameter, observed or hidden.

        Raises:
            ValueError: no parameter of that name.
        """
        if name in self.param_names:
            return self.params[:, self.param_names.index(name)]
        if name in self.hidden_names:
            return self.hidden[:, self.hidden_names.index(name)]
        raise ValueError(f"unknown parameter {name!r}: this problem has {[*self.param_names, *self.hidden_names]}")
