"""What the pages for developers name is there: files, folders, classes, floors of the packages, exit codes."""

import re
import tomllib
from pathlib import Path

import pytest

from tendency.errors import exit_code

ROOT = Path(__file__).resolve().parent.parent
DESIGN = (ROOT / "DESIGN.md").read_text(encoding="utf-8")
PAGES = [ROOT / "DESIGN.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs" / "decisions").glob("*.md"))]
MADE = ("datasets", "outputs")
"""Folders that the commands make, not part of the repository."""
PACKAGES = ("simulation", "solvers", "data", "surrogates", "trainers", "evaluation")
ELSEWHERE = {"HDF5", "SeedSequence", "ValueError"}
"""Names in the form of a class that are not this project's."""


def quoted(path):
    """What a page has between single backticks."""
    return re.findall(r"`([^`\n]+)`", path.read_text(encoding="utf-8"))


def section(title):
    """The text of one section of the design."""
    return DESIGN.split(f"\n## {title}\n")[1].split("\n## ")[0]


def blocks(text):
    """The indented blocks of a text, each as its lines."""
    return [block.splitlines() for block in re.findall(r"(?:^    .*\n(?:\n(?=    ))?)+", text, re.MULTILINE)]


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.name)
def test_links_and_paths_lead_somewhere(path):
    links = [link.split("#")[0] for link in re.findall(r"\]\(([^)]+)\)", path.read_text(encoding="utf-8"))]
    assert [link for link in links if "://" not in link and not (path.parent / link).exists()] == []
    paths = [text for text in quoted(path) if re.fullmatch(r"[\w.-]+(/[\w.-]+)*/?", text)]
    paths = [text for text in paths if "/" in text or text.endswith((".md", ".toml", ".txt", ".py"))]
    own = [text for text in paths if text.split("/")[0] not in MADE]
    assert [text for text in own if not (ROOT / text).exists()] == []


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.name)
def test_classes_and_modules_that_a_page_names_exist(path):
    sources = [file for package in (*PACKAGES, "tendency") for file in (ROOT / package).rglob("*.py")]
    code = "\n".join(file.read_text(encoding="utf-8") for file in sources)
    classes = set(re.findall(r"^class (\w+)", code, re.MULTILINE)) | ELSEWHERE
    named = [match[0] for text in quoted(path) if (match := re.match(r"[A-Z][a-z]+\w*(?=[.(]|$)", text))]
    assert [name for name in named if name not in classes] == []
    modules = [text for text in quoted(path) if re.fullmatch(r"tendency(\.\w+)+", text)]
    places = [ROOT / module.replace(".", "/") for module in modules]
    assert [place for place in places if not (place.is_dir() or place.with_suffix(".py").is_file())] == []


def test_the_layout_lists_the_folders_of_the_repository():
    listed = [line.split()[0] for line in blocks(section("Layout"))[0]]
    assert all(name.endswith("/") for name in listed)
    assert [name for name in listed if not (ROOT / name).is_dir()] == []
    assert [name for name in PACKAGES if f"{name}/" not in listed or not (ROOT / "tendency" / name).is_dir()] == []
    code = {path.parent.name for path in ROOT.glob("[!.]*/*.py")}
    assert code - {name.rstrip("/") for name in listed} - {"build", *MADE} == set()


def test_the_floors_are_those_of_the_import_contracts():
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["importlinter"][
        "contracts"
    ]
    layers = {contract["containers"][0]: contract["layers"] for contract in contracts if contract["type"] == "layers"}
    found, container = {}, ""
    for line in blocks(section("Layout"))[1]:
        if not line.strip():
            continue
        head, floor = line[4:21].strip(), re.split(r"\s{2,}", line[21:].strip())[0]
        container = head or container
        found.setdefault(container, []).append(floor)
    assert found == {name: layers[name] for name in found}
    assert set(found) == {"tendency", "tendency.app"}


def test_exit_codes_are_those_of_the_program():
    codes = next(line.strip() for line in exit_code.__doc__.splitlines() if line.strip().startswith("0 "))
    assert f"Exit codes: {codes}" in " ".join(DESIGN.split())


def test_house_rules_stand_in_one_place_and_each_package_has_its_decisions():
    assert "House rules" in PAGES[1].read_text(encoding="utf-8")
    assert "## House rules" not in DESIGN
    assert {path.stem for path in PAGES[2:]} == {*PACKAGES, "app"}


def test_every_limit_says_of_which_kind_it_is():
    limits = re.findall(r"^- (.*)", section("Limits"), re.MULTILINE)
    assert len(limits) > 5
    assert [limit for limit in limits if not limit.startswith(("(M) ", "(C) "))] == []
