"""How long the eddies of a flow take to turn over, from its vorticity."""

import torch
from torch import Tensor

from tendency.simulation.fourier import transform, wavenumbers
from tendency.solvers.spectral import squared_norm


def eddy_turnover_time(vorticity: Tensor, extent: Tensor) -> float:
    """T = L / u', with u'² = ∫ E dk and L = 2 ∫ E / k dk / ∫ E dk, of a periodic flow in the plane.

    u' is the root mean square of one component of the velocity and L the longitudinal integral length of an isotropic
    flow with that spectrum: L = ∫ f dr, f the correlation of the component along r of the velocities at two points r
    apart, is π/2 times the one-dimensional spectrum at wavenumber 0 over u'². What is the factor 2 in the plane is 3π/4
    in space. Energies are averaged over all states before anything is divided.

    Args:
        vorticity: (B, 1, N, N).
        extent: (B, 2) side lengths.

    References:
        Pope: Turbulent Flows. Cambridge University Press (2000), doi:10.1017/CBO9780511840531, section 6.5 (the same
        relations in space).
    """
    shape = tuple(vorticity.shape[-2:])
    k2 = squared_norm(wavenumbers(shape, extent))
    count = torch.full((shape[1] // 2 + 1,), 2.0, dtype=torch.float64)
    # A real transform keeps one of each pair of conjugate modes.
    count[0] = 1.0
    if shape[1] % 2 == 0:
        count[-1] = 1.0
    amplitude = transform(vorticity.double(), 2) / (shape[0] * shape[1])
    # ½ |û|² = ½ |ω̂|² / k²; a mean flow carries all eddies along and turns none.
    energy = torch.where(k2 > 0, 0.5 * count * amplitude.abs().square() / k2, 0.0)
    total = float(energy.sum((1, 2, 3)).mean())
    weighted = float(torch.where(k2 > 0, energy / k2.sqrt(), 0.0).sum((1, 2, 3)).mean())
    return 2 * weighted / total**1.5
