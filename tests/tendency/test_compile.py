"""A run whose network is compiled is the same run."""

from pathlib import Path

import pytest
import torch
import torch._inductor.config
from torch._inductor.utils import fresh_cache

from tendency.app.hardware import nothing_compiled, require_compiler
from tendency.app.runs.checkpoint_reader import read_checkpoint

CPU = torch.device("cpu")


def test_without_a_compiler_a_run_is_refused_before_any_work(small_run, homes, tmp_path, monkeypatch):
    monkeypatch.setattr(torch._inductor.config.cpp, "cxx", (str(tmp_path / "none"),))
    torch.compiler.reset()
    with fresh_cache(), pytest.raises(ValueError, match=r"^compile: expected false, or a machine where"):
        small_run("heat", ["compile=true", "name=refused"])
    assert not (Path(homes["TENDENCY_OUTPUTS"]) / "refused").exists()


def test_nothing_is_compiled_where_that_does_not_pay():
    calls = []

    def counted(graph, inputs):
        calls.append(1)
        return graph.forward

    torch.compiler.reset()
    compiled = torch.compile(torch.add, backend=counted)
    with nothing_compiled():
        assert compiled(torch.ones(2), 1).tolist() == [2, 2]
    assert not calls
    assert compiled(torch.ones(2), 1).tolist() == [2, 2]
    assert calls


@pytest.mark.slow
@pytest.mark.parametrize("model", ["fno", "mp_pde"])
def test_a_compiled_run_learns_the_same(small_run, model):
    require_compiler(CPU)
    sizes = {"fno": ["model.width=8"], "mp_pde": ["model.width=16"]}[model]
    weights = []
    for compiled in (False, True):
        torch.compiler.reset()
        changes = [f"model={model}", *sizes, f"compile={str(compiled).lower()}", f"name={model}-{compiled}".lower()]
        folder = small_run("heat", changes, evaluate=True)
        assert (folder / "report" / "report.html").exists()
        weights.append(read_checkpoint(folder).weights)
    assert weights[0].keys() == weights[1].keys()
    for name, plain in weights[0].items():
        assert torch.allclose(plain, weights[1][name], rtol=0, atol=2e-4), name
