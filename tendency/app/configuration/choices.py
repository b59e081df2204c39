"""The options of each config group, and what is wrong with a choice."""

import re
from collections.abc import Sequence
from pathlib import Path

from hydra import compose
from hydra.core.override_parser.types import Override
from hydra.errors import ConfigCompositionException
from omegaconf import OmegaConf

from tendency.app.configuration.conf_files import conf_folder
from tendency.app.configuration.groups import GROUPS, is_needed
from tendency.app.configuration.overrides import closest

NO_AXES = {
    "stored_dataset": (
        "dataset= stands alone: it names a dataset that is there, and takes its problem from it; without dataset=, "
        "pde=... generates the problem's dataset, and verify=true or repair=true beside it look after that one"
    )
}
"""What is said of choices beside the configurations that have none."""


def complete_choices(config_name: str, groups: Sequence[str], folders: Sequence[Path]) -> tuple[list[str], list[str]]:
    """The choices with what is required put in and what has no place taken out, and a complaint about each of these."""
    groups, problems = list(groups), []
    while True:
        try:
            config = compose(config_name, groups)
        except ConfigCompositionException as error:
            if found := re.search(r"You must specify '(\w+)'", str(error)):
                options = options_of(found[1], folders)
                problems.append(f"{found[1]}= is required, one of: {', '.join(options)}")
                groups.append(f"{found[1]}={options[0]}")
            elif complaint := _misplaced(config_name, str(error), groups, folders):
                choice, sentence = complaint
                problems.append(sentence)
                groups.remove(choice)
            else:
                raise
        else:
            chosen = {text.lstrip("~+").split("=")[0] for text in groups}
            missing = [
                group.name
                for group in GROUPS.values()
                if is_needed(group, config, config_name) and config.get(group.name) is None and group.name not in chosen
            ]
            if not missing:
                return groups, problems
            for name in missing:
                options = options_of(name, folders)
                problems.append(f"{name}= is required, one of: {', '.join(options)}")
                groups.append(f"{name}={options[0]}")


def _misplaced(config_name: str, error: str, groups: Sequence[str], folders: Sequence[Path]) -> tuple[str, str] | None:
    """A choice on the command line that has no place, by what Hydra says of it, and a complaint about it."""
    found = re.search(r"Could not override '([\w/]+)'", error)
    choice = next((text for text in groups if found and text.split("=")[0] == found[1]), None)
    if found is None or choice is None:
        return None
    if not (owners := _owners(found[1], folders)):
        return choice, f"{choice}: {NO_AXES.get(config_name) or f'{config_name} has no axis {found[1]}; see --help'}"
    group, part = found[1].rsplit("/", 1)
    chosen = " or ".join(f"{group}={owner}" for owner in owners)
    return choice, f"{choice}: {part} belongs to {chosen}, which is not chosen"


def _owners(group: str, folders: Sequence[Path]) -> list[str]:
    """The options of prediction that have a prediction/integrator among their defaults, and so for every sub-group."""
    parent, _, part = group.rpartition("/")
    found = []
    for option in options_of(parent, folders) if parent else []:
        path = next(path for folder in folders if (path := folder / parent / f"{option}.yaml").exists())
        defaults = OmegaConf.to_container(OmegaConf.load(path)).get("defaults", [])  # type: ignore[union-attr]
        if any(isinstance(item, dict) and part in item for item in defaults):
            found.append(option)
    return found


def options_of(group: str, folders: Sequence[Path]) -> list[str]:
    """The options of a group, or nothing where there is no such group."""
    group = group.split("@")[0]
    own = {path.stem for folder in folders for path in (folder / group).glob("*.yaml") if not is_nested(path, folder)}
    nested = {
        path.relative_to(folder / group).with_suffix("").as_posix()
        for folder in folders
        for path in (folder / group).glob("*/*.yaml")
        if is_nested(path, folder)
    }
    return sorted(own | nested)


def is_nested(path: Path, folder: Path) -> bool:
    """Whether a file in a folder of a group is one of the group's own options, and the folder no group of its own.

    So are those that write into the whole configuration: ``experiment=predicting_change/heat_fno``.
    """
    # Bytes that are no text are refused where the file is chosen.
    with path.open(encoding="utf-8", errors="replace") as file:
        return len(path.relative_to(folder).parts) > 2 and file.readline().strip() == "# @package _global_"


def wrong_option(override: Override, options: Sequence[str]) -> str | None:
    """A complaint about a choice that is none of the options of its group, or None."""
    value = override.value()
    base = override.key_or_group
    if override.is_delete():
        return None
    if not isinstance(value, str):
        shown = "null" if value is None else repr(value)
        return f"{base}: expected the name of one option, got {shown}; available: {', '.join(options)}"
    known = [*options, *(path.name for path in (conf_folder() / base).glob("*") if path.is_dir())] if options else []
    if value in options or ("/" in value and (conf_folder() / base / f"{value}.yaml").exists()):
        return None
    return f"unknown {base} {value!r}{closest(value, known)} available: {', '.join(options)}"
