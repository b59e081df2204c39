"""A trained surrogate as files that others can read: a program of one step, and its weights."""

import io
import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.export import ExportedProgram
from torch.fx import GraphModule

from tendency.app.machine_limits import require_writable
from tendency.app.runs.exported_files import WEIGHTS, write_export
from tendency.data.given_arguments import given_path, given_switch
from tendency.data.whole_file import whole_file, write_whole_bytes
from tendency.errors import ArtefactError, ConfigError
from tendency.simulation.conditions import Conditions
from tendency.simulation.geometry import Geometry
from tendency.simulation.tree import Tree
from tendency.surrogates.predictions.corrected import CorrectedPrediction
from tendency.surrogates.stepper import SurrogateStepper
from tendency.trained_surrogate import TrainedSurrogate, load_surrogate

PROGRAM, ONNX = "step.pt2", "step.onnx"
TOLERANCE = 1e-5
"""Relative difference between a program and what it was made from, beyond which it is not handed out."""

ONNX_PACKAGES = ("onnx", "onnxscript", "onnxruntime")
COMPLEX = (
    "it computes with complex numbers, which ONNX lacks; a Fourier layer takes real matrices instead on axes of at "
    "most 256 points, half of whose modes are kept at most (model.modes)"
)


class Step(nn.Module):
    """One step in physical units, as a function of tensors alone.

    Args:
        stepper: whose step it is.
        geometry: of the points that the program is for.
    """

    def __init__(self, stepper: SurrogateStepper, geometry: Geometry) -> None:
        super().__init__()
        # What was learned is compared with the values of times, which a program does not know when it is made.
        self.stepper, self.geometry = stepper.having_learned(None), geometry

    def forward(
        self,
        u: Tensor,
        t: Tensor,
        dt: Tensor,
        params: Tensor,
        extent: Tensor,
        given: Tensor | None = None,
        forcing: Tensor | None = None,
        forcing_times: Tensor | None = None,
    ) -> Tensor:
        """The state after a step.

        Args:
            u: (B, K, C, *N) the latest snapshots, oldest first, a step dt apart.
            t: (B,) float64, the time of the last.
            dt: (B,) float64, a step that the surrogate learned, which a program does not compare: the training data's
                dt times ``stride`` of the recipe; any for a derivative.
            params: (B, P) float64, those that the network is told.
            extent: (B, D) float64 side lengths.
            given: (B, C_g, *N) constant fields, where the training data have some.
            forcing: (B, K, C_f, *N) known forcing at K times, at least 2, where the training data have some.
            forcing_times: (B, K) float64, increasing.

        Returns:
            (B, C, *N) at t + dt.
        """
        conditions, memory = self.start(u, t, dt, params, extent, given, forcing, forcing_times)
        return self.stepper.advance(u[:, -1], t, dt, conditions, memory)[0]

    def start(
        self,
        u: Tensor,
        t: Tensor,
        dt: Tensor,
        params: Tensor,
        extent: Tensor,
        given: Tensor | None = None,
        forcing: Tensor | None = None,
        forcing_times: Tensor | None = None,
    ) -> tuple[Conditions, Tree]:
        """What ``forward`` steps with: the trajectories' conditions, and the memory before the step."""
        nothing = params.new_zeros(params.shape[0], 0)
        conditions = Conditions(
            params=params,
            hidden=nothing,
            extent=extent,
            boundary_values=nothing,
            geometry=self.geometry,
            given=given,
            forcing=forcing,
            forcing_times=forcing_times,
        )
        past = torch.arange(1 - u.shape[1], 1, dtype=dt.dtype, device=dt.device)
        times = t[:, None] + past * dt[:, None]
        return conditions, self.stepper.start(u, times, conditions, torch.zeros_like(t).long())


def export(source: str | Path, folder: str | Path, *, onnx: bool = False, trust: bool = False) -> Path:
    """Writes a run's surrogate as a program and as weights, each checked against the original.

    ``step.pt2`` is a torch.export program with the units inside, for any number of trajectories on the points of the
    training data: ``torch.export.load("step.pt2").module()(u, t, dt, params, extent)``; see ``Step``, which says what
    follows where the training data have constant fields or forcing.
    ``weights.safetensors`` and ``recipe.json`` are what ``tendency.load_surrogate(folder)`` makes a surrogate of.

    Example:
        >>> folder = tendency.export("outputs/run", "exported")
        >>> sorted(path.name for path in folder.iterdir())
        ['recipe.json', 'step.pt2', 'weights.safetensors']
        >>> tendency.load_surrogate("exported").dt
        0.1

    Args:
        source: a checkpoint, or the folder of a run.
        folder: that the files go to; made where it is missing. Programs of an earlier export there are removed.
        onnx: write ``step.onnx`` as well, with the same inputs and for any number of trajectories; needs the packages
            of ``pip install 'tendency[onnx]'``. Networks on the matrix path of a spectral convolution have one; fast
            Fourier transforms of more than one axis have none, since ONNX lacks complex numbers.
        trust: build classes outside this project that the checkpoint names.

    Returns:
        The folder.

    Raises:
        ArtefactError: the checkpoint cannot be read, its steps depend on those before them (Adams-Bashforth, bundles,
            drawn noise), a solver steps inside it, torch cannot trace it, its weights are complex in double precision,
            or the program's answer differs from the original's; nothing can be written to the folder; for ONNX also
            that packages are missing.
        ValueError: an argument that is no path, or neither true nor false.
    """
    source, folder = given_path(source, "source"), given_path(folder, "folder")
    if given_switch(onnx, "onnx"):
        _require_onnx()
    try:
        require_writable("folder", folder)
    except ConfigError as error:
        raise ArtefactError(f"export: {error}") from None
    trained = load_surrogate(source, trust)
    if isinstance(trained.stepper.prediction, CorrectedPrediction):
        raise ArtefactError(
            "export: a solver steps inside this surrogate, as often as the values ask for, which no program of fixed "
            "steps does; a correction is rolled out by tendency.load_surrogate"
        )
    if double := [name for name, value in trained.stepper.state_dict().items() if value.dtype == torch.complex128]:
        raise ArtefactError(f"export: {WEIGHTS} holds no complex numbers in double precision, and {double[0]} has such")
    step, inputs = Step(trained.stepper, trained.metadata.geometry), _example(trained)
    _require_one_step(step, inputs)
    with torch.no_grad():
        expected = step(*inputs)
        batch = torch.export.Dim("batch", min=1)
        try:
            shapes = [None if x is None else {0: batch} for x in inputs]
            if trained.metadata.forcing:
                moments = torch.export.Dim("moments", min=2)
                shapes[-2:] = [{0: batch, 1: moments}] * 2
            program = torch.export.export(step, inputs, dynamic_shapes=tuple(shapes))
        except Exception as error:
            raise ArtefactError(f"export: torch cannot trace this surrogate ({_first_line(error)})") from error
        _require_same(program.module()(*inputs), expected, PROGRAM)
    folder.mkdir(parents=True, exist_ok=True)
    # Those of another surrogate would stand beside these weights where the rest is not written.
    for name in (PROGRAM, ONNX):
        (folder / name).unlink(missing_ok=True)
    write_export(folder, trained.recipe, trained.stepper.state_dict())
    # In memory: torch ends the process where it cannot write an archive to a disk that is full.
    archive = io.BytesIO()
    torch.export.save(program, archive)
    write_whole_bytes(folder / PROGRAM, archive.getvalue())
    if onnx:
        _write_onnx(program, inputs, expected, folder / ONNX)
    return folder


def _example(trained: TrainedSurrogate) -> tuple[Any, ...]:
    """Inputs of three trajectories in the range of the training data: a number that no axis is likely to have."""
    rows, metadata, units = 3, trained.metadata, trained.stepper.normalizer
    generator = torch.Generator().manual_seed(0)
    dtype = trained.stepper.surrogate.dtype
    space = metadata.geometry.shape
    noise = torch.randn(rows, trained.history, metadata.num_channels, *space, generator=generator, dtype=dtype)
    u = units.fields.decode(noise.flatten(0, 1)).unflatten(0, (rows, trained.history))
    told = units.conditions.mean[: len(metadata.param_names)].expand(rows, -1)
    lengths = trained.extent or [1.0] * metadata.spatial_dims
    extent = torch.tensor(lengths, dtype=torch.float64).expand(rows, -1)
    dt = torch.full((rows,), trained.dt or 1.0, dtype=torch.float64)
    return u, torch.zeros_like(dt), dt, told.clone(), extent.clone(), *_known_example(trained, dt, generator)


def _known_example(trained: TrainedSurrogate, dt: Tensor, generator: torch.Generator) -> tuple[Any, ...]:
    """Constant fields, forcing and its times, as far as the training data have such."""
    metadata, units = trained.metadata, trained.stepper.normalizer.known
    if units is None:
        return ()
    moments = 5 if metadata.forcing else 1
    shape = (len(dt) * moments, metadata.num_known, *metadata.geometry.shape)
    noise = torch.randn(shape, generator=generator, dtype=trained.stepper.surrogate.dtype)
    known = units.decode(noise).unflatten(0, (len(dt), moments))
    count = len(metadata.given_names)
    given = known[:, 0, :count].contiguous() if count else None
    if not metadata.forcing:
        return (given,)
    times = dt[:, None] * torch.linspace(-0.5, 2.0, moments, dtype=torch.float64)
    return given, known[:, :, count:].contiguous(), times


def _require_one_step(step: Step, inputs: tuple[Any, ...]) -> None:
    """Refuses surrogates whose next step depends on more than the latest snapshots."""
    _, memory = step.start(*inputs)
    rest = {name: tree for name, tree in memory.items() if name not in ("past", "step") and _holds_tensors(tree)}
    if rest:
        raise ArtefactError(
            f"export: this surrogate remembers more than its latest snapshots ({', '.join(rest)}); a program of one "
            "step needs a prediction without drawn noise and bundles, and a one-step integrator such as heun or rk4"
        )


def _holds_tensors(tree: Tree) -> bool:
    return any(map(_holds_tensors, tree.values())) if isinstance(tree, dict) else isinstance(tree, Tensor)


def _require_same(found: Tensor, expected: Tensor, name: str) -> None:
    difference = float((found - expected).norm() / expected.norm())
    if not difference <= TOLERANCE:
        raise ArtefactError(f"export: {name} differs from the original by {difference:.1e} (relative); not written")


def _require_onnx() -> None:
    if missing := [name for name in ONNX_PACKAGES if find_spec(name) is None]:
        raise ArtefactError(f"export: onnx=True needs {', '.join(missing)}: pip install 'tendency[onnx]'")


def _write_onnx(program: ExportedProgram, inputs: tuple[Any, ...], expected: Tensor, path: Path) -> None:
    """Writes the ONNX form of a program, checked by onnxruntime on all of the inputs' rows and on fewer."""
    try:
        with _without_remarks():
            written = torch.onnx.export(program, dynamo=True, verbose=False)
    except Exception as error:
        reason = COMPLEX if _has_complex_numbers(program) else _first_line(_root(error))
        raise ArtefactError(f"export: no ONNX of this surrogate: {reason}; {PROGRAM} is written") from error
    if written is None:
        raise ArtefactError(f"export: torch made no ONNX program; {PROGRAM} is written")
    for rows in (len(expected), len(expected) - 1):
        try:
            found = written(*(x[:rows] for x in inputs if x is not None))[0]
        except Exception as error:
            raise ArtefactError(
                f"export: {ONNX} does not run on {rows} trajectories ({_first_line(error)}); {PROGRAM} is written"
            ) from error
        _require_same(torch.as_tensor(found), expected[:rows], ONNX)
    with whole_file(path) as temporary:
        written.save(str(temporary))


def _has_complex_numbers(program: ExportedProgram) -> bool:
    # What runs at another precision than the rest is a graph within the graph.
    graphs = (module.graph for module in program.graph_module.modules() if isinstance(module, GraphModule))
    values = (node.meta.get("val") for graph in graphs for node in graph.nodes)
    return any(isinstance(value, Tensor) and value.is_complex() for value in values)


@contextmanager
def _without_remarks() -> Iterator[None]:
    """Torch speaks of packages that it could use, and of its own deprecated functions."""
    log = logging.getLogger("torch.onnx")
    level = log.level
    log.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        log.setLevel(level)


def _root(error: BaseException) -> BaseException:
    """What an error came from: the exporter's own says how to write to its authors."""
    return error if error.__cause__ is None else _root(error.__cause__)


def _first_line(error: BaseException) -> str:
    text = str(error).strip()
    return text.splitlines()[0][:160] if text else type(error).__name__
