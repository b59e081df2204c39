"""A user's own network whose output does not fit its label: refused before data are made."""

import pytest
import torch
from torch import nn

from tendency.app.training.network_limits import NetworkLimits
from tendency.app.training.network_output import require_call
from tendency.errors import ConfigError
from tendency.simulation.geometry import Boundary, Grid
from tendency.surrogates.interface import Interface
from tendency.surrogates.surrogate import Surrogate

GRID = Grid([8], Boundary.periodic(1))
SHAPES = {
    "the right one": lambda y, u: y,
    "another channel": lambda y, u: torch.cat([y, y], 1),
    "one channel, which would be spread over all": lambda y, u: y[:, :1],
    "fewer points": lambda y, u: y[..., 1:],
    "no channels": lambda y, u: y[:, 0],
    "one sample for all": lambda y, u: y.mean(0, keepdim=True),
    "channels last": lambda y, u: y.movedim(1, -1),
    "a pair": lambda y, u: (y, u),
    "nothing": lambda y, u: None,
    "no tensor method": lambda y, u: y.nonsense(),
    "its numbers": lambda y, u: y * float(y.sum()),
    "its numbers, another channel": lambda y, u: torch.cat([y, y], 1) * float(y.sum()),
}
RIGHT = ("the right one", "its numbers")


class OwnNetwork(Surrogate):
    """Changes the shape of what it makes."""

    def __init__(self, interface, change):
        super().__init__(interface)
        self.layer, self.change = nn.Conv1d(interface.in_channels, interface.out_channels, 1), change

    def forward(self, u, c, x):
        return self.change(self.layer(u), u)


@pytest.mark.parametrize("name", SHAPES)
def test_an_output_of_another_shape_is_refused(name):
    def make():
        return OwnNetwork(Interface(3, 2, 1, GRID.boundary), SHAPES[name])

    def check():
        tried = NetworkLimits({}, GRID, 4, None).check(make)
        if not tried.called:
            require_call(make(), GRID)

    if name in RIGHT:
        check()
        return
    with pytest.raises(ConfigError) as refused:
        check()
    text = str(refused.value)
    assert text.startswith("model: expected ")
    assert "u of shape (2, 3, 8) (samples, input channels, points of each axis)" in text
    assert "got " in text


def test_a_run_is_refused_before_its_data(tmp_path, monkeypatch):
    from tendency.app.configuration.composed import compose_command
    from tendency.app.training.train_surrogate import prepare

    (tmp_path / "own_network.py").write_text(
        "from tendency.surrogates.surrogate import Surrogate\n"
        "class Net(Surrogate):\n"
        "    def __init__(self, interface):\n"
        "        super().__init__(interface)\n"
        "    def forward(self, u, c, x):\n"
        "        return u[..., 1:]\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    arguments = ["pde=heat", "small=true", "name=own", f"paths.outputs={tmp_path}", f"paths.datasets={tmp_path}"]
    arguments += ["~model", "+model._target_=own_network.Net"]
    with pytest.raises(ConfigError, match=r"model: expected an output of shape \(2, 1, 32\) .*got \(2, 1, 31\)"):
        prepare(*compose_command("train", arguments))
