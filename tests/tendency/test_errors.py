"""Errors: an exit code for each kind, at most twelve lines, and defects keep their traceback."""

from types import SimpleNamespace

import pytest

from tendency.app.training.training_plan import TrainingPlan
from tendency.errors import ArtefactError, ConfigError, describe, exit_code, guarded, printable
from tendency.simulation.simulator import InstabilityError
from tendency.trainers.callbacks.divergence import DivergedError
from tendency.trainers.callbacks.signals import StoppedError


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (ConfigError(["a", "b"]), 2),
        (ValueError("a"), 2),
        (ArtefactError("a"), 3),
        (InstabilityError("a", [0]), 4),
        (DivergedError("a"), 4),
        (OSError(28, "No space left on device", "x.hdf5"), 5),
        (StoppedError(15), 143),
        (KeyboardInterrupt(), 130),
        (TypeError("a defect"), None),
    ],
)
def test_exit_codes(error, code):
    assert exit_code(error) == code


def test_a_long_error_is_cut_to_twelve_lines():
    text = describe(ConfigError([f"problem {i}" for i in range(40)]))
    assert len(text.splitlines()) == 12
    assert text.startswith("error: problem 0")
    assert text.endswith("and 29 more lines")


def test_guarded_prints_no_traceback(capsys, monkeypatch):
    monkeypatch.delenv("HYDRA_FULL_ERROR", raising=False)

    def wrong():
        raise ValueError("pde.extent: expected 1 lengths, got 2")

    with pytest.raises(SystemExit) as caught:
        guarded(wrong)
    assert caught.value.code == 2
    assert capsys.readouterr().err == "error: pde.extent: expected 1 lengths, got 2\n"


def test_guarded_shows_the_traceback_on_request(capsys, monkeypatch):
    monkeypatch.setenv("HYDRA_FULL_ERROR", "1")

    def wrong():
        raise ValueError("x")

    with pytest.raises(SystemExit):
        guarded(wrong)
    assert "Traceback" in capsys.readouterr().err


def test_a_defect_is_not_dressed_up():
    def defect():
        raise TypeError("a defect")

    with pytest.raises(TypeError):
        guarded(defect)


ESCAPES = ("\x1b[2J\x1b]0;owned\x07", "a\rb", "\x9b31m", "\u202egnp", "\x00", "\x7f")
"""What clears a screen, sets a title, writes over a line, colours, or turns the direction of writing."""


@pytest.mark.parametrize("text", ESCAPES)
def test_what_a_terminal_takes_for_a_command_is_written_as_an_escape(text):
    for shown in (printable(text), describe(ArtefactError(f"run {text}: gone")), describe(OSError(2, "no", text))):
        assert all(sign.isprintable() or sign == "\n" for sign in shown)
        assert "\\" in shown
    assert printable("u₁ = S(u₀),\n数 é") == "u₁ = S(u₀),\n数 é"


def test_what_a_finished_run_says_is_not_taken_for_commands(capsys):
    figures = {"lines": [f"run {text}" for text in ESCAPES], "report": ESCAPES[0]}
    folder = SimpleNamespace(path=f"run{ESCAPES[0]}", finished=lambda: figures, require_same=lambda stored: None)
    plan = SimpleNamespace(is_first_rank=True, folder=folder, stored=dict)
    assert TrainingPlan.done(plan)
    assert all(sign.isprintable() or sign == "\n" for sign in capsys.readouterr().out)
