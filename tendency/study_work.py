"""One piece of a study in a process of its own: ``python -m tendency.study_work train ...`` or ``judge ...``."""

import sys

from tendency.errors import guarded


def main() -> None:
    """Trains with the overrides that follow, or judges a run once more with each integrator that follows."""
    import torch

    torch.set_num_threads(1)
    action, *arguments = sys.argv[1:]
    if action == "train":
        from tendency.train import main as train

        sys.argv = ["train.py", *arguments]
        train()
    else:
        guarded(lambda: judge(*arguments))


def judge(run: str, datasets: str, *integrators: str) -> None:
    """Judges a finished run once more with each integrator, into folders of its own beside its report."""
    from pathlib import Path

    from hydra import compose, initialize_config_dir
    from omegaconf import OmegaConf

    from tendency.build import build
    from tendency.compose import conf_folder
    from tendency.hardware import keep_freed_memory, set_matmul_precision
    from tendency.judging import judge_run

    keep_freed_memory()
    set_matmul_precision("auto")
    for integrator in integrators:
        chosen = [f"runs=[{run}]", f"prediction/integrator@evaluation.integrator={integrator}"]
        with initialize_config_dir(str(conf_folder()), version_base="1.3"):
            node = OmegaConf.to_container(compose("evaluate", chosen).evaluation, resolve=True)
        judge_run(Path(run), build(node, "evaluation"), Path(run) / f"report-{integrator}", Path(datasets))  # type: ignore[arg-type]


if __name__ == "__main__":
    main()
