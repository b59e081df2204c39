"""Batches of a run: the k-th one is a pure function of (seed, k), on any number of devices."""

from collections.abc import Callable, Iterator
from typing import Any

import torch
from lightning.pytorch import LightningDataModule
from torch.utils.data import DataLoader, Dataset, Sampler, get_worker_info

from tendency.data.dataset import TrajectoryDataset
from tendency.data.machine import usable_cores
from tendency.data.split_holder import LoaderWorkers
from tendency.simulation.annotations import NonNegativeInt, PositiveInt
from tendency.simulation.tree import map_tensors
from tendency.simulation.window import Window


class StepSampler(Sampler[list[int]]):
    """The batches of an endless run of shuffled epochs, from batch ``position()`` to the end of its epoch.

    Epoch e is the permutation of the generator seeded by (seed, e), or its first ``most_batches``; its last incomplete
    batch is dropped. Each global batch is cut by rank. Nothing is stored: where the run stands is asked when the first
    batch is drawn and no sooner, because Lightning makes iterators before it restores a checkpoint when a schedule
    wants to know its length.

    Args:
        num_windows: to draw from.
        batch_size: windows in one global batch.
        seed: of the run.
        position: batches of the run that were trained on already.
        rank: of this process.
        num_ranks: that share each batch.
        most_batches: in one epoch; all that the windows fill when left out.

    Raises:
        ValueError: a batch that cannot be cut evenly, or is larger than the split.
    """

    def __init__(
        self,
        num_windows: int,
        batch_size: int,
        seed: int,
        position: Callable[[], int],
        rank: int = 0,
        num_ranks: int = 1,
        most_batches: int | None = None,
    ) -> None:
        if batch_size % num_ranks:
            raise ValueError(
                f"data.batch_size: expected a multiple of the {num_ranks} devices that share it, got {batch_size}"
            )
        if batch_size > num_windows:
            raise ValueError(f"data.batch_size: expected at most {num_windows}, the training windows, got {batch_size}")
        self.num_windows, self.batch_size, self.seed, self.position = num_windows, batch_size, seed, position
        self.rank, self.num_ranks, self.most_batches = rank, num_ranks, most_batches

    def __len__(self) -> int:
        """Batches in one epoch."""
        whole = self.num_windows // self.batch_size
        return whole if self.most_batches is None else min(whole, self.most_batches)

    def __iter__(self) -> Iterator[list[int]]:
        """This rank's part of each batch, from where the run stands to the end of its epoch."""
        epoch, first = divmod(self.position(), len(self))
        generator = torch.Generator().manual_seed(self.seed * 1_000_003 + epoch)
        order = torch.randperm(self.num_windows, generator=generator).tolist()
        share = self.batch_size // self.num_ranks
        for batch in range(first, len(self)):
            begin = batch * self.batch_size + self.rank * share
            yield order[begin : begin + share]


class _Batches(Dataset[Window]):
    """A split of which the loader takes whole batches at once, which is faster than joining their windows."""

    def __init__(self, windows: TrajectoryDataset) -> None:
        self.windows = windows

    def __getitem__(self, index: int) -> Window:
        return self.windows[index]

    def __getitems__(self, indices: list[int]) -> Window:
        """What torch's DataLoader calls."""
        return self.windows.windows(indices)


def _open_anew(worker: int) -> None:
    """What a worker process begins with: the positions in files that its parent had open are not its own.

    Args:
        worker: its number.
    """
    info: Any = get_worker_info()
    info.dataset.windows.storage.close()


def _as_it_is(window: Any) -> Any:
    """Windows come batched from the dataset."""
    return window


class _FromFirstBatch:
    """The batches of a loader, whose processes begin when the first of them is asked for.

    They draw ahead; torch's loader lets them begin when its iterator is made, before a checkpoint is restored.
    """

    def __init__(self, loader: DataLoader[Window]) -> None:
        self.loader = loader

    def __len__(self) -> int:
        return len(self.loader)

    def __iter__(self) -> Iterator[Window]:
        yield from self.loader


MOST_AUTO_WORKERS = 4
"""Processes that cut windows where a GPU waits for them; one alone already cuts more than most networks take."""


class TrajectoryDataModule(LightningDataModule):
    """The train, valid and test splits of one dataset.

    Training yields shuffled windows; validation and test yield whole trajectories in order, present at 0, each on one
    rank. Lightning allows no rank without a batch, so that one beyond the last trajectory gets the first once more:
    whoever gathers figures over the ranks counts each ``Window.index`` once.

    Args:
        train: training windows.
        valid: whole validation trajectories.
        test: whole test trajectories.
        batch_size: windows in one global batch.
        eval_batch_size: trajectories in one batch of a validation or test.
        seed: of the run; its batches are a function of it.
        batches_per_epoch: at most; None takes all windows.
        loader_workers: processes that cut windows beside the training. ``auto``: none where it runs on CPUs, which they
            would take from it; which windows a batch has depends on neither.
    """

    def __init__(
        self,
        train: TrajectoryDataset,
        valid: TrajectoryDataset,
        test: TrajectoryDataset,
        batch_size: PositiveInt,
        eval_batch_size: PositiveInt,
        seed: NonNegativeInt,
        batches_per_epoch: PositiveInt | None = None,
        loader_workers: LoaderWorkers = "auto",
    ) -> None:
        super().__init__()
        self.train, self.valid, self.test = train, valid, test
        self.batch_size, self.eval_batch_size, self.seed = batch_size, eval_batch_size, seed
        self.batches_per_epoch, self.loader_workers = batches_per_epoch, loader_workers

    def train_dataloader(self) -> DataLoader[Window] | _FromFirstBatch:
        """Shuffled windows; see ``StepSampler``."""
        rank, ranks = self._ranks()
        sampler = StepSampler(
            len(self.train), self.batch_size, self.seed, self._position, rank, ranks, self.batches_per_epoch
        )
        # The loader has no state of its own on purpose: such states are lost or applied twice at the ends of epochs.
        workers = self._workers()
        loader = self._loader(self.train, sampler, workers)
        return _FromFirstBatch(loader) if workers else loader

    def val_dataloader(self) -> DataLoader[Window]:
        """Whole validation trajectories."""
        return self._in_order(self.valid)

    def test_dataloader(self) -> DataLoader[Window]:
        """Whole test trajectories."""
        return self._in_order(self.test)

    def transfer_batch_to_device(self, batch: Window, device: torch.device, dataloader_idx: int) -> Window:
        """Moves a window to where a model is trained; the window itself where it lies there."""
        if batch.u.device == device:
            return batch
        return map_tensors(lambda x: x.to(device, non_blocking=True), batch)

    def _in_order(self, dataset: TrajectoryDataset) -> DataLoader[Window]:
        rank, ranks = self._ranks()
        mine = list(range(rank, len(dataset), ranks)) or [0]
        batches = [mine[i : i + self.eval_batch_size] for i in range(0, len(mine), self.eval_batch_size)]
        return self._loader(dataset, _Fixed(batches), 0)

    def held(self) -> str:
        """How the splits of a training are held, in words."""
        return f"train {self.train.held}, valid {self.valid.held}"

    def _loader(self, dataset: TrajectoryDataset, batches: Sampler[list[int]], workers: int) -> DataLoader[Window]:
        if workers:
            # Before the processes are forked, which then share it.
            dataset.held.source.load()
        return DataLoader(
            _Batches(dataset),
            batch_sampler=batches,
            collate_fn=_as_it_is,
            num_workers=workers,
            worker_init_fn=_open_anew,
            pin_memory=self._on_gpu(),
            persistent_workers=workers > 0,
        )

    def _on_gpu(self) -> bool:
        return self.trainer is not None and self.trainer.strategy.root_device.type == "cuda"

    def _workers(self) -> int:
        if self.loader_workers != "auto":
            return self.loader_workers
        share = usable_cores() // self._ranks()[1] - 1
        return max(0, min(MOST_AUTO_WORKERS, share)) if self._on_gpu() else 0

    def _ranks(self) -> tuple[int, int]:
        return (0, 1) if self.trainer is None else (self.trainer.global_rank, self.trainer.world_size)

    def _position(self) -> int:
        """Batches of the run that were trained on already.

        ``total_batch_idx`` is the one counter of Lightning's that is right after every kind of checkpoint; it is not in
        its stable API, and the tests of resuming guard it.
        """
        return 0 if self.trainer is None else self.trainer.fit_loop.epoch_loop.total_batch_idx + 1


class _Fixed(Sampler[list[int]]):
    """Batches that were decided beforehand."""

    def __init__(self, batches: list[list[int]]) -> None:
        self.batches = batches

    def __len__(self) -> int:
        return len(self.batches)

    def __iter__(self) -> Iterator[list[int]]:
        return iter(self.batches)
