"""A document that needs nothing else: it runs its own scripts alone, and every text in it is taken for text."""

import base64
import functools
import hashlib
import zlib
from collections.abc import Sequence
from typing import Any

from jinja2 import BaseLoader, Environment, PackageLoader, StrictUndefined


def document(template: str, scripts: Sequence[str], **context: Any) -> str:
    """Fills a template of ``templates/`` that extends ``document.html``.

    Args:
        template: its name.
        scripts: the only ones that the document's own policy lets run.
        context: what the template shows.
    """
    policy = " ".join(_fingerprint(script) for script in scripts)
    style = source("page.css")
    return _environment().get_template(template).render(style=style, scripts=scripts, policy=policy, **context)


def source(name: str) -> str:
    """A file of ``templates/`` as it is."""
    return _loader().get_source(_environment(), name)[0]


def deflated(text: str) -> str:
    """A text as the documents' scripts unpack it."""
    return base64.b64encode(zlib.compress(text.encode(), 9)).decode()


@functools.cache
def _loader() -> BaseLoader:
    return PackageLoader("tendency.evaluation.report")


@functools.cache
def _environment() -> Environment:
    return Environment(
        loader=_loader(), autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )


def _fingerprint(script: str) -> str:
    """What the policy knows a script by: any other, however it got in, is not run."""
    return f"'sha256-{base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()}'"
