"""Problems with a small solver of their own, importable by worker processes, and datasets made from them."""

import importlib.util
import shutil
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).parent


def load_module():
    """The module that worker processes import by name as well."""
    if str(HERE) not in sys.path:
        sys.path.insert(0, str(HERE))
    spec = importlib.util.find_spec("decaying_waves")
    module = importlib.util.module_from_spec(spec)
    sys.modules.setdefault("decaying_waves", module)
    if not hasattr(sys.modules["decaying_waves"], "make_problem"):
        spec.loader.exec_module(sys.modules["decaying_waves"])
    return sys.modules["decaying_waves"]


@pytest.fixture(scope="session")
def waves():
    """The module of the small solver."""
    return load_module()


@pytest.fixture(scope="session")
def make_dataset(waves):
    """``make_dataset(folder, counts)``: generates; keyword arguments go to the problem and to ``generate``."""
    from tendency.data.generation import generate
    from tendency.data.generation_job import GenerationJob

    def make(folder, counts, *, chunk_size=2, workers=1, store_time_derivative=False, progress=None, **problem):
        return generate(
            GenerationJob(waves.Maker(**problem), folder, chunk_size, store_time_derivative),
            {"chunk_size": chunk_size},
            counts,
            workers=workers,
            progress=progress or (lambda done, total: None),
        )

    return make


@pytest.fixture(scope="session")
def dataset(make_dataset, tmp_path_factory):
    """Five training, two validation and three test trajectories of eleven snapshots, with u_t."""
    folder = tmp_path_factory.mktemp("data") / "waves"
    make_dataset(folder, {"train": 5, "valid": 2, "test": 3}, store_time_derivative=True)
    return folder


@pytest.fixture
def saved_arrays(tmp_path, monkeypatch):
    """A dataset of two files of others, with a constant field; see ``tests.support.saved_arrays``."""
    from tendency.data.readers.known_readers import ADMITTED, path_of
    from tests.support.saved_arrays import Arrays, write_array_files

    monkeypatch.setitem(ADMITTED, path_of(Arrays), Arrays)
    return write_array_files(tmp_path, Arrays())


@pytest.fixture
def copy(dataset, tmp_path):
    """A copy of that dataset."""
    folder = tmp_path / "waves"
    shutil.copytree(dataset, folder)
    return folder


@pytest.fixture
def job(waves, copy):
    """What makes the chunks of the copy."""
    from tendency.data.generation_job import GenerationJob

    return GenerationJob(waves.Maker(), copy, 2, store_time_derivative=True)
