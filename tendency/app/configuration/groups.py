"""The config groups: one entry for each folder of conf/ that stands at the top of a configuration.

A new group is entered here and nowhere else; what is at the top of a configuration and no group is a setting.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class ConfigGroup:
    """One axis of the configuration.

    Args:
        name: of the folder in conf/ and of the key.
        commands: that have the group.
        learned: whether what a run learns depends on it, so that it is part of the run's name.
        resumed: whether a run goes on from a checkpoint only where both agree in it.
        method: whether it says something about the method rather than about the problem or the place.
        lightning: whether its classes import Lightning, which takes seconds: checked when nothing else is wrong.
        required: whether its commands cannot do without an option of it in their configuration.
        unless: key of another group that a configuration has where it can do without.
        injected: arguments of its class that come from the data or the run, never from a yaml.
    """

    name: str
    commands: tuple[str, ...] = ("train",)
    learned: bool = True
    resumed: bool = False
    method: bool = True
    lightning: bool = False
    required: bool = True
    unless: str = ""
    injected: frozenset[str] = frozenset()


GROUPS = {
    group.name: group
    for group in (
        ConfigGroup("pde", ("train", "generate"), resumed=True, method=False, unless="data.path"),
        ConfigGroup("model", resumed=True, injected=frozenset({"interface"})),
        ConfigGroup("prediction", resumed=True),
        ConfigGroup("objective", resumed=True, injected=frozenset({"solver"})),
        ConfigGroup("data", ("train", "generate"), injected=frozenset({"root", "pde"})),
        ConfigGroup("optimizer", resumed=True, injected=frozenset({"parameters"})),
        ConfigGroup("scheduler", resumed=True),
        ConfigGroup("trainer", injected=frozenset({"callbacks", "loggers"})),
        ConfigGroup("callbacks", lightning=True),
        ConfigGroup("logger", learned=False, lightning=True, required=False),
        ConfigGroup("evaluation", ("train", "evaluate"), learned=False),
        ConfigGroup("paths", ("train", "generate", "evaluate", "compare"), learned=False, method=False),
        # These write into the groups above and hold nothing themselves.
        ConfigGroup("experiment", learned=False, required=False),
        ConfigGroup("strategy", learned=False, required=False),
        ConfigGroup("scale", ("compare",), learned=False),
        ConfigGroup("comparison", ("compare",), learned=False),
        ConfigGroup("executor", ("compare",), learned=False),
    )
}
INJECTED = {group.name: group.injected for group in GROUPS.values() if group.injected}
"""The injected arguments of each group that has some, as ``signatures.check_nodes`` takes them."""


def is_needed(group: ConfigGroup, config: Mapping[str, Any], command: str) -> bool:
    """Whether a command cannot do without an option of a group.

    Args:
        group: the group.
        config: composed.
        command: such as ``train``.
    """
    if not group.required or command not in group.commands:
        return False
    other, _, key = group.unless.partition(".")
    node = config.get(other) if key else None
    # Among the keys: a value that is still to be given is not "in" the node.
    return not (isinstance(node, Mapping) and key in list(node.keys()))


def missing_groups(config: Mapping[str, Any], command: str) -> list[str]:
    """Complaints about groups that a command needs and its configuration lacks, or has a single value in place of.

    Args:
        config: composed.
        command: such as ``train``.
    """
    problems = []
    for group in GROUPS.values():
        value = config.get(group.name) if command in group.commands else None
        if (not value and is_needed(group, config, command)) or not isinstance(value, Mapping | None):
            given = "none" if value is None else repr(value)
            problems.append(f"{group.name}: expected an option of this group ({group.name}=...), got {given}")
    return problems


def settings_of(config: Mapping[str, Any], command: str) -> dict[str, Any]:
    """The entries at the top of a command's configuration that belong to none of its groups.

    Args:
        config: plain data.
        command: such as ``train``.
    """
    return {key: value for key, value in config.items() if key not in GROUPS or command not in GROUPS[key].commands}


def nodes_of(config: Mapping[str, Any], *, lightning: bool) -> dict[str, Any]:
    """The entries that belong to groups and are not empty.

    Args:
        config: plain data.
        lightning: those of Lightning's classes, or all others.
    """
    return {
        key: value for key, value in config.items() if key in GROUPS and value and GROUPS[key].lightning is lightning
    }
