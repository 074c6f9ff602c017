"""Templates: one environment with escaping on, and the static files with their versions."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date
from functools import cache
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from invoicing.report.words import OUTCOMES, SEVERITIES, VAT_CATEGORIES, plain
from web import words
from web.views.timeline import KINDS
from web.views.timeline import OUTCOMES as BAR_OUTCOMES
from web.views.timeline_chart import spoken

_FOLDER = Path(__file__).parent
_TYPES = {".css": "text/css; charset=utf-8", ".svg": "image/svg+xml"}


@dataclass(frozen=True)
class Static:
    """A static file; `version` changes with its content."""

    content: bytes
    media_type: str
    version: str


def render(template: str, **values: Any) -> str:
    """Return a page as text. Every value is escaped, and freed of what deceives the eye."""
    return _environment().get_template(template).render(**values)


@cache
def static_files() -> dict[str, Static]:
    """All static files by name."""
    files = {path.name: path for path in (_FOLDER / "static").iterdir() if path.suffix in _TYPES}
    return {name: _static(path) for name, path in files.items()}


def static_url(name: str) -> str:
    """The address of a static file, which changes when the file does: browsers may keep it for good."""
    return f"/static/{name}?v={static_files()[name].version}"


def _static(path: Path) -> Static:
    content = path.read_bytes()
    return Static(content, _TYPES[path.suffix], hashlib.sha256(content).hexdigest()[:12])


def _count(number: int) -> str:
    return f"{number:,}"


def _iso(when: date | None) -> str:
    return when.isoformat() if when else ""


def _name_of(person: str, people: Mapping[str, str]) -> str:
    return people.get(person) or person


def _category(code: str | None) -> str:
    return VAT_CATEGORIES.get(code or "", code or "not stated")


def _word(known: Mapping[Any, str]) -> Callable[[str], str]:
    """The word that people read for one of ours; what has none stays."""
    return lambda name: known.get(name, name)


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=FileSystemLoader(_FOLDER / "templates"),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=StrictUndefined,
        finalize=_finalized,
    )
    filters: dict[str, Callable[..., Any]] = {
        "amount": words.amount,
        "quantity": words.quantity,
        "moment": words.moment,
        "precise": words.precise,
        "day": words.day,
        "iban": words.iban,
        "short": words.shortened,
        "spoken": spoken,
        "count": _count,
        "plural": words.plural,
        "enumerated": words.enumerated,
        "iso": _iso,
        "name_of": _name_of,
        "plain": plain,
        "severity": _word(SEVERITIES),
        "outcome": _word(OUTCOMES),
        "category": _category,
        "bar_kind": _word(KINDS),
        "bar_outcome": _word(BAR_OUTCOMES),
    }
    environment.filters.update(filters)
    # To the type checker, globals are what jinja2 itself puts there.
    shared: Any = environment.globals
    shared["static_url"] = static_url
    return environment


def _finalized(value: Any) -> Any:
    """What every `{{ }}` puts out: nothing for None, and texts without what deceives the eye."""
    if value is None:
        return ""
    if isinstance(value, str) and not isinstance(value, Markup):
        return words.harmless(value)
    return value
