"""The settings of a run that belong to no config group."""

from typing import Annotated, Literal

from annotated_types import Len

from tendency.app.hardware import MatmulPrecision
from tendency.errors import ConfigError
from tendency.simulation.annotations import NonNegativeInt, PositiveInt


class TrainSettings:
    """Of ``train.py``.

    Args:
        name: of the run's folder; None makes one from the choices, the seed and a hash of the configuration.
        seed: of weights, batches and draws.
        resume: ``auto`` goes on with the run of this name, ``never`` stops if it exists.
        ckpt_path: a checkpoint to go on from.
        matmul_precision: of float32 matrix products.
        compile: train the network through ``torch.compile``.
        evaluate: write the rollout report at the end.
        small: the quick form of the problem; it was merged into the configuration when that was composed.
    """

    def __init__(
        self,
        name: Annotated[str, Len(1)] | None = None,
        seed: NonNegativeInt = 0,
        resume: Literal["never", "auto"] = "never",
        ckpt_path: Annotated[str, Len(1)] | None = None,
        matmul_precision: MatmulPrecision = "auto",
        compile: bool = False,
        evaluate: bool = True,
        small: bool = False,
    ) -> None:
        self.name, self.seed, self.resume, self.small = name, seed, resume, small
        self.ckpt_path, self.matmul_precision, self.evaluate = ckpt_path, matmul_precision, evaluate
        self.compile = compile


class PathSettings:
    """Where things go; of every command.

    Args:
        datasets: folder of all datasets.
        outputs: folder of all runs and reports.
        run: of one training.
    """

    def __init__(
        self, datasets: Annotated[str, Len(1)], outputs: Annotated[str, Len(1)], run: Annotated[str, Len(1)] = ""
    ) -> None:
        self.datasets, self.outputs, self.run = datasets, outputs, run


class GenerateSettings:
    """Of ``generate.py``.

    Args:
        certify: ``first`` measures the certificate and then generates, ``only`` generates nothing.
        small: as of ``TrainSettings``.
        verify: read all of the dataset and compare every byte with its manifest; nothing is made.
        repair: the same, and solve anew what is damaged or missing.
        inspect: say what the dataset or the data files are; nothing is made.
        convert: write the trajectories of the dataset or the data files as a dataset of their own.
        convert_every: with that, so many points become one on each axis.
        convert_stride: with that, every so many snapshots are taken.

    Raises:
        ConfigError: fewer points or snapshots of nothing.
    """

    def __init__(
        self,
        certify: Literal["first", "only"] = "first",
        small: bool = False,
        verify: bool = False,
        repair: bool = False,
        inspect: bool = False,
        convert: bool = False,
        convert_every: PositiveInt = 1,
        convert_stride: PositiveInt = 1,
    ) -> None:
        if not convert and (convert_every > 1 or convert_stride > 1):
            key, value = max(("convert_every", convert_every), ("convert_stride", convert_stride), key=lambda x: x[1])
            raise ConfigError([f"{key}: expected convert=true beside it, got {value} alone"])
        self.convert, self.convert_every, self.convert_stride = convert, convert_every, convert_stride
        self.certify, self.small, self.verify, self.repair = certify, small, verify, repair
        self.inspect = inspect


class StoredDatasetSettings:
    """Of ``generate.py dataset=...``.

    Args:
        dataset: folder of a dataset, or its name in the folder of all datasets.
        verify: as of ``GenerateSettings``.
        repair: as of ``GenerateSettings``.
        workers: processes that solve; 0 for one per core.
        inspect: say what the dataset is; a data file or a folder of such may stand in its place.
    """

    def __init__(
        self,
        dataset: Annotated[str, Len(1)],
        verify: bool = False,
        repair: bool = False,
        workers: NonNegativeInt = 0,
        inspect: bool = False,
    ) -> None:
        self.dataset, self.verify, self.repair, self.workers = dataset, verify, repair, workers
        self.inspect = inspect


class EvaluateSettings:
    """Of ``evaluate.py``.

    Args:
        runs: folders of runs, checkpoints, patterns of either, or folders of sweeps; all on one problem.
        sweep: as ``runs``, on any problems: each gets its report, and a leaderboard ranks the methods over all.
        name: of the report's folder in the outputs; None names it after the runs.
        trust: build classes outside this project that a checkpoint names.
        dataset: folder of the dataset to judge on; None takes the one that the runs were trained on.
        shift: overrides of the runs' own problem that make other test trajectories to judge on.
        num_test: test trajectories to judge on; None takes as many as the runs had, which must agree.
        matmul_precision: of float32 matrix products.

    Raises:
        ConfigError: not one of ``runs`` and ``sweep``, or more than one of what the runs are judged on.
    """

    def __init__(
        self,
        runs: Annotated[list[Annotated[str, Len(1)]], Len(1)] | None = None,
        sweep: Annotated[list[str], Len(1)] | Annotated[str, Len(1)] | None = None,
        name: Annotated[str, Len(1)] | None = None,
        trust: bool = False,
        dataset: Annotated[str, Len(1)] | None = None,
        shift: list[str] | None = None,
        num_test: PositiveInt | None = None,
        matmul_precision: MatmulPrecision = "auto",
    ) -> None:
        if (runs is None) == (sweep is None):
            given = "both" if runs is not None else "neither"
            raise ConfigError(
                [
                    f"runs, sweep: expected one of them, got {given}; runs=[outputs/<name>] judges runs of one "
                    "problem, sweep=outputs/multirun/<folder> all runs of a sweep"
                ]
            )
        if dataset is not None and (shift or sweep is not None):
            other = "shift makes another one" if shift else "sweep judges each run on its own problem's"
            raise ConfigError([f"dataset: {other}, got {dataset!r}"])
        self.runs, self.sweep = runs, [sweep] if isinstance(sweep, str) else sweep
        self.name, self.trust, self.dataset, self.shift = name, trust, dataset, list(shift or [])
        self.num_test, self.matmul_precision = num_test, matmul_precision
