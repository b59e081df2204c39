"""HTML documents that load nothing: they run their own scripts alone, and every text in them is escaped."""

import base64
import functools
import hashlib
import zlib
from collections.abc import Sequence
from typing import Any

from jinja2 import BaseLoader, Environment, PackageLoader, StrictUndefined


def render_document(template: str, scripts: Sequence[str], **context: Any) -> str:
    """Fills a template of ``templates/`` that extends ``document.html``.

    Args:
        template: name of the template.
        scripts: sources of the only scripts that the document's policy lets run.
        context: values that the template shows.
    """
    policy = " ".join(_script_hash(script) for script in scripts)
    style = read_template("page.css")
    return _environment().get_template(template).render(style=style, scripts=scripts, policy=policy, **context)


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
