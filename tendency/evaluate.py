"""``python evaluate.py runs=[outputs/a,outputs/b]``: rollouts -> comparison report, or the leaderboard of a sweep."""

import hydra
from omegaconf import DictConfig

from tendency.compose import check_command_line, conf_folder
from tendency.errors import guarded


def main() -> None:
    """Checks the command line, then evaluates; errors end the process with their exit code."""
    guarded(lambda: check_command_line("evaluate"))
    _composed()


@hydra.main(version_base="1.3", config_path=str(conf_folder()), config_name="evaluate")
def _composed(config: DictConfig) -> None:
    guarded(lambda: _evaluate(config))


def _evaluate(config: DictConfig) -> None:
    # Imported here: everything above answers a mistyped command without waiting for torch.
    from tendency.evaluating import evaluate

    evaluate(config)
