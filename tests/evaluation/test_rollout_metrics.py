"""Every metric of a rollout against plain numpy, on random trajectories where each snapshot differs from the next."""

import json
import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from scipy import stats

from tendency.evaluation.metrics.absolute_errors import AbsoluteErrors
from tendency.evaluation.metrics.band_errors import BandErrors
from tendency.evaluation.metrics.boundary_error import BoundaryError
from tendency.evaluation.metrics.conserved_drift import ConservedDrift
from tendency.evaluation.metrics.context import Subject
from tendency.evaluation.metrics.distribution import Distribution
from tendency.evaluation.metrics.ensemble import ContinuousRankedProbability, Coverage, SpreadAndSkill
from tendency.evaluation.metrics.enstrophy import Enstrophy, vorticity
from tendency.evaluation.metrics.mean_spectrum import MeanSpectrum
from tendency.evaluation.metrics.valid_times import ErrorTime
from tendency.evaluation.report_description import ReportDescription
from tendency.evaluation.rollouts.evaluate_rollouts import MeasurementPlan, evaluate_rollouts
from tendency.evaluation.statistics.summary import summarise
from tendency.simulation.conditions import Conditions
from tendency.simulation.fields import Field
from tendency.simulation.geometry import Boundary, Grid, chebyshev_nodes
from tendency.simulation.moments import Moments
from tendency.simulation.problem import CharacteristicTime
from tendency.simulation.window import Window

B, T, N = 3, 6, 8
ALL = (
    AbsoluteErrors(),
    ErrorTime([0.5, 1.0]),
    BandErrors([2, 3]),
    Enstrophy(),
    ConservedDrift(),
    BoundaryError(),
    Distribution(bins=40, reach=4.0),
    MeanSpectrum(),
    ContinuousRankedProbability(),
    SpreadAndSkill(),
    Coverage(),
)


class Replay:
    """A simulator that plays what it was given: predictions (T, B, C, *N) of the snapshots since the start."""

    history = 1

    def __init__(self, states, noise=None):
        self.states, self.noise, self.draws_noise = states, noise, noise is not None

    def start(self, u, t, conditions, seed):
        return {"seed": seed}

    def advance(self, u, t, dt, conditions, memory):
        # The snapshot and the trajectory are told by the time and a parameter.
        snapshot = (t + dt).round().long()
        row = conditions.params[:, 0].long()
        state = self.states[snapshot, row]
        if self.noise is not None:
            state = state + self.noise[memory["seed"] % len(self.noise), snapshot]
        return state, memory


class MeanKeeper:
    """Stands for a reference solver: all that is asked of it is what it conserves."""

    def conserved(self, u, conditions):
        return {"mean": u, "energy": u.square().sum(1, keepdim=True)}


@pytest.fixture(scope="module")
def case():
    """Truth and predictions (B, T, C, N, N), a window of the truth, and what is judged."""
    generator = torch.Generator().manual_seed(0)
    truth = torch.randn(B, T, 2, N, N, generator=generator, dtype=torch.float64)
    noise = torch.randn(truth.shape, generator=generator, dtype=torch.float64)
    predicted = truth + torch.linspace(0, 1.5, T).reshape(1, T, 1, 1, 1) * noise
    predicted[:, 0] = truth[:, 0]
    grid = Grid([N, N], Boundary.periodic(2))
    index = torch.arange(B)
    empty = torch.zeros(B, 0, dtype=torch.float64)
    extent = torch.full((B, 2), 2 * math.pi, dtype=torch.float64)
    conditions = Conditions(index[:, None].double(), empty, extent, empty, grid, ("row",))
    t = torch.arange(T, dtype=torch.float64).expand(B, T)
    window = Window(truth, t, conditions, None, index, torch.zeros_like(index), torch.ones_like(index))
    moments = Moments(torch.zeros(2, dtype=torch.float64), torch.tensor([1.0, 2.0], dtype=torch.float64))
    subject = Subject((Field("velocity", 1),), grid, MeanKeeper(), moments)
    return truth.numpy(), predicted.numpy(), window, subject


@pytest.fixture(scope="module")
def results(case, tmp_path_factory):
    _truth, predicted, window, subject = case
    replay = Replay(torch.from_numpy(predicted).transpose(0, 1).contiguous())
    return evaluate_rollouts(
        {"replay": replay},
        [window],
        ["velocity_x", "velocity_y"],
        tmp_path_factory.mktemp("report"),
        description=ReportDescription(characteristic_time=CharacteristicTime("Lyapunov time", 2.0)),
        measurement=MeasurementPlan(ALL, subject),
    )


def of(results, name):
    values = results[name]
    return (values.isel(simulator=0) if "simulator" in values.dims else values).values


def shell_energies(u):
    """Plain loops over the modes of the full transform: (shells,) of one field (N, N)."""
    modes = np.fft.fft2(u) / u.size
    numbers = np.fft.fftfreq(N, 1 / N)
    energy = np.zeros(2 * N)
    for i, k in enumerate(numbers):
        for j, m in enumerate(numbers):
            energy[int(math.hypot(k, m) + 1e-9)] += abs(modes[i, j]) ** 2 / 2
    return energy


def test_absolute_errors(case, results):
    truth, predicted, _, _ = case
    difference = predicted - truth
    assert of(results, "mse") == pytest.approx((difference**2).mean((3, 4)), rel=1e-10, abs=1e-14)
    assert of(results, "max_error") == pytest.approx(np.abs(difference).max((3, 4)), rel=1e-10, abs=1e-14)


def test_valid_times_and_the_geometric_mean(case, results):
    truth, predicted, _, _ = case
    error = np.sqrt(((predicted - truth) ** 2).sum((2, 3, 4)) / (truth**2).sum((2, 3, 4)))
    assert of(results, "nrmse") == pytest.approx(error, rel=1e-10, abs=1e-14)
    assert of(results, "rollout_nrmse") == pytest.approx(stats.gmean(error[:, 1:], axis=1), rel=1e-10)
    for column, threshold in enumerate((0.5, 1.0)):
        for row in range(B):
            after = next((s for s in range(T) if error[row, s] > threshold), None)
            expected = T - 1.0
            if after is not None:
                low, high = error[row, after - 1], error[row, after]
                expected = after - 1 + (threshold - low) / (high - low)
            assert of(results, "nrmse_time")[row, column] == pytest.approx(expected, rel=1e-10)
            assert of(results, "nrmse_time_censored")[row, column] == (after is None)


def test_bands_add_up_to_the_whole_error(case, results):
    truth, predicted, _, _ = case
    bands = of(results, "band_error")
    assert np.nansum(bands**2, axis=2) == pytest.approx(of(results, "nrmse") ** 2, rel=1e-10, abs=1e-14)
    for row, snapshot in ((0, 3), (2, 5)):
        error, there, guess = (
            sum(shell_energies(u[row, snapshot, c]) for c in range(2)) for u in (predicted - truth, truth, predicted)
        )
        for column, band in enumerate((slice(0, 2), slice(2, 3), slice(3, None))):
            expected = math.sqrt(error[band].sum() / there.sum())
            assert bands[row, snapshot, column] == pytest.approx(expected, rel=1e-10)
            ratio = guess[band].sum() / there[band].sum()
            assert of(results, "band_energy")[row, snapshot, column] == pytest.approx(ratio, rel=1e-10)


def test_the_enstrophy_is_that_of_the_curl(case, results):
    truth, predicted, _, _ = case
    wave = np.fft.fftfreq(N, 1 / N)
    wave[N // 2] = 0
    for values, name in ((predicted, "enstrophy"), (truth, "true_enstrophy")):
        hat = np.fft.fft2(values, axes=(3, 4))
        curl = np.fft.ifft2(1j * (wave[:, None] * hat[:, :, 1] - wave * hat[:, :, 0]), axes=(2, 3)).real
        assert of(results, name) == pytest.approx((curl**2).mean((2, 3)) / 2, rel=1e-10)


def test_the_drift_counts_from_the_start(case, results):
    truth, predicted, _, _ = case
    # Each quantity by the size of its own density in the truth: an energy is no velocity.
    energy, true_energy = ((u**2).sum(2).mean((2, 3)) for u in (predicted, truth))
    mean, speed = predicted.mean((3, 4)), np.sqrt((truth**2).sum(2)).mean((2, 3))
    assert results["quantity"].values.tolist() == ["energy", "mean"]
    changes = (np.abs(energy - energy[:, :1]), np.abs(mean - mean[:, :1]).max(2))
    for column, (change, size) in enumerate(zip(changes, (true_energy, speed), strict=True)):
        expected = change / np.maximum(size[:, :1], size)
        assert of(results, "conserved_drift")[..., column] == pytest.approx(expected, rel=1e-10, abs=1e-14)


def test_distributions_pool_all_snapshots_but_the_start(case, results):
    truth, predicted, _, subject = case
    edges = np.linspace(-4, 4, 41)
    for channel, scale in enumerate(subject.moments.std.tolist()):
        for row in range(B):
            pooled = [np.clip(u[row, 1:, channel].ravel() / scale, -3.999, 3.999) for u in (predicted, truth)]
            shares = [np.histogram(z, edges)[0] / z.size for z in pooled]
            assert of(results, "histogram")[row, channel] == pytest.approx(shares[0], abs=1e-12)
            assert of(results, "true_histogram")[row, channel] == pytest.approx(shares[1], abs=1e-12)
            middles = (edges[1:] + edges[:-1]) / 2 * scale
            expected = stats.wasserstein_distance(middles, middles, *shares)
            assert of(results, "wasserstein")[row, channel] == pytest.approx(expected, rel=1e-9)


def test_mean_spectra_leave_the_start_out(case, results):
    truth, predicted, _, _ = case
    row, channel = 1, 0
    shells = results.sizes["shell"]
    mean, true = (
        np.mean([shell_energies(u[row, s, channel])[:shells] for s in range(1, T)], axis=0) for u in (predicted, truth)
    )
    assert of(results, "mean_spectrum")[row, channel] == pytest.approx(mean, rel=1e-10)
    assert of(results, "true_mean_spectrum")[row, channel] == pytest.approx(true, rel=1e-10)
    expected = math.sqrt(np.mean((np.log(mean[1:]) - np.log(true[1:])) ** 2))
    assert of(results, "spectrum_log_error")[row, channel] == pytest.approx(expected, rel=1e-10)


@pytest.mark.parametrize("n", [96, 98])
def test_the_curl_of_the_shortest_wave_vanishes_on_the_points(n):
    """98 / 98 differs from 1 once 1 / 98 has been rounded: the shortest wave must be found all the same."""
    i = torch.arange(n)
    shortest = torch.cos(math.pi * i)[:, None] * torch.sin(2 * math.pi * i / n)
    velocity = torch.stack([torch.zeros(n, n), shortest])[None]
    assert float(vorticity(velocity, torch.ones(1, 2)).abs().max()) < 1e-9


def test_times_are_also_told_in_the_problems_own_unit(results):
    figures = summarise(results)["replay"]
    assert figures["nrmse_time_0.5_characteristic"] == figures["nrmse_time_0.5"] / 2


def test_what_makes_no_sense_is_left_out_with_its_reason(results):
    attributes = json.loads(results.attrs["description"])
    assert attributes["not_applicable"]["boundary_error"] == "the domain is periodic"
    assert attributes["not_applicable"]["crps"].startswith("one rollout is no ensemble")
    assert "boundary_error" not in results
    scalar = Subject((Field("temperature"),), Grid([N, N], Boundary.periodic(2)))
    assert Enstrophy().reason_against(scalar) == "no field is a vorticity or a velocity: temperature"
    assert Distribution().reason_against(scalar)
    assert ConservedDrift().reason_against(scalar)


def test_boundary_errors_are_those_of_the_outermost_cells(case):
    truth, predicted, window, _ = case
    walls = Grid([N, N], Boundary([["neumann", "neumann"], ["periodic", "periodic"]]))
    conditions = replace(window.conditions, geometry=walls)
    subject = Subject((Field("u"), Field("v")), walls)
    weights = walls.weights(conditions.extent)
    from tendency.evaluation.metrics.context import BatchContext

    context = BatchContext(subject, conditions, window.t, window.u[:, 0], weights)
    p, y = torch.from_numpy(predicted[:, 3]), torch.from_numpy(truth[:, 3])
    square = (predicted[:, 3] - truth[:, 3])[:, :, [0, -1]] ** 2
    expected = np.sqrt(square.mean((2, 3)).sum(1) / (truth[:, 3] ** 2).mean((2, 3)).sum(1))
    assert BoundaryError().measure(p, y, context)["boundary_error"].numpy() == pytest.approx(expected, rel=1e-10)


def test_a_rollout_blows_up_where_it_leaves_all_bounds(case, tmp_path):
    _, predicted, window, subject = case
    wild = predicted.copy()
    wild[0, 4:] *= 1e3
    wild[1, 2:] = np.nan
    replay = Replay(torch.from_numpy(wild).transpose(0, 1).contiguous())
    found = evaluate_rollouts(
        {"wild": replay},
        [window],
        ["x", "y"],
        tmp_path,
        description=ReportDescription(),
        measurement=MeasurementPlan(ALL, subject),
    )
    assert of(found, "blow_up_time").tolist() == [4.0, 2.0, 5.0]
    assert of(found, "blew_up").tolist() == [True, True, False]
    figures = summarise(found)["wild"]
    assert figures["stable_share"] == pytest.approx(1 / 3)
    assert (figures["blow_up_time"], figures["blow_up_time_censored"]) == (4.0, False)


def test_an_ensemble_is_scored_member_by_member(case, tmp_path):
    truth, predicted, window, subject = case
    noise = torch.randn(97, T, 2, N, N, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    states = torch.from_numpy(predicted).transpose(0, 1).contiguous()
    simulators = {"draws": Replay(states, noise), "certain": Replay(states)}
    found = evaluate_rollouts(
        simulators,
        [window],
        ["x", "y"],
        tmp_path,
        description=ReportDescription(),
        measurement=MeasurementPlan(ALL, subject, 4),
    )
    from tendency.simulation.random import mix

    keys = [window.index, *(mix(window.index, m) for m in (1, 2, 3))]
    members = np.stack([predicted + noise[key % 97].numpy() for key in keys])
    snapshot = 4
    x, y = members[:, :, snapshot], truth[:, snapshot]
    pairs = np.abs(x[:, None] - x[None]).sum((0, 1)) / (2 * 4 * 3)
    expected = (np.abs(x - y).mean(0) - pairs).mean((2, 3))
    draws = found.sel({"simulator": "draws"})
    assert draws.crps.values[:, snapshot] == pytest.approx(expected, rel=1e-10)
    assert draws.ensemble_variance.values[:, snapshot] == pytest.approx(x.var(0, ddof=1).mean((2, 3)), rel=1e-10)
    assert draws.ensemble_mse.values[:, snapshot] == pytest.approx(((x.mean(0) - y) ** 2).mean((2, 3)), rel=1e-10)
    inside = ((x.min(0) <= y) & (y <= x.max(0))).mean((2, 3))
    assert draws.coverage.values[:, snapshot] == pytest.approx(inside, rel=1e-10)
    # The rollout itself is the first member, and what draws nothing has no ensemble.
    assert draws.mse.values[:, snapshot] == pytest.approx(((members[0, :, snapshot] - y) ** 2).mean((2, 3)), rel=1e-10)
    assert found.sel({"simulator": "certain"}).crps.isnull().all()
    figures = summarise(found)
    assert "crps_x" in figures["draws"]
    assert "crps_x" not in figures["certain"]


def test_only_what_says_that_it_draws_noise_has_an_ensemble(case, tmp_path):
    _, predicted, window, subject = case
    noise = torch.randn(97, T, 2, N, N, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    silent = Replay(torch.from_numpy(predicted).transpose(0, 1).contiguous(), noise)
    del silent.draws_noise
    found = evaluate_rollouts(
        {"silent": silent},
        [window],
        ["x", "y"],
        tmp_path,
        description=ReportDescription(),
        measurement=MeasurementPlan(ALL, subject, 4),
    )
    assert found.crps.isnull().all()


def test_an_ensemble_that_is_as_uncertain_as_it_should_be_has_the_spread_of_its_error(case):
    generator = torch.Generator().manual_seed(2)
    y, *members = torch.randn(9, 40, 1, N, N, generator=generator, dtype=torch.float64)
    _, _, window, subject = case
    from tendency.evaluation.metrics.context import BatchContext

    weights = torch.ones(40, N, N, dtype=torch.float64)
    context = BatchContext(subject, window.conditions, window.t, y, weights)
    found = SpreadAndSkill().measure(torch.stack(members), y, context)
    ratio = math.sqrt(9 / 8 * float(found["ensemble_variance"].mean() / found["ensemble_mse"].mean()))
    assert ratio == pytest.approx(1, abs=0.03)
    covered = Coverage().measure(torch.stack(members), y, context)["coverage"].mean()
    assert float(covered) == pytest.approx(7 / 9, abs=0.02)


def test_nodes_have_no_spectra_but_walls(tmp_path):
    nodes = chebyshev_nodes(9, Boundary([["dirichlet", "dirichlet"]]))
    truth = torch.randn(2, 4, 1, 9, generator=torch.Generator().manual_seed(3), dtype=torch.float64)
    empty, index = torch.zeros(2, 0, dtype=torch.float64), torch.arange(2)
    conditions = Conditions(index[:, None].double(), empty, torch.ones(2, 1).double(), empty, nodes, ("row",))
    t = torch.arange(4, dtype=torch.float64).expand(2, 4)
    window = Window(truth, t, conditions, None, index, torch.zeros_like(index), torch.ones_like(index))
    predicted = truth + 0.1
    predicted[:, 0] = truth[:, 0]
    replay = Replay(predicted.transpose(0, 1).contiguous())
    found = evaluate_rollouts(
        {"replay": replay}, [window], ["u"], tmp_path, description=ReportDescription(), measurement=MeasurementPlan(ALL)
    )
    reasons = json.loads(found.attrs["description"])["not_applicable"]
    assert {"spectrum", "band_error", "mean_spectrum", "conserved_drift", "enstrophy"} <= set(reasons)
    assert not {"spectrum", "band_error"} & set(found.data_vars)
    size = found.nrmse.values[0, :, 1:]
    # The same error everywhere: beside the walls as in the whole domain.
    assert of(found, "boundary_error")[:, 1:] == pytest.approx(size, rel=1e-10)
    assert "final_boundary_error" in summarise(found)["replay"]
