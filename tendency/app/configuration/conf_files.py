"""Where the configuration lies, and its content as plain data."""

import re
from pathlib import Path
from typing import Any

from omegaconf import DictConfig, ListConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from tendency.errors import ConfigError

WITHOUT_PROBLEM = re.compile(r"Interpolation key 'pde\.[^']*' not found full_key: (\S+)")
"""How OmegaConf says that an entry is taken from the problem, and there is none."""


def conf_folder() -> Path:
    """The configuration folder of the package, which is a link to ``conf`` in a checkout."""
    return (Path(__file__).resolve().parents[2] / "conf").resolve()


def plain(config: DictConfig | ListConfig) -> dict[str, Any]:
    """A composed configuration as plain, resolved data.

    Raises:
        ConfigError: an interpolation that cannot be resolved.
    """
    try:
        content = OmegaConf.to_container(config, resolve=True)
    except OmegaConfBaseException as error:
        text = " ".join(str(error).split())
        if found := WITHOUT_PROBLEM.search(text):
            text = f"{found[1]}: it is taken from a problem, expected one (pde=...), got none"
        raise ConfigError([text]) from None
    if not isinstance(content, dict):
        raise TypeError(f"expected a mapping at the top of the configuration, got {type(content).__name__}")
    return _with_text_keys(content)


def _with_text_keys(content: Any) -> Any:
    if isinstance(content, dict):
        return {str(key): _with_text_keys(value) for key, value in content.items()}
    return [_with_text_keys(value) for value in content] if isinstance(content, list) else content
