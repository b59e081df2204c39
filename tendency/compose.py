"""The command line, composed and checked before torch is imported; what is mistyped gets a suggestion."""

import difflib
import re
import sys
import textwrap
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from hydra import compose, initialize_config_dir
from hydra._internal.utils import get_args_parser
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Override
from hydra.errors import ConfigCompositionException, HydraException
from omegaconf import DictConfig, ListConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from tendency.errors import ConfigError
from tendency.external_model import settle_external


def conf_folder() -> Path:
    """The configuration folder: beside the packages in a checkout, inside this package in an installed wheel."""
    here = Path(__file__).resolve().parent
    return here / "conf" if (here / "conf").is_dir() else here.parent / "conf"


def check_command_line(config_name: str, argv: Sequence[str] | None = None) -> None:
    """Refuses a command line that cannot be composed, with every problem at once.

    Args:
        config_name: ``train``, ``generate`` or ``evaluate``.
        argv: the arguments; those of the process when left out.

    Raises:
        ConfigError: unknown groups, options or keys (with suggestions), sweeps without ``-m``, missing values, or
            whatever else Hydra refuses.
    """
    arguments, _ = get_args_parser().parse_known_args(sys.argv[1:] if argv is None else argv)
    if arguments.hydra_help:
        return
    if arguments.help:
        print(help_text(config_name))
        sys.exit(0)
    folders = [conf_folder()]
    if arguments.config_dir:
        folders.append(Path(arguments.config_dir).resolve())
        if not folders[-1].is_dir():
            raise ConfigError([f"--config-dir: no folder {folders[-1]}"])
    overrides = _parsed(arguments.overrides)
    problems = [] if arguments.multirun else _sweeps(overrides)
    for choice in _every_choice(overrides):
        problems += [problem for problem in _problems(config_name, choice, folders) if problem not in problems]
    if problems:
        raise ConfigError(problems)


def plain(config: DictConfig | ListConfig) -> dict[str, Any]:
    """A composed configuration as plain, resolved data."""
    content = OmegaConf.to_container(config, resolve=True)
    if not isinstance(content, dict):
        raise TypeError(f"expected a mapping at the top of the configuration, got {type(content).__name__}")
    return {str(key): value for key, value in content.items()}


def help_text(config_name: str) -> str:
    """What can be chosen: each axis with its options, and the values that belong to none."""
    config = OmegaConf.to_container(OmegaConf.load(conf_folder() / f"{config_name}.yaml"))
    if not isinstance(config, dict):
        raise TypeError(f"{config_name}.yaml holds no mapping")
    axes = [str(next(iter(item))) for item in config.pop("defaults") if isinstance(item, dict)]
    lines = [f"python {config_name}.py axis=option axis.key=value ...", "", "axes and their options:"]
    for axis in axes:
        if not axis.startswith("override "):
            for group in _with_subgroups(axis):
                options = ", ".join(options_of(group, [conf_folder()]))
                lines += textwrap.wrap(options, 118, initial_indent=f"  {group:<26} ", subsequent_indent=" " * 29)
    own = ", ".join(str(key) for key in config if key not in ("hydra", "paths"))
    lines += [
        "",
        f"values: {own}",
        "",
        "the composed configuration: --cfg job; one axis of it: --cfg job --package model",
    ]
    return "\n".join([*lines, "several jobs, one for each value: -m seed=0,1,2"])


def _with_subgroups(group: str) -> list[str]:
    root = conf_folder()
    inside = [path for path in sorted((root / group).glob("*/*.yaml")) if not _is_nested(path, root)]
    return [group, *sorted({f"{group}/{path.parent.name}" for path in inside})]


def changed(config: Mapping[str, Any], texts: Sequence[str], key: str) -> dict[str, Any]:
    """Plain data with some values inside its entries changed, as on a command line: ``a.b=1``, ``+a.c=2``, ``~a.d``.

    Args:
        config: the data, of nested entries.
        texts: the changes.
        key: of the configuration that lists them, for complaints.

    Raises:
        ConfigError: what cannot be read, and keys that are not there, all of them.
    """
    node = OmegaConf.create(dict(config))
    overrides = _parsed(texts, f"{key}: ")
    expected = f"expected {' or '.join(f'{name}.<key>=<value>' for name in config)}"
    problems = [f"{expected}, got {o.input_line!r}" for o in overrides if "." not in o.key_or_group]
    problems += [problem for override in overrides if (problem := _unknown_key(override, node))]
    problems += [f"{text}: expected one value" for text in (o.input_line for o in overrides if o.is_sweep_override())]
    if problems:
        raise ConfigError([f"{key}: {problem}" for problem in problems])
    for override in overrides:
        if override.is_delete():
            parent, _, last = override.key_or_group.rpartition(".")
            del OmegaConf.select(node, parent)[last]
        else:
            OmegaConf.update(node, override.key_or_group, override.value(), force_add=True)
    return plain(node)


def closest(word: str, options: Iterable[str]) -> str:
    """What to append to a complaint about a word: the option that looks most like it, if any does."""
    match = difflib.get_close_matches(word, list(options), n=1, cutoff=0.6)
    return f"; did you mean {match[0]!r}?" if match else ";"


def _parsed(texts: Sequence[str], key: str = "") -> list[Override]:
    parser = OverridesParser.create()
    overrides, problems = [], []
    for text in texts:
        try:
            overrides += parser.parse_overrides([text])
        except HydraException as error:
            reason = " ".join(str(error).split())
            problems.append(f"{key}cannot read {text!r} (expected key=value): {reason}")
    if problems:
        raise ConfigError(problems)
    return overrides


def _sweeps(overrides: Sequence[Override]) -> list[str]:
    return [
        f"{override.input_line}: several values are a sweep, which needs -m; a list is written [a,b]"
        for override in overrides
        if override.is_sweep_override()
    ]


def _every_choice(overrides: Sequence[Override]) -> list[list[str]]:
    """The first job of a sweep, and one job for each further value of each swept override."""
    values = []
    for override in overrides:
        if override.is_sweep_override() and override.is_discrete_sweep():
            prefix = f"{override.get_key_element()}="
            values.append([prefix + str(value) for value in override.sweep_string_iterator()])
        elif not override.is_sweep_override():
            values.append([str(override.input_line)])
    first = [options[0] for options in values]
    jobs = [first]
    for position, options in enumerate(values):
        jobs += [[*first[:position], option, *first[position + 1 :]] for option in options[1:]]
    return jobs


def _problems(config_name: str, texts: Sequence[str], folders: Sequence[Path]) -> list[str]:
    overrides = OverridesParser.create().parse_overrides(list(texts))
    problems: list[str] = []
    groups: list[str] = []
    keys: list[Override] = []
    for override in overrides:
        key = override.key_or_group
        if key.startswith("hydra"):
            groups.append(str(override.input_line))
        elif options := options_of(key, folders):
            problem = _wrong_option(override, options)
            problems += [problem] if problem else []
            # A likely option stands in for a wrong one, so that the remaining keys can be checked as well.
            likely = difflib.get_close_matches(str(override.value()), options, n=1, cutoff=0.0)[:1] or options[:1]
            groups.append(f"{key}={likely[0]}" if problem else str(override.input_line))
        else:
            keys.append(override)
    groups += [f"hydra.searchpath=[file://{folder}]" for folder in folders[1:]]
    with initialize_config_dir(str(folders[0]), version_base="1.3"):
        try:
            groups, further = _composable(config_name, groups, folders)
            problems += further
            config = compose(config_name, groups)
            problems += [problem for override in keys if (problem := _unknown_key(override, config))]
            if not problems:
                config = compose(config_name, [*groups, *(str(override.input_line) for override in keys)])
                settle_external(config)
                problems = _missing(config)
        except (HydraException, OmegaConfBaseException) as error:
            problems = problems or [" ".join(str(error).split())]
    return problems


def _composable(config_name: str, groups: Sequence[str], folders: Sequence[Path]) -> tuple[list[str], list[str]]:
    """The choices with what is required put in and what has no place taken out, and a complaint about each of these."""
    groups, problems = list(groups), []
    while True:
        try:
            compose(config_name, groups)
        except ConfigCompositionException as error:
            if found := re.search(r"You must specify '(\w+)'", str(error)):
                options = options_of(found[1], folders)
                problems.append(f"{found[1]}= is required, one of: {', '.join(options)}")
                groups.append(f"{found[1]}={options[0]}")
            elif complaint := _misplaced(str(error), groups, folders):
                choice, sentence = complaint
                problems.append(sentence)
                groups.remove(choice)
            else:
                raise
        else:
            return groups, problems


def _misplaced(error: str, groups: Sequence[str], folders: Sequence[Path]) -> tuple[str, str] | None:
    """A choice on the command line that has no place, by what Hydra says of it, and a complaint about it."""
    found = re.search(r"Could not override '([\w/]+)'", error)
    choice = next((text for text in groups if found and text.split("=")[0] == found[1]), None)
    if found is None or choice is None or not (owners := _owners(found[1], folders)):
        return None
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
    own = {path.stem for folder in folders for path in (folder / group).glob("*.yaml") if not _is_nested(path, folder)}
    nested = {
        path.relative_to(folder / group).with_suffix("").as_posix()
        for folder in folders
        for path in (folder / group).glob("*/*.yaml")
        if _is_nested(path, folder)
    }
    return sorted(own | nested)


def _is_nested(path: Path, folder: Path) -> bool:
    """Whether a file in a folder of a group is one of the group's own options, and the folder no group of its own.

    So are those that write into the whole configuration: ``experiment=predicting_change/heat_fno``.
    """
    with path.open(encoding="utf-8") as file:
        return len(path.relative_to(folder).parts) > 2 and file.readline().strip() == "# @package _global_"


def _wrong_option(override: Override, options: Sequence[str]) -> str | None:
    value = override.value()
    if override.is_delete() or value is None or not isinstance(value, str):
        return None
    base = override.key_or_group
    known = [*options, *(path.name for path in (conf_folder() / base).iterdir() if path.is_dir())] if options else []
    if value in options or ("/" in value and (conf_folder() / base / f"{value}.yaml").exists()):
        return None
    return f"unknown {base} {value!r}{closest(value, known)} available: {', '.join(options)}"


def _unknown_key(override: Override, config: DictConfig) -> str | None:
    if override.is_add() or override.is_force_add():
        return None
    node: Any = config
    walked: list[str] = []
    for part in override.key_or_group.replace("/", ".").split("."):
        if not isinstance(node, DictConfig):
            return f"unknown key {override.key_or_group!r}: {'.'.join(walked)} is a single value"
        # Among the keys: a value that is still to be given is not "in" the node.
        if part not in list(node.keys()):
            options = [str(key) for key in node.keys()]  # noqa: SIM118
            where = f" in {'.'.join(walked)}" if walked else ""
            shown = ", ".join(sorted({option for option in options if not option.startswith("_")}))
            return f"unknown key {part!r}{where}{closest(part, options)} available: {shown}"
        walked.append(part)
        node = node._get_node(part)
    return None


def _missing(config: DictConfig) -> list[str]:
    return [f"{key}= is required" for key in sorted(OmegaConf.missing_keys(config))]
