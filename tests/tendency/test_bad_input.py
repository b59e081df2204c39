"""Wrong command lines: each is answered in a few lines that name the key, the value and what was expected."""

import os
import shlex

import pytest
from bad_command_lines import BAD_LINES

from tendency.app.configuration.command_line import check_command_line
from tendency.app.configuration.home_folder import with_home
from tendency.errors import guarded

# The first line of some kinds: each takes a third of a second.
QUICK = [next(line for line in BAD_LINES if line.kind == kind) for kind in ("grammar", "nodes", "sizes", "places")]


@pytest.fixture
def answer(homes, tmp_path, monkeypatch, capsys):
    """``answer(line)``: exit code and words of the answer; what the command does before any work, in this process."""
    from tendency.app.configuration.composed import compose_command
    from tendency.app.problems.make_dataset import generate
    from tendency.app.reports.judge_runs import evaluate
    from tendency.app.studies.run_comparison import compare
    from tendency.app.training.train_surrogate import prepare

    monkeypatch.setenv("TENDENCY_OUTPUTS", str(tmp_path / "outputs"))
    monkeypatch.setenv("TENDENCY_DATASETS", str(tmp_path / "datasets"))
    monkeypatch.delenv("HYDRA_FULL_ERROR", raising=False)

    def train(config, choices):
        fit = prepare(config, choices)
        if fit is not None:
            fit._trainer()

    works = {
        "train": train,
        "generate": lambda config, _: generate(config),
        "evaluate": lambda config, _: evaluate(config),
        "compare": lambda config, _: compare(config),
    }

    def run(line):
        arguments = with_home(shlex.split(line.arguments))
        overrides = [text for text in arguments if not text.startswith("--")]

        def work():
            check_command_line(line.command, arguments)
            works[line.command](*compose_command(line.command, overrides))

        with pytest.raises(SystemExit) as ended:
            guarded(work)
        return ended.value.code, capsys.readouterr().err

    return run


def check(line, code, error, folder):
    words = " ".join(error.split())
    assert code == line.code, words
    assert line.answer in words
    assert len(error.splitlines()) <= 12
    # Nothing is begun: no run folder, no dataset.
    assert os.listdir(folder) == []


@pytest.mark.parametrize("line", QUICK, ids=lambda line: line.kind)
def test_a_wrong_command_line(line, answer, tmp_path):
    check(line, *answer(line), tmp_path)


@pytest.mark.slow
@pytest.mark.parametrize("line", BAD_LINES, ids=lambda line: f"{line.command} {line.arguments}")
def test_every_wrong_command_line(line, answer, tmp_path):
    check(line, *answer(line), tmp_path)
