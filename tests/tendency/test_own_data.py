"""What the README says of one's own arrays: they are written, opened and trained on without an equation."""

import re
from pathlib import Path

import pytest

from tendency.data.manifest import read_manifest

README = (Path(__file__).resolve().parents[2] / "README.md").read_text(encoding="utf-8")
TINY = ["model.width=8", "model.modes=4", "trainer.max_epochs=2", "trainer.accelerator=cpu", "scheduler.warmup_steps=2"]


def example():
    """The Python of the section on one's own data."""
    section = README.split("\n## Your own data\n")[1].split("\n## ")[0]
    return "\n".join(re.findall(r"```python\n(.*?)```", section, re.DOTALL))


@pytest.mark.slow
def test_the_example_of_the_readme_is_trained_on(run_training, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    exec(compile(example(), "README.md", "exec"), {})  # noqa: S102  our own text
    places = [f"paths.datasets={tmp_path / 'datasets'}", f"paths.outputs={tmp_path / 'outputs'}"]
    config = run_training(["data=files", "data.path=waves", *TINY, *places])
    (folder,) = (tmp_path / "datasets").iterdir()
    metadata = read_manifest(folder).metadata
    assert read_manifest(folder).counts == read_manifest(tmp_path / "waves").counts
    assert (metadata.dt, metadata.param_names) == (0.05, ("speed",))
    assert metadata.geometry.boundary.periodic_axes == (True,)
    assert (Path(config.paths.run) / "report" / "report.html").is_file()
