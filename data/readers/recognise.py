"""Which of the readers the data files of a user are for."""

from collections.abc import Iterable, Mapping
from pathlib import Path

from tendency.data.metadata import DatasetError
from tendency.data.readers.reader import Reader, StatedFacts, require_data


def recognise(path: Path, readers: Mapping[str, Reader]) -> str:
    """The name of the reader that files are for: a reader of one format before one of any arrays.

    Args:
        path: of a file or a folder, as the user gave it.
        readers: by the names that the command line has for them.

    Raises:
        DatasetError: nothing is there, no reader or several read it, or a folder mixes formats.
    """
    if not path.exists():
        raise DatasetError(f"data.path={path}: there is no such file or folder")
    listed = {name: reader.files(path) for name, reader in readers.items()}
    # All files of a folder are opened by the reader that is chosen alone, where a few of them say which one that is.
    few = _claims(readers, {name: _few(files) for name, files in listed.items()})
    claims = few if _special(readers, few) else _claims(readers, listed)
    chosen = _special(readers, claims) or claims
    if not chosen:
        raise DatasetError(f"data.path={path}: {_unknown(path, listed, readers.values())}")
    if len(chosen) > 1:
        formats = ", ".join(f"{name} ({_name(found[0], path)})" for name, found in sorted(chosen.items()))
        raise DatasetError(f"data.path={path} can be read as {formats}; say which of them: {_choices(chosen)}")
    (name,) = chosen
    files = [file for file in listed[name] if readers[name].recognises(file)]
    own = {part for file in files for part in (file, *readers[name].parts(file))}
    beside = {name: [file for file in found if file not in own] for name, found in listed.items()}
    strange = beside[name] or [file for found in _claims(readers, beside).values() for file in found]
    if strange:
        raise DatasetError(
            f"data.path={path} holds more than one format: {_name(files[0], path)} is of {name}, "
            f"{_name(strange[0], path)} is not, or is damaged{_reason(readers[name], strange[0])}; give a folder of "
            f"one format, or say data/reader={name}"
        )
    return name


def _claims(readers: Mapping[str, Reader], listed: Mapping[str, list[Path]]) -> dict[str, list[Path]]:
    """The files that each reader recognises, of those readers that recognise any."""
    found = {name: [file for file in files if readers[name].recognises(file)] for name, files in listed.items()}
    return {name: files for name, files in found.items() if files}


def _few(files: list[Path]) -> list[Path]:
    """The first and the last file of each suffix."""
    by_suffix: dict[str, list[Path]] = {}
    for file in files:
        by_suffix.setdefault(file.suffix, []).append(file)
    return list(dict.fromkeys(each for some in by_suffix.values() for each in (some[0], some[-1])))


def _special(readers: Mapping[str, Reader], claims: Mapping[str, list[Path]]) -> dict[str, list[Path]]:
    """The claims of readers of one format."""
    return {name: files for name, files in claims.items() if not readers[name].general}


def _reason(reader: Reader, file: Path) -> str:
    """Why a reader does not read a file, in brackets; "" where it does all the same."""
    try:
        with reader.open(file, StatedFacts()) as opened:
            opened.blocks()
    except DatasetError as error:
        return f" ({str(error).removeprefix(f'{file} ')})"
    return ""


def _unknown(path: Path, listed: Mapping[str, list[Path]], readers: Iterable[Reader]) -> str:
    """What was found and what was looked for, where no reader recognises anything."""
    suffixes = sorted({suffix for reader in readers for suffix in reader.suffixes})
    names = {name: files for name, files in listed.items() if any(file.suffix.lower() in suffixes for file in files)}
    if not names:
        there = sorted(each.name for each in path.iterdir())[:5] if path.is_dir() else [path.name]
        return f"expected files that end in {', '.join(suffixes)}, found {', '.join(there) or 'nothing'}"
    file = next(iter(names.values()))[0]
    if file.is_file():
        require_data(file)
    return f"{_name(file, path)} is of no known format, or is damaged; where it is of one, say {_choices(names)}"


def _choices(names: Iterable[str]) -> str:
    return " or ".join(f"data/reader={name}" for name in sorted(names))


def _name(file: Path, path: Path) -> str:
    return file.name if file == path else file.relative_to(path).as_posix()
