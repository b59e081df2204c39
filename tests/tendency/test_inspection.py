"""What a dataset or data files are, said in a few lines before anything is made."""

import numpy as np
import pytest
from omegaconf import OmegaConf

import tendency
from tendency.app.problems.make_dataset import generate
from tendency.app.problems.stored_dataset import look_after
from tendency.data.metadata import DatasetError
from tests.support.sample_files import SAMPLES


@pytest.fixture
def folder(tmp_path):
    """A dataset of arrays, with more parameters than have a line each."""
    u = np.random.default_rng(0).normal(size=(6, 4, 2, 8, 5))
    params = {name: np.arange(6) + 0.5 for name in "abcd"} | {"e": 2.0, "g": np.arange(6)}
    facts = {"extent": [2.0, 1.0], "boundary": ["periodic", ["dirichlet", "open"]], "fields": {"velocity": 1}}
    split = {"train": [0, 1, 2], "valid": [3], "test": [4, 5]}
    facts |= {"params": params, "given": {"mask": np.ones((8, 5))}, "split": split}
    return tendency.write_dataset(tmp_path / "flow", u, [0.0, 0.5, 1.0, 1.5], **facts)


def entries(inspection):
    """The lines by their words."""
    assert len(inspection.lines) <= 25
    return {line[:14].strip(): line[14:] for line in inspection.lines}


def test_a_dataset_says_fields_times_sides_parameters_and_where_it_comes_from(folder):
    said = entries(tendency.inspect(folder))
    assert said["made of"] == "written from arrays"
    assert said["trajectories"] == "3 train, 1 valid, 2 test"
    assert (said["fields"], said["known fields"]) == ("velocity (vector)", "mask (scalar)")
    assert said["points"] == "8 x 5, Grid"
    assert said["boundary"] == "periodic, dirichlet/open"
    assert said["times"] == "4 snapshots, dt = 0.5, from 0 to 1.5"
    assert said["extent"] == "2, 1"
    assert "parameter     a 0.5 to 5.5" in tendency.inspect(folder).lines
    assert said["parameters"] == "g, e"
    assert said["certificate"].startswith("never certified")
    size = sum(path.stat().st_size for path in folder.rglob("*.hdf5"))
    assert said["on the disk"] == f"{size / 1e6:.3g} MB in 3 files"
    assert "tendency 0.1.0" in said["made by"]


def test_a_damaged_chunk_hides_nothing_else(folder):
    chunk = folder / "test" / "chunk-00000.hdf5"
    chunk.write_bytes(chunk.read_bytes()[:-9])
    said = entries(tendency.inspect(folder))
    assert "is damaged" in said["damaged"]
    assert said["points"] == "8 x 5, Grid"


def test_data_files_are_inspected_before_anything_is_made(compose_config, tmp_path, capsys):
    path = SAMPLES["lpsda"](tmp_path)
    places = [f"paths.datasets={tmp_path / 'datasets'}", "data=files", f"data.path={path}", "inspect=true"]
    generate(OmegaConf.create(compose_config("generate", places)))
    shown = capsys.readouterr().out
    assert "data files in the format lpsda, read in place" in shown
    assert "times         4 snapshots, dt 0.9 to 1.1, from 0 to 3.3" in shown
    assert "extent        5.4 to 6.6" in shown
    assert list(tmp_path.iterdir()) == [path]
    look_after(OmegaConf.create(compose_config("stored_dataset", [f"dataset={path}", "inspect=true"])))
    assert capsys.readouterr().out == shown


def test_what_data_files_do_not_say_is_asked_for_until_it_is_stated(compose_config, tmp_path, capsys):
    np.save(tmp_path / "1d_adv_train.npy", np.random.default_rng(0).normal(size=(3, 4, 1, 6)))
    asked = ["data=files", f"data.path={tmp_path}", "inspect=true"]
    generate(OmegaConf.create(compose_config("generate", asked)))
    assert "data.dt" in capsys.readouterr().out.split("unsaid")[1].split("\n")[0]
    stated = ["data.dt=0.25", "data.extent=[3.0]", "data.boundary=periodic"]
    generate(OmegaConf.create(compose_config("generate", [*asked, *stated])))
    shown = capsys.readouterr().out
    assert "unsaid" not in shown
    assert "dt = 0.25" in shown


def test_nothing_to_inspect_is_a_sentence(compose_config, tmp_path):
    with pytest.raises(DatasetError, match="expected a dataset's folder"):
        look_after(OmegaConf.create(compose_config("stored_dataset", ["dataset=nowhere", "inspect=true"])))
