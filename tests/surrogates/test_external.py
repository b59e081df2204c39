"""A network that knows nothing of this project, from a package of its own, as a surrogate."""

import sys

import pytest
import torch
from omegaconf import OmegaConf

from tendency.app.configuration.build import build, build_surrogate, instantiate
from tendency.app.configuration.conf_files import conf_folder
from tendency.app.configuration.groups import INJECTED
from tendency.app.configuration.signatures import check_nodes
from tendency.errors import ArtefactError, ConfigError
from tendency.simulation.geometry import Boundary, Grid, PointCloud
from tendency.surrogates.interface import Interface

FOREIGN = '''
from torch import nn


class Plain(nn.Sequential):
    """Named as we name sizes."""

    def __init__(self, in_channels, out_channels, width=8):
        first, last = nn.Conv1d(in_channels, width, 3, padding=1), nn.Conv1d(width, out_channels, 3, padding=1)
        super().__init__(first, nn.Dropout(0.5), last)


class Named(nn.Module):
    """Its own names, any dimension, and positions of its own length."""

    def __init__(self, dim, channels, classes):
        super().__init__()
        self.layer = (nn.Conv1d, nn.Conv2d, nn.Conv3d)[dim - 1](channels, classes, 1)

    def forward(self, x):
        return self.layer(x)


class Shrinking(Plain):
    def forward(self, x):
        return super().forward(x)[..., 1:]


class Giving(Plain):
    def forward(self, x):
        return {"logits": super().forward(x)}


class Failing(Plain):
    def forward(self, x):
        return super().forward(x).nonsense


class Talkative(Plain):
    """Leaves code beside its weights."""

    def state_dict(self, *args, **kwargs):
        state = super().state_dict(*args, **kwargs)
        state["_metadata"] = {"activation": nn.GELU}
        return state


def no_network(in_channels, out_channels):
    return in_channels
'''


@pytest.fixture(scope="module")
def package(tmp_path_factory):
    """A folder with the package ``foreign_networks`` in it, which is importable."""
    folder = tmp_path_factory.mktemp("elsewhere")
    (folder / "foreign_networks.py").write_text(FOREIGN)
    sys.path.insert(0, str(folder))
    yield folder
    sys.path.remove(str(folder))
    sys.modules.pop("foreign_networks", None)


@pytest.fixture
def make(package):
    """``make("Plain", dims=1, width=4)``: the surrogate of conf/model/external.yaml around a foreign class."""

    def made(name, dims=1, sizes=(), num_conditions=2, reads_coordinates=False, boundary=None, **own):
        node = OmegaConf.to_container(OmegaConf.load(conf_folder() / "model" / "external.yaml"))
        node["network"] |= {"_target_": f"foreign_networks.{name}"} | own
        node["sizes"] |= dict(sizes)
        node["reads_coordinates"] = reads_coordinates
        interface = Interface(3, 2, num_conditions, boundary or Boundary.periodic(dims))
        return instantiate(node, _convert_="all", _partial_=True)(interface)

    return made


def inputs(shape):
    grid = Grid(shape, Boundary.periodic(len(shape)))
    return torch.randn(2, 3, *shape), torch.randn(2, 2), grid.coordinates(torch.ones(2, len(shape)))


def test_its_input_is_the_state_and_a_constant_channel_for_each_condition(make):
    net = make("Plain", width=4).eval()
    u, c, x = inputs([16])
    net.check(Grid([16], Boundary.periodic(1)))
    assert net.network[0].weight.shape == (4, 5, 3)
    image = torch.cat([u, c[:, :, None].expand(2, 2, 16)], 1)
    assert torch.equal(net(u, c, x), net.network(image))


def test_coordinates_come_last_and_only_if_asked(make):
    net = make("Plain", reads_coordinates=True).eval()
    u, c, x = inputs([16])
    angle = 2 * torch.pi * torch.arange(16) / 16
    place = torch.stack([torch.sin(angle), torch.cos(angle)]).expand(2, 2, 16)
    image = torch.cat([u, c[:, :, None].expand(2, 2, 16), place], 1)
    assert torch.allclose(net(u, c, x), net.network(image), atol=1e-5)


@pytest.mark.parametrize("shape", [[16], [8, 6], [4, 4, 6]])
def test_sizes_go_by_the_names_that_it_has_for_them(make, shape):
    names = {"spatial_dims": "dim", "in_channels": "channels", "out_channels": "classes"}
    net = make("Named", len(shape), names)
    net.check(Grid(shape, Boundary.periodic(len(shape))))
    assert net(*inputs(shape)).shape == (2, 2, *shape)


@pytest.mark.parametrize(
    ("name", "changes", "message"),
    [
        ("Named", {}, r"model.network: Named cannot be built with in_channels=5, out_channels=2 \(.*unexpected.*\); "
         "its arguments are dim, channels, classes; model.sizes says what it calls them"),
        ("Plain", {"sizes": {"channels": "in_channels"}}, "model.sizes: expected some of .*, got channels"),
        ("no_network", {}, "model.network: expected no_network to make a torch.nn.Module, got 5"),
    ],
)  # fmt: skip
def test_what_cannot_be_built_is_refused_in_a_sentence(make, name, changes, message):
    with pytest.raises(ValueError, match=message):
        make(name, **changes)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        (
            "Shrinking",
            r"model.network: expected Shrinking to make \(1, 2, 16\) of \(1, 5, 16\) \(samples, .*got \(1, 2, 15\)",
        ),
        ("Giving", r"model.network: expected Giving to make \(1, 2, 16\) of \(1, 5, 16\) \(samples, .*got dict"),
    ],
)
def test_an_output_of_another_shape_is_refused_before_any_work(make, name, message):
    with pytest.raises(ValueError, match=message):
        make(name).check(Grid([16], Boundary.periodic(1)))


def test_a_grid_that_it_cannot_take_is_refused_before_any_work(make):
    with pytest.raises(ValueError, match=r"model.network: Plain does not take a tensor of shape \(1, 5, 8, 8\) \(.+\)"):
        make("Plain", 2).check(Grid([8, 8], Boundary.periodic(2)))


def test_whatever_it_raises_is_a_sentence(make):
    with pytest.raises(ValueError, match="model.network: Failing does not take a tensor of shape .*no attribute"):
        make("Failing").check(Grid([16], Boundary.periodic(1)))


def test_the_check_leaves_no_trace(make):
    net = make("Plain")
    torch.manual_seed(0)
    state = torch.random.get_rng_state()
    net.check(Grid([16], Boundary.periodic(1)))
    assert torch.equal(torch.random.get_rng_state(), state)
    assert net.network.training


def test_its_weights_are_data_whatever_it_says_beside_them(make, tmp_path):
    around = [torch.nn.ModuleDict({"surrogate": make("Talkative"), "other": torch.nn.Linear(2, 2)}) for _ in range(2)]
    torch.save(around[0].state_dict(), tmp_path / "weights.pt")
    around[1].load_state_dict(torch.load(tmp_path / "weights.pt", weights_only=True))
    alone = make("Talkative")
    alone.load_state_dict(alone.state_dict())
    for a, b in zip(around[0].parameters(), around[1].parameters(), strict=True):
        assert torch.equal(a, b)


def test_scattered_nodes_have_no_coordinates_for_it(make):
    cloud = PointCloud(torch.rand(9, 1), torch.full((9,), 1 / 9), Boundary.periodic(1))
    make("Plain").check(cloud)
    with pytest.raises(ValueError, match="model.reads_coordinates: expected a grid"):
        make("Plain", reads_coordinates=True).check(cloud)


def test_the_configuration_binds_and_asks_for_a_network(compose_config, package):
    base = ["pde=heat", "name=test", "model=external"]
    with pytest.raises(ConfigError, match="model.network._target_: cannot import '\\?\\?\\?'"):
        check_nodes({"model": compose_config("train", base)["model"]})
    node = compose_config("train", [*base, "model.network._target_=foreign_networks.Plain"])["model"]
    check_nodes({"model": node}, INJECTED)
    node = compose_config("train", [*base, "model.network._target_=foreign_networks.Plain", "+model.network.wdth=4"])[
        "model"
    ]
    with pytest.raises(ConfigError, match="model.network.wdth: unknown argument of Plain; did you mean 'width'?"):
        check_nodes({"model": node}, INJECTED)


@pytest.mark.slow
def test_it_learns_from_the_command_line_and_is_loaded_only_on_trust(run_script, homes, package):
    from tendency.app.runs.checkpoint_reader import load_stepper

    arguments = ["pde=heat", "small=true", "model=external", "model._target_=foreign_networks.Plain", "name=foreign"]
    arguments += ["+model.network.width=4", "data.num_train=4", "data.num_valid=2", "data.num_test=2"]
    arguments += [
        "data.chunk_size=2",
        "data.batch_size=8",
        "trainer.max_epochs=1",
        "trainer.accelerator=cpu",
        "evaluate=false",
    ]
    done = run_script("train.py", *arguments, env={"PYTHONPATH": str(package)})
    assert "model    External(Plain), 53 parameters, " in done.stdout
    # Each of 53 weights four times, in four bytes.
    assert "memory   848 B of weights, gradients and moments, " in done.stdout
    folder = f"{homes['TENDENCY_OUTPUTS']}/foreign"
    with pytest.raises(ArtefactError, match="model.network: foreign_networks.Plain.*trust=true"):
        load_stepper(folder)
    assert load_stepper(folder, trust=True).surrogate.network[0].weight.shape == (4, 3, 3)


def test_tfno_of_neuraloperator_as_documented(compose_config, solve, tmp_path):
    pytest.importorskip("neuralop", reason="pip install 'tendency[external]'")
    solved = solve("navier_stokes", "small=true", "pde.times.num_snapshots=3")
    overrides = ["pde=navier_stokes", "name=test", "model=external", "model.network._target_=neuralop.models.TFNO"]
    overrides += ["+model.network.n_modes=[6,6]", "+model.network.hidden_channels=8", "+model.network.n_layers=2"]
    config = compose_config("train", overrides)
    prediction = build(config["prediction"])
    net = build_surrogate(config["model"], prediction, solved.metadata)
    net.check(solved.metadata.geometry)
    u = torch.randn(2, 1, *solved.metadata.geometry.shape)
    c = torch.randn(2, net.num_conditions)
    y = net(u, c, solved.metadata.geometry.coordinates(torch.ones(2, 2)))
    y.square().mean().backward()
    assert y.shape == u.shape
    assert all(torch.isfinite(p.grad).all() for p in net.parameters())
    torch.save(net.state_dict(), tmp_path / "weights.pt")
    net.load_state_dict(torch.load(tmp_path / "weights.pt", weights_only=True))
