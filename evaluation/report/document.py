"""HTML documents that load nothing: they run their own scripts alone, and every text in them is escaped."""

import base64
import functools
import hashlib
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from jinja2 import BaseLoader, Environment, PackageLoader, StrictUndefined


@dataclass(frozen=True)
class Library:
    """A script of somebody else's.

    Args:
        source: the script.
        licence: text of its licence, which goes where the script goes.
    """

    source: str
    licence: str

    @functools.cached_property
    def deflated(self) -> str:
        """The script as the document's own scripts inflate it: a third of its size."""
        return deflate(self.source)


@functools.cache
def plotly() -> Library:
    """plotly.js with the lines and points that charts need, version 4.1.1 of plotly.js-basic-dist-min on npm."""
    folder = Path(__file__).resolve().parent / "plotly"
    return Library(
        (folder / "plotly-basic.min.js").read_text(encoding="utf-8"), (folder / "LICENSE").read_text(encoding="utf-8")
    )


def render_document(template: str, scripts: Sequence[str], library: Library | None = None, **context: Any) -> str:
    """Fills a template of ``templates/`` that extends ``document.html``.

    Args:
        template: name of the template.
        scripts: sources of the scripts that the document's policy lets run.
        library: script that these use, which the document holds deflated and runs first; the policy lets it run too.
        context: values that the template shows.
    """
    allowed = [*scripts, *([library.source] if library is not None else [])]
    policy = " ".join(_script_hash(script) for script in allowed)
    style = read_template("page.css")
    return (
        _environment()
        .get_template(template)
        .render(style=style, scripts=scripts, library=library, policy=policy, **context)
    )


def read_template(name: str) -> str:
    """The text of a file of ``templates/``."""
    return _loader().get_source(_environment(), name)[0]


def deflate(text: str) -> str:
    """A text deflated and in base64, as the documents' scripts inflate it."""
    return base64.b64encode(zlib.compress(text.encode(), 9)).decode()


@functools.cache
def _loader() -> BaseLoader:
    return PackageLoader("tendency.evaluation.report")


@functools.cache
def _environment() -> Environment:
    return Environment(
        loader=_loader(), autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )


def _script_hash(script: str) -> str:
    """The hash by which the content security policy allows a script; any other script is not run."""
    return f"'sha256-{base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()}'"
