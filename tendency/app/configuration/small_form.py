"""The quick form of a problem that its yaml states under ``small``: a coarser grid, fewer and shorter trajectories."""

from collections.abc import Iterable, Mapping
from typing import Any

from hydra.core.override_parser.overrides_parser import OverridesParser
from omegaconf import DictConfig, OmegaConf, open_dict
from omegaconf.errors import OmegaConfBaseException

from tendency.app.configuration.conf_files import conf_folder, plain
from tendency.errors import ConfigError

PARTS = ("pde", "data")
"""What a small form may change: the problem, and how much of it is generated."""


def merge_small_form(config: DictConfig, overrides: Iterable[str] = ()) -> None:
    """Merges the small form into a composed configuration where ``small`` asks for it, and takes it out of ``pde``.

    What the command line says about a value stands above the small form.

    Args:
        config: composed; changed in place.
        overrides: of the command line.

    Raises:
        ConfigError: there is no problem, or it states no small form, or one that changes what it may not.
    """
    with open_dict(config):
        pde = config.get("pde")
        small = None if pde is None else pde.pop("small", None)
        if not config.small:
            return
        if pde is None:
            raise ConfigError(["small=true: expected a problem, whose yaml states its small form (pde=...), got none"])
        if small is None:
            raise ConfigError([f"small=true: pde {config.pde.name} states no small form (a node small in its yaml)"])
        _check(small)
        for part in PARTS:
            if part in small and part in config:
                config[part] = _merged(config[part], small[part], part)
    for override in OverridesParser.create().parse_overrides(list(overrides)):
        if override.key_or_group.split(".")[0] in PARTS and "." in override.key_or_group:
            OmegaConf.update(config, override.key_or_group, override.value())


def problem_node(name: str, small: bool = False) -> dict[str, Any]:
    """What conf/pde/<name>.yaml says of the problem, in its small form if asked, as plain data."""
    config = OmegaConf.create({"pde": OmegaConf.load(conf_folder() / "pde" / f"{name}.yaml"), "small": small})
    merge_small_form(config)
    return plain(config.pde)


def solved_part(pde: Mapping[str, Any]) -> dict[str, Any]:
    """What a problem's node says of its solutions: all but how long a forecast is in times of its own."""
    return {key: value for key, value in pde.items() if key != "characteristic_time"}


def _merged(config: DictConfig, small: Any, part: str) -> Any:
    try:
        return OmegaConf.merge(config, small)
    except (OmegaConfBaseException, TypeError, ValueError) as error:
        reason = " ".join(str(error).split())
        raise ConfigError([f"pde.small.{part}: expected a part of {part}, got {small!r} ({reason})"]) from None


def _check(small: Any) -> None:
    if not isinstance(small, Mapping):
        raise ConfigError([f"pde.small: expected a mapping with the parts {', '.join(PARTS)}, got {small!r}"])
    if unknown := sorted(set(small) - set(PARTS)):
        raise ConfigError([f"pde.small.{key}: a small form has the parts {', '.join(PARTS)}" for key in unknown])
