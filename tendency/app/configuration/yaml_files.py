"""What is wrong with a yaml file of a user's own: a sentence with its file and its line."""

import os
from collections.abc import Iterator, Sequence
from pathlib import Path

import yaml
from omegaconf import OmegaConf
from omegaconf.errors import OmegaConfBaseException

MOST_ENTRIES = 100_000
"""Entries of one file, those of aliases counted wherever they stand; the largest of this project has a hundred."""

MOST_BYTES = 2**20
MOST_FILES = 10_000


def yaml_problem(error: yaml.YAMLError) -> str:
    """What PyYAML says, in one line: the file, the line, what is wrong."""
    mark = getattr(error, "problem_mark", None) or getattr(error, "context_mark", None)
    place = f"{mark.name}, line {mark.line + 1}, column {mark.column + 1}: " if mark is not None else ""
    problem = str(getattr(error, "problem", None) or error)
    if "\\t" in problem:
        problem += " (a tab; yaml is indented by spaces)"
    if "could not determine a constructor" in problem:
        problem = f"expected plain data, got {problem.removeprefix('could not determine a constructor for ')}"
    return f"{place}{' '.join(problem.split())}"


def unreadable(folders: Sequence[Path]) -> list[str]:
    """Complaints about yaml files that fail while they are read, other than by mistakes of yaml.

    Args:
        folders: of a user's own configuration.
    """
    problems = []
    for path in (path for folder in folders for path in _yaml_files(folder)):
        try:
            OmegaConf.load(path)
        except UnicodeDecodeError as error:
            problems.append(f"{path}: expected text in UTF-8, got the byte {error.object[error.start]:#x}")
        except RecursionError:
            problems.append(f"{path}: expected entries that can be followed, got some that are nested too deeply")
        except (yaml.YAMLError, OmegaConfBaseException, OSError):
            continue
        except ValueError as error:
            problems.append(f"{path}: expected values that can be read, got one that fails: {error}")
    return problems


def too_large(folder: Path) -> list[str]:
    """Complaints about yaml files below a folder that are too large, or become so where their aliases are followed.

    A file with mistakes passes: it is refused when it is read, if it is.

    Args:
        folder: of a user's own configuration.
    """
    problems = []
    for path in _yaml_files(folder):
        size = path.stat().st_size
        if size > MOST_BYTES:
            problems.append(f"{path}: expected a configuration of at most {MOST_BYTES} bytes, got {size}")
            continue
        try:
            text = path.read_text(encoding="utf-8")
            root = yaml.compose(text, Loader=yaml.SafeLoader) if "*" in text else None
        except (yaml.YAMLError, UnicodeDecodeError, RecursionError):
            continue
        if root is not None and (entries := _entries(root, {}, frozenset())) > MOST_ENTRIES:
            problems.append(
                f"{path}: expected at most {MOST_ENTRIES} entries, got {entries:.3g} where its aliases "
                "(*name) are followed"
            )
    return problems


def _yaml_files(folder: Path) -> Iterator[Path]:
    """The yaml files below a folder, of the first ten thousand files."""
    seen = 0
    for parent, _, names in os.walk(folder):
        for name in sorted(names):
            seen += 1
            if seen > MOST_FILES:
                return
            if name.endswith((".yaml", ".yml")):
                yield Path(parent, name)


def _entries(node: yaml.Node, known: dict[int, float], above: frozenset[int]) -> float:
    """Entries of a node; infinite where it holds itself. An anchor's node is one object wherever it is named."""
    if id(node) in above:
        return float("inf")
    if id(node) not in known:
        inside = above | {id(node)}
        parts: list[yaml.Node] = []
        if isinstance(node, yaml.SequenceNode):
            parts = list(node.value)
        elif isinstance(node, yaml.MappingNode):
            parts = [part for pair in node.value for part in pair]
        known[id(node)] = 1 + sum(_entries(part, known, inside) for part in parts)
    return known[id(node)]
