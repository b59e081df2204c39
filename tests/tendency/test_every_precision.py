"""Each precision from a dataset to a report, and on to rollouts in Python and exported files, with each network."""

import json
import sys

import pytest
import torch

import tendency
from tendency.app.configuration.conf_files import conf_folder
from tendency.errors import ArtefactError, ConfigError

MODELS = sorted(path.stem for path in (conf_folder() / "model").glob("*.yaml"))
WEIGHTS = {"32-true": torch.float32, "bf16-mixed": torch.float32, "16-mixed": torch.float32, "64-true": torch.float64}
SMALL = ["pde.geometry.shape=[16]", "pde.times.num_snapshots=9"]
SIZES = {"width": 8, "modes": 4, "num_layers": 1, "num_blocks": 1}
FOREIGN = '''
import torch
from torch import nn


class Spectral(nn.Module):
    """A Fourier layer with complex weights, as other projects have them."""

    def __init__(self, in_channels, out_channels):
        super().__init__()
        self.weight = nn.Parameter(torch.randn(in_channels, out_channels, 4, dtype=torch.complex64) / in_channels)
        self.last = nn.Conv1d(out_channels, out_channels, 1)

    def forward(self, u):
        modes = torch.fft.rfft(u)[..., :4]
        return self.last(torch.fft.irfft(torch.einsum("bik,iok->bok", modes, self.weight), n=u.shape[-1]))
'''


def chosen(model, compose_config):
    """What makes a network small, whatever arguments it has."""
    foreign = ["model.network._target_=foreign_spectral.Spectral"] if model == "external" else []
    node = compose_config("train", ["pde=heat", f"model={model}", "name=test", *foreign])["model"]
    return [f"model={model}", *foreign, *(f"model.{key}={size}" for key, size in SIZES.items() if key in node)]


@pytest.fixture(scope="module", autouse=True)
def foreign(tmp_path_factory):
    """A package with a network that knows nothing of this project."""
    folder = tmp_path_factory.mktemp("foreign")
    (folder / "foreign_spectral.py").write_text(FOREIGN)
    sys.path.insert(0, str(folder))
    yield
    sys.path.remove(str(folder))
    sys.modules.pop("foreign_spectral", None)


def rolled_out(path, homes, dtype, trust=True):
    """Rollouts of a trained or exported surrogate, by both faces; float32 states are what datasets hold."""
    surrogate = tendency.load_surrogate(path, trust)
    assert surrogate.stepper.surrogate.dtype == dtype
    dataset = f"{homes['TENDENCY_DATASETS']}/{surrogate.recipe.dataset}"
    window = tendency.open_windows(dataset, "test").windows([0, 7])
    assert window.at(0).dtype == torch.float32
    start = tendency.begin(surrogate, *window.history(1), window.conditions, window.index)
    with torch.no_grad():
        (state,) = tendency.rollout(surrogate, start, window.times(1, 1), window.conditions)
    assert state.u.dtype == dtype
    params = {"diffusivity": window.conditions.parameter("diffusivity").numpy()}
    arguments = {"params": params, "extent": window.conditions.extent[0].tolist()}
    states = surrogate.rollout(window.at(0)[:, None].numpy(), [0.1, 0.2], **arguments)
    assert states.dtype == {torch.float32: "float32", torch.float64: "float64"}[dtype]
    assert torch.allclose(torch.from_numpy(states)[:, 0], state.u, rtol=1e-5, atol=1e-6)
    return torch.from_numpy(states)


@pytest.mark.parametrize("precision", ["bf16-mixed", "64-true"])
def test_a_run_trains_and_is_rolled_out(small_run, homes, precision):
    short = ["model.width=4", "model.modes=3", "model.num_layers=1", "trainer.max_epochs=1"]
    run = small_run("heat", [*SMALL, *short, f"trainer.precision={precision}", f"name=short-{precision}"])
    assert torch.isfinite(rolled_out(run, homes, WEIGHTS[precision])).all()


COMPLEX = {
    "16-mixed": (ValueError, "trainer.precision: this network cannot be computed in 16-mixed on cpu"),
    "64-true": (ArtefactError, "export: weights.safetensors holds no complex numbers in double precision"),
}
"""What a network with complex weights is refused, and with which words."""


@pytest.mark.slow
@pytest.mark.parametrize("precision", WEIGHTS)
@pytest.mark.parametrize("model", MODELS)
def test_every_network_goes_from_data_to_exported_files(
    model, precision, small_run, run_evaluation, homes, compose_config, tmp_path, capsys
):
    name, refused = f"{model}-{precision}", COMPLEX.get(precision) if model == "external" else None
    training = [f"trainer.precision={precision}", "trainer.accumulate_grad_batches=2", f"name={name}"]
    arguments = [*SMALL, *chosen(model, compose_config), *training]
    if refused and refused[0] is ValueError:
        with pytest.raises(ValueError, match=refused[1]):
            small_run("heat", arguments)
        return
    run = small_run("heat", arguments, evaluate=True)
    assert f"precision {precision}" in capsys.readouterr().out
    own = json.loads((run / "report" / "metrics.json").read_text())["summary"][name]
    again = [f"runs=[{run}]", f"name=again-{name}", "trust=true"]
    run_evaluation(homes["TENDENCY_OUTPUTS"], *again)
    path = run.parent / f"again-{name}" / "metrics.json"
    assert json.loads(path.read_text())["summary"][name] == pytest.approx(own, rel=1e-6, nan_ok=True)
    states = rolled_out(run, homes, WEIGHTS[precision])
    if refused:
        with pytest.raises(refused[0], match=refused[1]):
            tendency.export(run, tmp_path, trust=True)
        return
    tendency.export(run, tmp_path, trust=True)
    assert torch.equal(rolled_out(tmp_path, homes, WEIGHTS[precision]), states)


@pytest.mark.slow
@pytest.mark.parametrize("algorithm", ["norm", "value"])
@pytest.mark.parametrize("precision", WEIGHTS)
def test_either_clipping_keeps_a_huge_learning_rate_finite(small_run, precision, algorithm):
    clipped = ["trainer.gradient_clip_val=0.01", f"+trainer.options.gradient_clip_algorithm={algorithm}"]
    named = [f"trainer.precision={precision}", f"name=clipped-{algorithm}-{precision}", "optimizer.lr=0.05"]
    run = small_run("heat", [*SMALL, "model.width=8", "model.modes=4", *clipped, *named])
    weights = torch.load(run / "checkpoints" / "last.ckpt", weights_only=True)["state_dict"]
    assert all(torch.isfinite(value).all() for value in weights.values())


@pytest.mark.parametrize("precision", ["bf16-true", "16-true", "16", "double"])
def test_other_precisions_are_refused_by_name(run_training, precision):
    with pytest.raises(ConfigError, match=r"trainer.precision: .*'32-true'.*, got '?" + precision):
        run_training(["pde=heat", *SMALL, f"trainer.precision={precision}", "name=refused"])
