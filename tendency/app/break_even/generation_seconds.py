"""What a dataset's training and validation trajectories cost: as recorded while they were solved, or as estimated."""

from tendency.data.chunk_seconds import read_seconds
from tendency.data.dataset import TrajectoryDataset
from tendency.evaluation.cost.break_even import CostPoint, GenerationCost

SPLITS = ("train", "valid")
"""Without them there is no surrogate; test trajectories are needed to judge anything."""


def generation_of(test: TrajectoryDataset, own: CostPoint | None, horizon: float) -> GenerationCost:
    """Processor seconds that the chunks are on record with, else an estimate from what the data's solver needs here.

    Args:
        test: trajectories of the dataset.
        own: the point of the setting that the data were solved with, at a batch of one, timed on this machine; None
            where it was not.
        horizon: the time over which it was.
    """
    manifest = test.manifest
    counts = {split: manifest.counts.get(split, 0) for split in SPLITS}
    if (recorded := read_seconds(test.folder, manifest.checksums(counts))) is not None:
        machines = " and ".join(recorded.machines)
        return GenerationCost(recorded.processor, f"recorded while they were solved, on one core each of {machines}")
    if own is None:
        return GenerationCost(None, "since they were not recorded and the solver's own setting was not timed")
    # The burn-in counts, the fixed batch in which they were solved does not: there is nothing else to go by.
    solved = float(test[0].t[0, -1])
    estimate = own.seconds / horizon * solved * sum(counts.values())
    return GenerationCost(estimate, "estimated from the solver's own setting, timed here at a batch of one")
