"""Records of trainings: they count wherever they were computed, merge, and make the pages of the documentation."""

import csv
import importlib.util
import io
import json
import math
import os
import shutil
import signal
import subprocess
import sys
import time
from copy import deepcopy
from dataclasses import asdict
from pathlib import Path

import pytest

from tendency.app.configuration.build import build
from tendency.app.configuration.composed import compose_command
from tendency.app.configuration.conf_files import plain
from tendency.app.studies.comparison_page import check_target, page_text, write_page
from tendency.app.studies.comparison_plan import ComparisonPlan, ComparisonSettings, trials_of
from tendency.app.studies.comparison_rows import results_of
from tendency.app.studies.learning_curves import learning_curves
from tendency.app.studies.marked_text import regenerate_blocks, replace_block
from tendency.app.studies.record_pages import regenerate_text, table_of
from tendency.app.studies.run_comparison import compare
from tendency.app.studies.training_record import RecordFolder, StepCost, TrainingRecord
from tendency.errors import ConfigError

ROOT = Path(__file__).resolve().parents[2]
TINY = ["small=true", "data.num_train=4", "data.num_valid=2", "data.num_test=2", "data.chunk_size=2", "data.workers=1"]
TINY += ["data.batch_size=8", "data.batches_per_epoch=5", "pde.times.num_snapshots=13", "trainer.max_epochs=4"]
TINY += ["model.width=8", "model.modes=6", "model.num_layers=1", "matmul_precision=highest"]
MEASURED = {"time_per_second", "seconds_per_step", "training_seconds"}
"""Columns of a table that differ from one run to the next."""

FIGURES = {"one_step_nrmse": 0.1, "rollout_nrmse": 0.2, "stable_share": 1.0}


def record(identity="0123456789abcdef", **changes):
    known = {
        "run": "heat-fno",
        "configuration": {"seed": 0},
        "reports": {"report": {"network": FIGURES}},
        "steps": {"report": {"network": StepCost(0.1, 4.0, 1e-3)}},
        "parameters": 10,
        "training_seconds": None,
        "validation": ((5, 0.5), (10, math.inf)),
        "made_by": {"tendency": "0.1.0"},
    }
    return TrainingRecord(identity=identity, **(known | changes))


def test_a_record_is_read_as_it_was_written_and_folders_are_merged_by_copying(tmp_path):
    here, there = RecordFolder(tmp_path / "here"), RecordFolder(tmp_path / "there")
    here.write(record())
    there.write(record("fedcba9876543210", training_seconds=2.5))
    shutil.copytree(there.path, here.path, dirs_exist_ok=True)
    merged = RecordFolder.read(here.path)
    assert merged.records == {r.identity: r for r in (record(), record("fedcba9876543210", training_seconds=2.5))}
    assert merged.left_out == []
    assert merged.records["0123456789abcdef"].figures("report", None) == FIGURES
    assert merged.records["0123456789abcdef"].figures("report-heun", None) is None


@pytest.mark.parametrize(
    ("name", "text", "reason"),
    [
        ("0000000000000000", "{", "Expecting property name"),
        ("0000000000000000", "[1, 2]", "no record of a training"),
        ("0000000000000000", json.dumps({"name": "somebody else's"}), "no record of a training"),
        ("0000000000000000", json.dumps(record().to_dict()), "is not named after it"),
        ("0123456789abcdef", json.dumps({**record().to_dict(), "steps": [1]}), "an incomplete record"),
        ("0123456789abcdef", json.dumps({**record().to_dict(), "reports": {"report": 3}}), "reports: report: expected"),
        ("0123456789abcdef", json.dumps({k: v for k, v in record().to_dict().items() if k != "run"}), "incomplete"),
        ("0123456789abcdef", "[" * 100_000, ""),
        *(
            ("0123456789abcdef", json.dumps({**record().to_dict(), **changes}), reason)
            for changes, reason in (
                ({"validation": [[math.inf, 1]]}, "an incomplete record"),
                ({"validation": [["x", 1]]}, "invalid literal"),
                ({"parameters": "many"}, "parameters: expected another type, got 'many'"),
                ({"training_seconds": "long"}, "training_seconds: expected another type, got 'long'"),
                ({"made_by": 3}, "made_by: expected another type, got 3"),
                ({"definitions": 1}, "its figures have the definitions 1, expected 2"),
                ({"reports": {"report": {"network": []}}}, "reports: report: expected the figures of each method"),
                ({"reports": {"report": {"network": {}}}}, "network: without rollout_nrmse, one_step_nrmse, stable"),
                ({"reports": {"report": {"network": FIGURES | {"x": "y"}}}}, "network: x: expected a number, got 'y'"),
                (
                    {"steps": {"report": {"network": asdict(StepCost(0.1, 1, 1.0)) | {"dt": "1"}}}},
                    "steps: dt: expected",
                ),
            )
        ),
        ("0123456789abcdef", "\udcff", "decode"),
    ],
)
def test_a_file_that_is_no_record_is_left_out_and_named(tmp_path, name, text, reason):
    (tmp_path / f"{name}.json").write_bytes(text.encode("utf-8", "surrogateescape"))
    RecordFolder(tmp_path).write(record("fedcba9876543210"))
    folder = RecordFolder.read(tmp_path)
    assert list(folder.records) == ["fedcba9876543210"]
    (sentence,) = folder.left_out
    assert sentence.startswith(f"{tmp_path / name}.json: ")
    assert reason in sentence
    assert "\n" not in sentence


def configured(places, results, write):
    chosen = [
        "comparison=corrected_solver",
        "seeds=[0]",
        "executor.processes=1",
        f"results={results}",
        f"write={write}",
    ]
    config, _ = compose_command("compare", chosen)
    config.overrides, config.paths = TINY, places
    return config


def test_what_was_computed_elsewhere_is_not_trained_again_and_makes_the_same_page(homes, tmp_path, monkeypatch, capsys):
    there = {"datasets": homes["TENDENCY_DATASETS"], "outputs": str(tmp_path / "there")}
    for key, place in there.items():
        monkeypatch.setenv(f"TENDENCY_{key.upper()}", place)
    compare(configured(there, tmp_path / "records", tmp_path / "first"))
    assert "0 of 1 trainings are done already" in capsys.readouterr().out
    (file,) = (tmp_path / "records").glob("*.json")
    assert file.stat().st_size < 50_000
    assert json.loads(file.read_text())["made_by"]["processor"]
    # Another machine, with neither the run nor the dataset, to which the record came by way of a repository.
    shutil.copytree(tmp_path / "records", tmp_path / "copied")
    (tmp_path / "copied" / "notes.json").write_text("{}")
    here = {"datasets": str(tmp_path / "none"), "outputs": str(tmp_path / "here")}
    for key, place in here.items():
        monkeypatch.setenv(f"TENDENCY_{key.upper()}", place)
    compare(configured(here, tmp_path / "copied", tmp_path / "second"))
    out = capsys.readouterr().out
    assert "1 of 1 trainings are done already" in out
    assert f"left out: {tmp_path}/copied/notes.json: no record of a training" in out
    assert not (tmp_path / "none").exists()
    assert not (tmp_path / "here").exists()
    first, second = (tmp_path / f"{name}.md" for name in ("first", "second"))
    assert first.read_text().replace("first/", "second/") == second.read_text()
    assert "| persistence | 1 |" in first.read_text()
    for name in ("table.csv", "learning_curves.png"):
        assert (tmp_path / "first" / name).read_bytes() == (tmp_path / "second" / name).read_bytes()


@pytest.mark.slow
def test_a_report_of_older_definitions_is_written_anew_before_it_makes_a_record(homes, tmp_path, monkeypatch):
    places = {"datasets": homes["TENDENCY_DATASETS"], "outputs": str(tmp_path / "outputs")}
    for key, place in places.items():
        monkeypatch.setenv(f"TENDENCY_{key.upper()}", place)
    compare(configured(places, tmp_path / "first", tmp_path / "page"))
    (made,) = RecordFolder.read(tmp_path / "first")
    (report,) = (tmp_path / "outputs").glob("*/report/metrics.json")
    numbers = json.loads(report.read_text())
    older = {key: value for key, value in deepcopy(numbers).items() if key not in ("definitions", "figures")}
    older["summary"]["persistence"]["rollout_nrmse"] = 7.0
    report.write_text(json.dumps(older))
    checkpoint = report.parents[1] / "checkpoints" / "best.ckpt"
    trained = checkpoint.stat().st_mtime_ns
    compare(configured(places, tmp_path / "second", tmp_path / "page"))
    assert json.loads(report.read_text())["summary"] == numbers["summary"]
    assert checkpoint.stat().st_mtime_ns == trained
    (again,) = RecordFolder.read(tmp_path / "second")
    assert again.reports == made.reports


def test_blocks_of_a_text_are_made_anew_and_the_rest_stays():
    text = "before\n<!-- records: a -->\nold\n<!-- end -->\nbetween\n<!-- records: b c -->\n<!-- end -->\nafter\n"
    made = regenerate_blocks(text, lambda name: f"[{name}] \\1\n")
    assert made == text.replace("old\n", "[a] \\1\n").replace("b c -->\n", "b c -->\n[b c] \\1\n")
    one = "<!-- records: a -->\n{}\n<!-- end -->\n"
    assert replace_block(one.format("old"), "new\n") == one.format("new")
    assert replace_block("no block\n", "new\n") == "new\n"


def test_the_documentation_says_what_its_records_say():
    spec = importlib.util.spec_from_file_location("results", ROOT / "docs" / "results.py")
    script = importlib.util.module_from_spec(spec)
    before = list(sys.path)
    try:
        spec.loader.exec_module(script)
    finally:
        sys.path[:] = before
    found = script.generated()
    pages = {path.stem for path in (ROOT / "docs" / "results").iterdir()}
    assert pages <= {path.stem for path in (ROOT / "conf" / "comparison").glob("*.yaml")}
    assert len(pages) >= 6
    assert all(RecordFolder.read(ROOT / "docs" / "results" / page).left_out == [] for page in pages)
    assert {path.stem for path in found} == {"README", "table", *pages}
    wrong = [str(path.relative_to(ROOT)) for path, text in found.items() if path.read_text(encoding="utf-8") != text]
    assert wrong == [], "python docs/results.py writes them"


def test_records_replace_the_figures_of_an_older_page_which_is_then_what_compare_writes(tmp_path):
    docs = tmp_path / "docs"
    shutil.copytree(Path(__file__).parent / "older_page", docs / "results")
    page = docs / "corrected_solver.md"
    page.write_text("before\n<!-- records: corrected_solver -->\n<!-- end -->\nafter\n")
    older = regenerate_text(page.read_text(), docs)
    assert "were taken over from docs/corrected_solver.md" in older
    rollouts = "<!-- records: corrected_solver rollout -->\n<!-- end -->\n"
    defined_then = "as they were defined then: a rollout's nRMSE from the second snapshot on, one step's as a median"
    assert defined_then in older
    assert defined_then in regenerate_text(rollouts, docs)
    assert "| corrected | 3 |" in older
    config = plain(compose_command("compare", ["comparison=corrected_solver"])[0])
    plan = ComparisonPlan.of(build(config["comparison"]), build(config["scale"]), ComparisonSettings())
    trials, folder = trials_of(plan), RecordFolder.read(docs / "results" / "corrected_solver")
    now = {}
    for number, trial in enumerate(trials):
        shares = {"network": 0.01, "coarse solver": 0.06, "persistence": 0.2 + 0.01 * trial.seed}
        figures = {
            name: {"one_step_nrmse": error, "rollout_nrmse": 2 * error, "stable_share": 1.0}
            for name, error in shares.items()
        }
        # As an earlier version has left it: today's configuration has another identity.
        known = record(f"{number:016x}", reports={"report": figures}, overrides=trial.training.overrides)
        folder.write(known)
        now[trial.training.identity] = known
    results = results_of(plan, trials, now, Path("datasets"))
    write_page(page_text(plan, results), results, learning_curves(plan, trials, now), docs / page.stem)
    written = page.read_text()
    assert regenerate_text(written, docs) == written
    assert table_of("corrected_solver", docs) == (docs / "corrected_solver" / "table.csv").read_text()
    assert written.startswith("before\n<!-- records: corrected_solver -->\n# A coarse solver and its correction\n")
    assert written.endswith("corrected_solver/learning_curves.png)\n<!-- end -->\nafter\n")
    assert "taken over" not in written
    assert "defined then" not in written + regenerate_text(rollouts, docs)
    assert "| coarse_solver / corrected | one-step nRMSE | at least 5 | 6 [6, 6] | holds |" in written
    assert "| persistence | 3 | " in written


def test_a_block_of_other_records_is_not_replaced_by_a_page(tmp_path):
    places = {"datasets": str(tmp_path / "datasets"), "outputs": str(tmp_path / "outputs")}
    page = tmp_path / "README.md"
    page.write_text("<!-- records: predicting_change rollout -->\n| rollout nRMSE |\n<!-- end -->\n")
    with pytest.raises(ConfigError, match="write: expected a file without blocks of other records"):
        compare(configured(places, tmp_path / "records", tmp_path / "README"))
    assert "| rollout nRMSE |" in page.read_text()
    for content in ("", "# A title\n\nold\n"):
        page.write_text(f"<!-- records: a -->\n{content}<!-- end -->\n")
        check_target(tmp_path / "README", "A title")


def processes_of(place):
    """Processes whose environment names a folder."""
    found = []
    for path in Path("/proc").glob("[0-9]*/environ"):
        try:
            if f"TENDENCY_OUTPUTS={place}\0".encode() in path.read_bytes():
                found.append(int(path.parent.name))
        except OSError:
            continue
    return found


def wait_for(condition, process=None, seconds=200):
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        assert process is None or process.poll() is None, process.communicate()
        time.sleep(0.05)


@pytest.mark.slow
@pytest.mark.timeout(1500)
def test_a_comparison_that_is_killed_three_times_ends_with_the_same_page(tmp_path, homes):
    command = [sys.executable, str(ROOT / "compare.py"), "comparison=predicting_change", "scale=tiny"]
    command += ["variants=[state,derivative_euler,derivative_rk4]", "executor.processes=1"]
    options = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    unbroken = homes | {"TENDENCY_OUTPUTS": str(tmp_path / "unbroken")}
    subprocess.run([*command, f"write={tmp_path}/a/page"], env=unbroken, check=True, capture_output=True)

    outputs = tmp_path / "broken"
    broken, command = homes | {"TENDENCY_OUTPUTS": str(outputs)}, [*command, f"write={tmp_path}/b/page"]
    stages = (
        (signal.SIGINT, 130, lambda: list(outputs.glob("*/metrics.jsonl"))),
        (signal.SIGKILL, -9, lambda: list(outputs.glob("*/finished.json"))),
        (signal.SIGTERM, 143, lambda: len(list(outputs.glob("*/finished.json"))) == 2),
    )
    for number, code, reached in stages:
        process = subprocess.Popen(command, env=broken, start_new_session=True, **options)
        try:
            wait_for(reached, process)
            process.send_signal(number)
            _, errors = process.communicate(timeout=200)
        finally:
            for left in processes_of(outputs) if process.poll() is None else []:
                os.kill(left, signal.SIGKILL)
        assert process.returncode == code, errors
        assert "Traceback" not in errors
        if number != signal.SIGKILL:
            assert "the same command goes on from there" in errors
            assert not processes_of(outputs)
        # Those of a command that was killed outright find out for themselves, and save a checkpoint first.
        wait_for(lambda: not processes_of(outputs), seconds=60)
        assert not (tmp_path / "b").exists()
    done = subprocess.run(command, env=broken, capture_output=True, text=True, check=True)
    assert "2 of 2 trainings are done already" in done.stdout

    def kept(folder):
        rows = list(csv.DictReader(io.StringIO((folder / "page" / "table.csv").read_text())))
        text = [line for line in (folder / "page.md").read_text().splitlines() if not line.startswith("|")]
        return text, [{key: value for key, value in row.items() if key not in MEASURED} for row in rows]

    assert kept(tmp_path / "a") == kept(tmp_path / "b")
    files = sorted((outputs / "comparison-predicting-change-not-states-tiny" / "results").glob("*.json"))
    assert len(files) == 2
    again = subprocess.run(command, env=broken, capture_output=True, text=True, check=True)
    assert "min left" not in again.stdout
    assert "# Predicting change" + again.stdout.split("# Predicting change")[1] in done.stdout
