"""Slurm's variables in a process that Slurm's ``srun`` has not started."""

from collections.abc import Mapping

from tendency.errors import ConfigError


def check_slurm(environment: Mapping[str, str], devices: int | str) -> None:
    """Refuses to train as one of several tasks of Slurm where the others were not started.

    ``salloc`` and ``sbatch`` set the number of tasks for whatever is typed in their shell; Lightning would take this
    process for one of them and wait, or fail, for want of the others.

    Args:
        environment: variables of the process.
        devices: ``trainer.devices``.

    Raises:
        ConfigError: with the two ways out.
    """
    tasks = environment.get("SLURM_NTASKS", "1")
    # So are interactive jobs called; Lightning leaves them alone.
    if tasks == "1" or environment.get("SLURM_JOB_NAME") in ("bash", "interactive"):
        return
    per_node = environment.get("SLURM_NTASKS_PER_NODE")
    if "SLURM_PROCID" in environment and "SLURM_STEP_ID" in environment and per_node == str(devices):
        return
    raise ConfigError(
        [
            f"SLURM_NTASKS: expected one task, or tasks that srun starts with --ntasks-per-node equal to "
            f"trainer.devices={devices}, got {tasks} tasks: either srun --ntasks-per-node={tasks} python train.py ... "
            f"trainer.devices={tasks} trainer.strategy=ddp, "
            "or one process by SLURM_JOB_NAME=interactive python train.py ..."
        ]
    )
