"""The command line, composed and checked before torch is imported; what is mistyped gets a suggestion."""

import difflib
import re
import sys
import textwrap
from argparse import Namespace
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import yaml
from hydra import compose, initialize_config_dir
from hydra._internal.utils import get_args_parser
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Override
from hydra.errors import HydraException
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from tendency.app.configuration.choices import complete_choices, is_nested, options_of, wrong_option
from tendency.app.configuration.conf_files import conf_folder
from tendency.app.configuration.external_target import move_external_target
from tendency.app.configuration.free_mappings import with_free_entries
from tendency.app.configuration.groups import missing_groups
from tendency.app.configuration.overrides import closest, parse_overrides, unknown_key
from tendency.app.configuration.unreadable_override import misplaced, unmergeable, unresolved
from tendency.app.configuration.yaml_files import too_large, unreadable, yaml_problem
from tendency.errors import ConfigError

WHERE_OMEGACONF_WAS = re.compile(r"^ *(full_key|object_type|reference_type)[:=].*$", re.MULTILINE)
"""Lines that OmegaConf adds to its sentence."""


def check_command_line(config_name: str, argv: Sequence[str] | None = None) -> None:
    """Refuses a command line that cannot be composed, with every problem at once.

    Args:
        config_name: ``train``, ``generate`` or ``evaluate``.
        argv: the arguments; those of the process when left out.

    Raises:
        ConfigError: unknown groups, options or keys (with suggestions), sweeps without ``-m``, missing values, or
            whatever else Hydra refuses.
    """
    arguments, unknown = get_args_parser().parse_known_args(sys.argv[1:] if argv is None else argv)
    if arguments.hydra_help:
        return
    if arguments.help:
        print(help_text(config_name))
        sys.exit(0)
    folders = _folders(arguments, unknown)
    name = _config_name(arguments.config_name or config_name, folders)
    overrides = parse_overrides(with_free_entries(arguments.overrides))
    problems = [] if arguments.multirun else _sweeps(overrides)
    command = Command(config_name, name, folders)
    for choice in _every_choice(overrides):
        problems += [problem for problem in _problems(command, choice) if problem not in problems]
    if problems:
        raise ConfigError(problems)


@dataclass(frozen=True)
class Command:
    """A command whose configuration is composed.

    Args:
        name: such as ``train``.
        config_name: of its yaml, another where ``--config-name`` says so.
        folders: of configuration, ours first.
    """

    name: str
    config_name: str
    folders: Sequence[Path]


def _folders(arguments: Namespace, unknown: Sequence[str]) -> list[Path]:
    """The folders of configuration; refuses options that are none."""
    folders = [conf_folder()]
    problems = []
    if unknown:
        like = unknown[0].lstrip("-").split("=")[0]
        problems.append(
            f"unknown option {unknown[0]!r}: values are given without dashes, as {like}=<value> or "
            f"<axis>.{like}=<value>; --help lists the axes"
        )
    if arguments.config_path:
        problems.append("--config-path: expected --config-dir, which adds a folder to the project's own")
    if arguments.config_dir:
        folders.append(Path(arguments.config_dir).expanduser().resolve())
        problems += [f"--config-dir: no folder {folders[-1]}"] if not folders[-1].is_dir() else too_large(folders[-1])
    if problems:
        raise ConfigError(problems)
    return folders


def _config_name(name: str, folders: Sequence[Path]) -> str:
    """The name of the configuration, without the end of its file's name."""
    name = name.removesuffix(".yaml")
    if any((folder / f"{name}.yaml").is_file() for folder in folders):
        return name
    known = sorted({path.stem for folder in folders for path in folder.glob("*.yaml")})
    raise ConfigError([f"--config-name: no configuration {name!r}{closest(name, known)} available: {', '.join(known)}"])


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
    inside = [path for path in sorted((root / group).glob("*/*.yaml")) if not is_nested(path, root)]
    return [group, *sorted({f"{group}/{path.parent.name}" for path in inside})]


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


def _problems(command: Command, texts: Sequence[str]) -> list[str]:
    folders = command.folders
    overrides = OverridesParser.create().parse_overrides(list(texts))
    problems: list[str] = []
    groups: list[str] = []
    keys: list[Override] = []
    for override in overrides:
        key = override.key_or_group
        if key.startswith("hydra"):
            groups.append(str(override.input_line))
        elif options := options_of(key, folders):
            problem = wrong_option(override, options)
            problems += [problem] if problem else []
            # A likely option stands in for a wrong one, so that the remaining keys can be checked as well.
            likely = difflib.get_close_matches(str(override.value()), options, n=1, cutoff=0.0)[:1] or options[:1]
            groups.append(f"{key}={likely[0]}" if problem else str(override.input_line))
        else:
            keys.append(override)
    groups += [f"hydra.searchpath=[file://{folder}]" for folder in folders[1:]]
    with initialize_config_dir(str(folders[0]), version_base="1.3"):
        try:
            groups, further = complete_choices(command.config_name, groups, folders)
            problems += further
            config = compose(command.config_name, groups)
            problems += [problem for override in keys if (problem := unknown_key(override, config))]
            problems = problems or [found for override in keys if (found := unmergeable(override, config))]
            if not problems:
                config = compose(command.config_name, [*groups, *(str(override.input_line) for override in keys)])
                move_external_target(config)
                problems = missing_groups(config, command.name) or _missing(config)
        except (HydraException, OmegaConfBaseException) as error:
            problems = problems or [unresolved(error, texts) or misplaced(error) or _in_one_line(error)]
        except yaml.YAMLError as error:
            problems = problems or [yaml_problem(error)]
        except RecursionError:
            held = "a configuration that holds itself, or is nested too deeply"
            problems = problems or unreadable(folders[1:]) or [held]
        except ValueError:
            problems = problems or unreadable(folders[1:])
            if not problems:
                raise
    return problems


def _in_one_line(error: Exception) -> str:
    """What Hydra says, and what it says was the reason."""
    cause = error.__cause__
    parts = [str(error), *([str(cause)] if cause is not None and str(cause) not in str(error) else [])]
    return " ".join(WHERE_OMEGACONF_WAS.sub("", ": ".join(parts)).split())


def _missing(config: DictConfig) -> list[str]:
    return [f"{key}= is required" for key in sorted(OmegaConf.missing_keys(config))]
