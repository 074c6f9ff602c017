"""Failure texts of the durable host, made readable.

They are nested: a run failed because a part failed because a step failed, and behind it stands an exception
that the host serialised, stack and all.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import Any, cast

from web.words import shortened

_STEP = re.compile(r"(Orchestrator|Activity|Entity) function '([^']{1,200})' failed:\s*", re.IGNORECASE)
_WORDS = {"orchestrator": "run", "activity": "step", "entity": "entity"}
# Characters that are shown.
_HEADLINE = 500
_DETAILS = 12_000


@dataclass(frozen=True)
class Failure:
    """`path`: what failed, from the outside in, as (kind, name); `message`: why; `details`: the rest."""

    path: list[tuple[str, str]]
    message: str
    details: str | None


def failure(text: Any) -> Failure | None:
    """Take a failure's text apart; None where there is no text."""
    rest = str(text or "").strip()
    if not rest:
        return None
    path: list[tuple[str, str]] = []
    at = 0
    while found := _STEP.match(rest, at):
        path.append((_WORDS[found[1].lower()], found[2]))
        at = found.end()
    rest = rest[at:]
    message, _, details = rest.partition("\n")
    return Failure(path, shortened(message.strip() or "No reason is given.", _HEADLINE), _details(details))


def _details(text: str) -> str | None:
    """The stack behind a failure as lines, out of the JSON that the host wrapped around it."""
    text = text.strip()
    if not text:
        return None
    try:
        wrapped = json.loads(text)
    except ValueError:
        return shortened(text.replace("\\n", "\n"), _DETAILS)
    stack = _stack(wrapped)
    return shortened(stack if stack else json.dumps(wrapped, indent=2, ensure_ascii=False), _DETAILS)


def _stack(wrapped: Any) -> str | None:
    """The innermost stack of a serialised exception."""
    found: str | None = None
    for _ in range(20):
        if not isinstance(wrapped, dict):
            break
        exception = cast("dict[str, Any]", wrapped)  # as .NET writes one: foreign JSON
        lines = exception.get("StackTraceString") or exception.get("RemoteStackTraceString")
        found = lines if isinstance(lines, str) and lines.strip() else found
        wrapped = exception.get("InnerException")
    return found
