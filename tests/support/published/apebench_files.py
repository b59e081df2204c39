"""Arrays of APEBench: {name}_train.npy, {name}_test.npy and {name}.json, as its scraper writes them.

Known from the reference: arrays are (n, T + 1, C, *N) float32 with the initial state first, the spatial axes in the
order x, y ("ij"), periodic cells without the right end; training and test set differ in T. The .json file holds
{"name", "info"}, and in ``info`` the arguments of the scenario: in the physical form with a length and a time step, in
the others with neither, so that a user says both.
"""

import json
from pathlib import Path

import numpy as np

from tests.support.published import damaged_files
from tests.support.published.known_waves import waves
from tests.support.published.published import Published


def scenario(
    folder: Path, name: str, shape: tuple[int, ...], channels: int, info: dict[str, object]
) -> dict[str, np.ndarray]:
    """The three files of a scenario.

    Args:
        folder: that holds them.
        name: of the scenario.
        shape: N of each axis.
        channels: C.
        info: arguments of the scenario beside those that all have.

    Returns:
        The arrays by split.
    """
    folder.mkdir(parents=True, exist_ok=True)
    sizes = {"train": (4, 5), "test": (2, 8)}
    u = {}
    for number, (split, (count, steps)) in enumerate(sizes.items()):
        u[split] = waves(count, np.arange(float(steps)), shape, channels, first=4 * number).astype(np.float32)
        np.save(folder / f"{name}_{split}.npy", u[split])
    shared = {"num_spatial_dims": len(shape), "num_points": shape[0], "num_channels": channels, "num_train_samples": 4}
    metadata = {"name": name, "info": {**shared, "train_temporal_horizon": 4, "test_temporal_horizon": 7, **info}}
    (folder / f"{name}.json").write_text(json.dumps(metadata), encoding="utf-8")
    return u


def write_apebench_1d(folder: Path) -> Published:
    """A scalar in 1D, difficulty form."""
    u = scenario(folder, "1d_diff_ks", (16,), 1, {"gammas": [0.0, 0.0, -1.2, 0.0, -15.0], "deltas": [0.0, 0.0, -6.0]})
    return Published(
        path=folder,
        u=u,
        times=None,
        fields=("u",),
        channels=(1,),
        params={split: {} for split in u},
        options={"dt": 1.0, "extent": (1.0,), "boundary": ("periodic",)},
    )


def write_apebench_2d(folder: Path) -> Published:
    """Two channels in 2D, physical form: ``info`` has ``domain_extent``, one for all axes, and ``dt``. Square, as all
    of APEBench.

    The arrays do not say whether channels are components of a vector (Burgers) or scalars (Gray-Scott): a user says.
    """
    u = scenario(folder, "2d_phy_burgers", (10, 10), 2, {"domain_extent": 2.0, "dt": 0.1, "diffusion_coef": 0.01})
    return Published(
        path=folder,
        u=u,
        times=0.1 * np.arange(8),
        fields=("u",),
        channels=(2,),
        params={split: {} for split in u},
        extent=(2.0, 2.0),
        options={"dt": 0.1, "boundary": ("periodic", "periodic")},
    )


def damage_apebench_without_channels(folder: Path) -> tuple[Path, list[str]]:
    """The training array is (n, T, N), without an axis of channels."""
    published = write_apebench_1d(folder)
    np.save(folder / "1d_diff_ks_train.npy", published.u["train"][:, :, 0])
    return published.path, ["1d_diff_ks_train.npy", "3", "4"]


def damage_apebench_test_of_other_shape(folder: Path) -> tuple[Path, list[str]]:
    """The test array has another grid than the training array."""
    published = write_apebench_2d(folder)
    np.save(folder / "2d_phy_burgers_test.npy", published.u["test"][..., :8])
    return published.path, ["2d_phy_burgers_test.npy", "8", "10"]


def damage_apebench_nan(folder: Path) -> tuple[Path, list[str]]:
    """NaN in the test array; the scraper itself only warns of it."""
    published = write_apebench_1d(folder)
    np.save(folder / "1d_diff_ks_test.npy", damaged_files.not_a_number(published.u["test"]))
    return published.path, ["1d_diff_ks_test.npy"]


def damage_apebench_cut(folder: Path) -> tuple[Path, list[str]]:
    """The training array broke off."""
    path = write_apebench_1d(folder).path
    damaged_files.cut(path / "1d_diff_ks_train.npy")
    return path, ["1d_diff_ks_train.npy"]
