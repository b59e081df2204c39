"""Where the configuration lies, and its content as plain data."""

from pathlib import Path
from typing import Any

from omegaconf import DictConfig, ListConfig, OmegaConf


def conf_folder() -> Path:
    """The configuration folder of the package, which is a link to ``conf`` in a checkout."""
    return (Path(__file__).resolve().parents[2] / "conf").resolve()


def plain(config: DictConfig | ListConfig) -> dict[str, Any]:
    """A composed configuration as plain, resolved data."""
    content = OmegaConf.to_container(config, resolve=True)
    if not isinstance(content, dict):
        raise TypeError(f"expected a mapping at the top of the configuration, got {type(content).__name__}")
    return {str(key): value for key, value in content.items()}
