"""What a user who mistypes something sees: suggestions before torch is loaded, all problems at once, no traceback."""

import itertools
import subprocess
import sys
from pathlib import Path

import pytest
from omegaconf import OmegaConf

from tendency.app.configuration.command_line import check_command_line
from tendency.app.configuration.composed import compose_command
from tendency.app.configuration.home_folder import with_home
from tendency.errors import ConfigError

ROOT = Path(__file__).resolve().parents[2]


def refused(*arguments, script="train"):
    with pytest.raises(ConfigError) as caught:
        check_command_line(script, arguments)
    return caught.value.problems


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["model=fnoo", "pde=heat"], "unknown model 'fnoo'; did you mean 'fno'? available: "),
        (["pde=navier-stokes"], "unknown pde 'navier-stokes'; did you mean 'navier_stokes'? available: "),
        (["pde=heat", "modl=fno"], "unknown key 'modl'; did you mean 'model'? available: "),
        (["pde=heat", "trainer.max_epoch=5"], "unknown key 'max_epoch' in trainer; did you mean 'max_epochs'?"),
        (
            ["pde=heat", "prediction=derivative", "prediction/integrator=rk5"],
            "unknown prediction/integrator 'rk5'; did you mean 'rk4'? available: ab2, ",
        ),
        (
            ["pde=heat", "prediction/integrator=rk4"],
            "prediction/integrator=rk4: integrator belongs to prediction=derivative, which is not chosen",
        ),
        (["pde=heat", "seed.x=3"], "unknown key 'seed.x': seed is a single value"),
        (["pde=heat", "trainer.max_epochs"], "cannot read 'trainer.max_epochs' (expected key=value)"),
        (["pde=heat", "model.modes=[1,2"], "cannot read 'model.modes=[1,2'"),
        (["pde=heat", "seed=1,2"], "seed=1,2: several values are a sweep, which needs -m; a list is written [a,b]"),
        (
            ["experiment=predicting_change/heat_fnoo"],
            "unknown experiment 'predicting_change/heat_fnoo'; did you mean 'predicting_change/heat_fno'? available: ",
        ),
        (["model=unet"], "pde= is required, one of: advection, "),
        (["--config-dir=/nowhere", "pde=heat"], "--config-dir: no folder /nowhere"),
    ],
)
def test_each_mistake_gets_its_answer(arguments, expected):
    problems = refused(*arguments)
    assert len(problems) == 1
    assert problems[0].startswith(expected)


@pytest.mark.parametrize(
    ("script", "arguments", "expected"),
    [
        ("stored_dataset", ["dataset=a", "pde=heat", "verify=true"], "pde=heat: dataset= stands alone: it names"),
        ("evaluate", ["runs=[a]", "pde=heat"], "pde=heat: evaluate has no axis pde; see --help"),
    ],
)
def test_an_axis_of_another_command_is_named(script, arguments, expected):
    (problem,) = refused(*arguments, script=script)
    assert problem.startswith(expected)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a:\n\tb: 1\n", "mine.yaml, line 2, column 1: found character '\\t' that cannot start any token (a tab"),
        ("a: 1\na: 2\n", "mine.yaml, line 2, column 1: found duplicate key a"),
        ("a: !!python/object/apply:os.system [ls]\n", "mine.yaml, line 1, column 4: expected plain data, got the tag"),
        ("a: &a [*a]\n", "mine.yaml: expected at most 100000 entries, got inf where its aliases"),
        (
            "a: &a [1,1,1,1,1,1,1,1,1]\n"
            + "".join(f"{n}: &{n} [{','.join([f'*{m}'] * 9)}]\n" for m, n in itertools.pairwise("abcdefg")),
            "mine.yaml: expected at most 100000 entries, got",
        ),
    ],
)
def test_a_yaml_of_the_users_own_is_answered_with_its_line(text, expected, tmp_path):
    (tmp_path / "pde").mkdir()
    (tmp_path / "pde" / "mine.yaml").write_text(text)
    (problem,) = refused("pde=mine", f"--config-dir={tmp_path}")
    assert expected in problem


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b"a: \xff\xfe\n", "mine.yaml: expected text in UTF-8, got the byte 0xff"),
        (b"\xff\xfe", "mine.yaml: expected text in UTF-8, got the byte 0xff"),
        (b"a: " + b"9" * 5000 + b"\n", "mine.yaml: expected values that can be read, got one that fails: Exceeds the"),
        (b"a: " + b"[" * 3000 + b"]" * 3000 + b"\n", "mine.yaml: expected entries that can be followed, got some that"),
    ],
    ids=["bytes", "bytes alone", "long number", "deep"],
)
def test_a_yaml_that_cannot_be_read_is_named(content, expected, tmp_path):
    (tmp_path / "pde").mkdir()
    (tmp_path / "pde" / "mine.yaml").write_bytes(content)
    (problem,) = refused("pde=mine", f"--config-dir={tmp_path}")
    assert expected in problem


def test_a_home_folder_is_found_where_no_shell_looks():
    home = str(Path("~").expanduser())
    given = ["~model", "paths.outputs=~/a", "runs=[~/a,~/b]", "x='~/a'", "name=a~b"]
    expected = ["~model", f"paths.outputs={home}/a", f"runs=[{home}/a,{home}/b]", f"x='{home}/a'", "name=a~b"]
    assert with_home(given) == expected


FILES = ["data=files", "data.path=u.npy", "model=fno"]


@pytest.mark.parametrize(
    ("text", "key", "value"),
    [
        ("data.constants={diffusivity: 0.3}", "data.constants", {"diffusivity": 0.3}),
        ("data.params.nu=Nu", "data.params", {"nu": "Nu"}),
        ("trainer.options.max_steps=3", "trainer.options", {"max_steps": 3}),
    ],
)
def test_entries_of_a_mapping_whose_keys_the_user_chooses_are_given_as_messages_advise(text, key, value):
    check_command_line("train", [*FILES, text])
    config, _ = compose_command("train", [*FILES, text])
    assert OmegaConf.select(config, key) == value


def test_a_mapping_without_entries_says_how_one_is_added():
    (problem,) = refused("pde=kuramoto_sivashinsky", "pde.parameters.nu=1")
    assert problem == "unknown key 'nu' in pde.parameters, which has no entries; +pde.parameters.nu=... adds one"
    (problem,) = refused("pde=kuramoto_sivashinsky", "pde.parameters={nu: 1}")
    assert problem.endswith(
        "expected no entries, as there are none, got 'nu' in {'nu': 1}; +pde.parameters.nu=... adds it"
    )


def test_all_mistakes_are_answered_at_once():
    problems = refused("model=fnoo", "optimizer=adam", "trainer.max_epoch=5", "modl=1")
    assert len(problems) == 5  # and the missing pde
    problems = refused("prediction/integrator=rk4", "prediction/difference=forward", "modl=1")
    assert len(problems) == 4


def test_every_job_of_a_sweep_is_checked():
    assert refused("-m", "pde=heat", "model=fno,unett") == [
        next(p for p in refused("pde=heat", "model=unett") if "unett" in p)
    ]
    check_command_line("train", ["-m", "pde=heat", "model=fno,unet", "seed=1,2,3"])


def test_right_command_lines_pass():
    check_command_line("train", ["model=unet", "pde=kuramoto_sivashinsky", "prediction=derivative"])
    check_command_line("train", ["pde=heat", "prediction=derivative", "prediction/integrator=rk4", "seed=3"])
    check_command_line("train", ["pde=heat", "experiment=quick_look", "+trainer.anything=3", "logger=wandb"])
    check_command_line("train", ["experiment=predicting_change/heat_fno", "strategy=state", "model.width=128"])
    check_command_line("evaluate", ["runs=[a]", "prediction/integrator@evaluation.integrator=heun"])
    check_command_line("generate", ["pde=heat", "data.num_train=3"])
    check_command_line("evaluate", ["runs=[a,b]"])
    small = ["comparison=predicting_change", "scale=tiny", "problems=[heat]", "executor.processes=1"]
    check_command_line("compare", [*small, 'overrides=["trainer.accelerator=gpu"]'])
    assert refused("comparison=predicting_change", "scale=smal", script="compare")[0].startswith(
        "unknown scale 'smal'; did you mean 'small'?"
    )
    assert refused("pde=heat", "model=external") == ["model.network._target_= is required"]


def test_a_mistyped_command_is_answered_without_torch():
    code = (
        "import sys; sys.argv = ['train.py', 'model=fnoo', 'pde=heat']\n"
        "from tendency.app.commands.entry import train as main\n"
        "try:\n    main()\n"
        "except SystemExit as error:\n"
        "    print('code', error.code, *(name in sys.modules for name in ('torch', 'lightning', 'rich')))\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["code", "2", "False", "False", "False"]
    assert "did you mean 'fno'?" in done.stderr
    assert "Traceback" not in done.stderr


def test_commands_are_checked_and_judge_without_lightning():
    work = ("training.train_surrogate", "problems.make_dataset", "reports.judge_runs", "studies.run_comparison")
    halves = ", ".join(f"tendency.app.{name}" for name in work)
    code = f"import sys, {halves}, tendency.trainers.trainer; print('torch' in sys.modules, 'lightning' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["True", "False"]


def test_help_lists_the_options(run_script):
    text = run_script("train.py", "--help").stdout
    assert "prediction/integrator      ab2, ab2_rk, " in text
    assert "navier_stokes" in text


def test_a_python_without_the_packages_is_told_so():
    done = subprocess.run(
        [sys.executable, "-S", str(ROOT / "train.py"), "pde=heat"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 5
    assert "lacks hydra, torch" in done.stderr
    assert "source .venv/bin/activate" in done.stderr
