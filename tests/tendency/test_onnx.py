"""A step as ONNX: answers in onnxruntime that are the surrogate's own, and a reason where there is none."""

import pytest
import torch

import tendency
from tendency import export_surrogate
from tendency.errors import ArtefactError

NETWORKS = {
    "unet": ("heat", ["pde.geometry.shape=[16]", "model=unet", "model.width=4", "model.multipliers=[1,2]"]),
    "fno": ("heat", ["pde.geometry.shape=[16]", "model=fno", "model.width=4", "model.modes=3", "model.num_layers=1"]),
}


@pytest.mark.parametrize("network", NETWORKS)
def test_onnxruntime_takes_the_same_step_for_any_number_of_trajectories(network, small_run, homes, tmp_path):
    pytest.importorskip("onnxscript", reason="pip install 'tendency[onnx]'")
    onnxruntime = pytest.importorskip("onnxruntime", reason="pip install 'tendency[onnx]'")
    pde, overrides = NETWORKS[network]
    run = small_run(pde, [*overrides, "prediction=increment", f"name=onnx-{network}", "trainer.max_epochs=1"])
    folder = tendency.export(run, tmp_path, onnx=True)
    session = onnxruntime.InferenceSession(str(folder / "step.onnx"))
    surrogate = tendency.load_surrogate(run)
    recipe = surrogate.recipe
    data = tendency.open_windows(f"{homes['TENDENCY_DATASETS']}/{recipe.dataset}", "test")
    for rows in (1, 5):
        window = data.windows(list(range(rows)))
        u, t = window.u[:, :1], window.t[:, :1]
        given = {
            "u": u,
            "t": t[:, 0],
            "dt": torch.full((rows,), surrogate.dt, dtype=torch.float64),
            "params": window.conditions.params,
            "extent": window.conditions.extent,
        }
        (found,) = session.run(None, {name: given[name].numpy() for name in given})
        expected = surrogate.predict(u, t, t + surrogate.dt, window.conditions)[:, 0]
        assert (expected - u[:, 0]).abs().max() > 1e-4
        assert torch.allclose(torch.from_numpy(found), expected, rtol=1e-5, atol=1e-6)


def test_missing_packages_are_named_before_anything_is_done(monkeypatch, tmp_path):
    monkeypatch.setattr(export_surrogate, "find_spec", lambda name: None if name == "onnxruntime" else object())
    with pytest.raises(ArtefactError, match=r"onnx=True needs onnxruntime: pip install 'tendency\[onnx\]'"):
        tendency.export(tmp_path / "no such run", tmp_path / "exported", onnx=True)
    assert not (tmp_path / "exported").exists()


@pytest.mark.slow
def test_fast_fourier_transforms_are_refused_with_the_way_out(small_run, tmp_path):
    pytest.importorskip("onnxscript", reason="pip install 'tendency[onnx]'")
    tiny = ["model=fno", "model.width=4", "model.modes=16", "model.num_layers=1", "trainer.max_epochs=1"]
    run = small_run("diffusion_reaction", ["small=true", *tiny, "name=onnx-fft"])
    with pytest.raises(ArtefactError) as caught:
        tendency.export(run, tmp_path, onnx=True)
    assert "complex numbers, which ONNX lacks; a Fourier layer takes real matrices" in str(caught.value)
    assert "model.modes" in str(caught.value)
    assert len(str(caught.value).splitlines()) == 1
    assert (tmp_path / "step.pt2").exists()
    assert not (tmp_path / "step.onnx").exists()
