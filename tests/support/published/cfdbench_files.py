"""Folders of CFDBench: {problem}/{bc|geo|prop}/case0000/{u.npy, v.npy, case.json}, arrays (T, h, w): axes y, x.

A frame is 0.1 s (cylinder: 0.001 s) in the loaders; no file says so. Published cases of one problem have different
numbers of frames; here all have as many, but for a damaged one. The numbers of case.json are ``params``; ``extent`` is
(height, width) where all agree.
"""

import json
from pathlib import Path

import numpy as np

from tests.support.published import damaged_files
from tests.support.published.known_waves import waves
from tests.support.published.published import Published

SHAPE, STEPS = (8, 12), 5


def problem(folder: Path, name: str, cases: dict[str, list[dict[str, float]]], dt: float) -> Published:
    """The cases of a problem, in the order of sorted names: all of bc, then of geo, then of prop.

    Args:
        folder: that holds the problem.
        name: of the problem.
        cases: the numbers of each case.json, by bc, geo, prop.
        dt: of a frame, which a user says.
    """
    u, numbers = [], []
    for subset, several in sorted(cases.items()):
        for number, case in enumerate(several):
            values = waves(1, np.arange(float(STEPS)), SHAPE, 2, first=len(u))
            case_folder = folder / name / subset / f"case{number:04d}"
            case_folder.mkdir(parents=True)
            np.save(case_folder / "u.npy", values[0, :, 0])
            np.save(case_folder / "v.npy", values[0, :, 1])
            (case_folder / "case.json").write_text(json.dumps(case), encoding="utf-8")
            u.append(values)
            numbers.append(case)
    params = {key: np.array([case[key] for case in numbers]) for key in numbers[0]}
    sides = [tuple(_sides(case)) for case in numbers]
    alike = len(set(sides)) == 1
    return Published(
        path=folder / name,
        u={"all": np.concatenate(u)},
        times=None,
        fields=("u", "v"),
        channels=(1, 1),
        params={"all": params},
        extent=sides[0] if alike else None,
        options={"dt": dt, "boundary": ("wall", "wall" if name == "cavity" else "open")},
        axes=("y", "x"),
        vectors={"velocity": ("u", "v")},
        own_extent={} if alike else {"all": np.array(sides)},
    )


def _sides(case: dict[str, float]) -> tuple[float, float]:
    if "height" in case:
        return case["height"], case["width"]
    return case["y_max"] - case["y_min"], case["x_max"] - case["x_min"]


def write_cfdbench_cavity(folder: Path) -> Published:
    """Lid velocities and properties; two cases of bc, two of prop."""
    case = {"vel_top": 10.0, "density": 1.0, "viscosity": 1e-5, "height": 0.01, "width": 0.02}
    cases = {"bc": [case, {**case, "vel_top": 20.0}], "prop": [{**case, "density": 2.0}, {**case, "viscosity": 1e-4}]}
    return problem(folder, "cavity", cases, 0.1)


def write_cfdbench_tube(folder: Path) -> Published:
    """Inlet velocities; a case of geo, whose height is another."""
    case = {"vel_in": 1.0, "density": 100.0, "viscosity": 0.1, "height": 0.1, "width": 1.0}
    cases = {"bc": [case, {**case, "vel_in": 2.0}], "geo": [{**case, "height": 0.2}]}
    return problem(folder, "tube", cases, 0.1)


def write_cfdbench_dam(folder: Path) -> Published:
    """With the barrier and the sizes of cells."""
    case = {
        "case_no": 0.0,
        "velocity": 0.05,
        "density": 100.0,
        "viscosity": 0.1,
        "barrier_height": 0.1,
        "barrier_width": 0.05,
    }
    case |= {"height": 0.4, "width": 1.5, "dx": 1.5 / 12, "dy": 0.4 / 8}
    cases = {"bc": [case, {**case, "case_no": 1.0, "velocity": 0.1}], "prop": [{**case, "density": 10.0}]}
    return problem(folder, "dam", cases, 0.1)


def write_cfdbench_cylinder(folder: Path) -> Published:
    """The box is relative to the centre of the cylinder: x_min, x_max, y_min, y_max."""
    case = {"vel_in": 1.0, "density": 10.0, "viscosity": 0.001, "radius": 0.01}
    case |= {"x_min": -0.06, "x_max": 0.16, "y_min": -0.06, "y_max": 0.06}
    cases = {"bc": [case, {**case, "vel_in": 2.0}], "geo": [{**case, "radius": 0.02}]}
    return problem(folder, "cylinder", cases, 0.001)


def _case(folder: Path) -> tuple[Path, Path]:
    path = write_cfdbench_cavity(folder).path
    return path, path / "bc" / "case0001"


def damage_cfdbench_missing_component(folder: Path) -> tuple[Path, list[str]]:
    """A case without v.npy."""
    path, case = _case(folder)
    (case / "v.npy").unlink()
    return path, ["case0001", "v.npy"]


def damage_cfdbench_missing_numbers(folder: Path) -> tuple[Path, list[str]]:
    """A case without case.json."""
    path, case = _case(folder)
    (case / "case.json").unlink()
    return path, ["case0001", "case.json"]


def damage_cfdbench_broken_json(folder: Path) -> tuple[Path, list[str]]:
    """A case.json that broke off."""
    path, case = _case(folder)
    damaged_files.cut(case / "case.json")
    return path, ["case0001", "case.json"]


def damage_cfdbench_missing_number(folder: Path) -> tuple[Path, list[str]]:
    """A case.json without ``viscosity``, which the others have."""
    path, case = _case(folder)
    numbers = json.loads((case / "case.json").read_text(encoding="utf-8"))
    del numbers["viscosity"]
    (case / "case.json").write_text(json.dumps(numbers), encoding="utf-8")
    return path, ["case0001", "viscosity"]


def damage_cfdbench_component_of_other_shape(folder: Path) -> tuple[Path, list[str]]:
    """u.npy is (5, 8, 12), v.npy (5, 12, 8)."""
    path, case = _case(folder)
    np.save(case / "v.npy", damaged_files.turned(np.load(case / "v.npy")))
    return path, ["case0001", "v.npy", "8", "12"]


def damage_cfdbench_fewer_frames(folder: Path) -> tuple[Path, list[str]]:
    """A case has 4 frames, the others 5: not wrong in the format, but no array of trajectories."""
    path, case = _case(folder)
    for name in ("u.npy", "v.npy"):
        np.save(case / name, np.load(case / name)[:-1])
    return path, ["case0001", "4", "5"]


def damage_cfdbench_object_array(folder: Path) -> tuple[Path, list[str]]:
    """u.npy is pickled: an array of objects. To be refused, not loaded."""
    path, case = _case(folder)
    np.save(case / "u.npy", np.array([{"u": 1.0}], dtype=object), allow_pickle=True)
    return path, ["case0001", "u.npy"]


def damage_cfdbench_nan(folder: Path) -> tuple[Path, list[str]]:
    """NaN in u.npy of a case."""
    path, case = _case(folder)
    np.save(case / "u.npy", damaged_files.not_a_number(np.load(case / "u.npy")))
    return path, ["case0001", "u.npy"]


def damage_cfdbench_empty_folder(folder: Path) -> tuple[Path, list[str]]:
    """A problem without a case."""
    (folder / "cavity" / "bc").mkdir(parents=True)
    return folder / "cavity", ["cavity"]
