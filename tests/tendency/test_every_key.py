"""Any value in place of any other in a configuration: refused in a sentence with its key, or a right value."""

import copy
import math

import pytest

VALUES = (None, "text", -3, [1, 2], [], {"a": 1}, {}, math.nan, 1e300, 0, True, 10**12)
PARTS = [
    "pde",
    "model",
    "prediction",
    "objective",
    "data",
    "optimizer",
    "scheduler",
    "trainer",
    "callbacks",
    "logger",
    "evaluation",
    "paths",
    "settings",
]


def keys_of(node, path=()):
    """The path of every entry, those of nodes included."""
    inside = node.items() if isinstance(node, dict) else enumerate(node) if isinstance(node, list) else ()
    found = [path] if path else []
    return found + [key for name, value in inside for key in keys_of(value, (*path, name))]


def replaced(config, path, value):
    changed = copy.deepcopy(config)
    node = changed
    for name in path[:-1]:
        node = node[name]
    node[path[-1]] = copy.deepcopy(value)
    return changed


def text_of(path):
    return ".".join(map(str, path))


@pytest.fixture(scope="module")
def attempt(tmp_path_factory):
    """``attempt(path, value)``: whether a training with this value is accepted, by all checks before any work."""
    from omegaconf import OmegaConf

    from tendency.app.configuration.composed import compose_command
    from tendency.app.training.train_surrogate import prepare
    from tendency.errors import ArtefactError, ConfigError, describe

    root = tmp_path_factory.mktemp("homes")
    places = [f"paths.{place}={root / place}" for place in ("outputs", "datasets")]
    config, choices = compose_command("train", ["pde=heat", "small=true", "trainer=cpu", *places])
    content = OmegaConf.to_container(config)

    def run(path, value):
        try:
            prepare(OmegaConf.create(replaced(content, path, value)), dict(choices))
        except (ConfigError, ArtefactError, ValueError) as error:
            text = describe(error)
            assert len(text.splitlines()) <= 12
            # The key itself, or the part that it belongs to where two values do not go together.
            assert any(str(part) in text for part in (*path, "num_snapshots", "checkpoint")), (path, value, text)
            return False
        assert sorted(root.iterdir()) == []
        return True

    run.keys = keys_of(content)
    run.settings = [path for path in run.keys if path[0] not in PARTS]
    return run


@pytest.mark.slow
def test_a_few_keys(attempt):
    """Those that reached a constructor, or an allocation, unchecked."""
    for path, value in (
        (("pde", "tolerances"), None),
        (("pde", "parameters", "diffusivity"), None),
        (("pde", "times", "num_snapshots"), 10**12),
        (("seed",), 10**23),
        (("model", "width"), 10**9),
        (("optimizer", "lr"), math.nan),
    ):
        assert attempt.keys.count(path) == 1
        assert not attempt(path, value)
    assert attempt(("seed",), 5)


@pytest.mark.slow
@pytest.mark.parametrize("part", PARTS)
def test_every_key_with_every_value(part, attempt):
    keys = [path for path in attempt.keys if path[0] == part] if part != "settings" else attempt.settings
    assert keys
    accepted = {(text_of(path), repr(value)) for path in keys for value in VALUES if attempt(path, value)}
    # No node can be anything else, and no number is nan.
    assert not {key for key, value in accepted if key in PARTS and value not in ("None", "{}", "[]", "0")}
    assert all("nan" not in value for _, value in accepted)
