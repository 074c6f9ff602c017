"""Requests and answers of the management API, apart from any web framework, and its error bodies."""

from __future__ import annotations

import traceback
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qsl

from dateutil import parser as date_parser

from devhost import jsontext

__all__ = [
    "Answer",
    "BadJson",
    "Query",
    "Request",
    "argument_error",
    "failure",
    "json_answer",
    "server_error",
]

BAD_ARGUMENT = "One or more of the arguments submitted is incorrect"
WENT_WRONG = "Something went wrong while processing your request"


class Query:
    """The query of a URL. Names ignore case; a name may be repeated; empty values count as absent."""

    def __init__(self, text: str):
        self._values: dict[str, list[str]] = {}
        for name, value in parse_qsl(text):
            self._values.setdefault(name.lower(), []).append(value)

    def text(self, name: str) -> str | None:
        """Return the first value of ``name``, or None."""
        found = self._values.get(name.lower())
        return found[0] if found else None

    def listed(self, name: str) -> list[str]:
        """Return all values of ``name``; one value may hold several, parted by commas."""
        return [part.strip() for value in self._values.get(name.lower(), []) for part in value.split(",")]

    def flag(self, name: str, default: bool) -> bool:
        """Return a switch; anything but true and false counts as absent."""
        return {"true": True, "false": False}.get((self.text(name) or "").lower(), default)

    def moment(self, name: str) -> datetime | None:
        """Return a date in UTC; what cannot be read counts as absent, as on the real host."""
        try:
            found = date_parser.parse(self.text(name) or "")
        except (ValueError, OverflowError):
            return None
        return found.replace(tzinfo=UTC) if found.tzinfo is None else found.astimezone(UTC)

    def seconds(self, name: str) -> float | None:
        """Return a number of seconds, or None."""
        try:
            return float(self.text(name) or "")
        except ValueError:
            return None

    def count(self, name: str, default: int) -> int:
        """Return a whole number above zero, else ``default``."""
        text = self.text(name) or ""
        return int(text) if text.isdigit() and int(text) > 0 else default


class BadJson(Exception):
    """A body that is not JSON; the text resembles the one of the real host's parser."""

    def __init__(self, text: str):
        stripped = text.strip()
        closed = {"{": "}", "[": "]", '"': '"'}.get(stripped[:1], stripped[-1:]) == stripped[-1:]
        if stripped and closed:
            reason = f"Unexpected character encountered while parsing value: {stripped[0]}. Path '', line 1."
        else:
            reason = f"Unexpected end while parsing JSON content. Path '', line 1, position {len(stripped)}."
        super().__init__(reason)


@dataclass(frozen=True)
class Request:
    """One request: ``path`` is what follows the base, decoded; ``url`` and ``origin`` are absolute."""

    method: str
    path: Sequence[str]
    query: Query
    origin: str
    url: str
    content_type: str = ""
    body: bytes = b""
    continuation: str | None = None

    def json_body(self) -> str | None:
        """Return the body as compact JSON text, None when there is none. Raises BadJson."""
        if not self.body:
            return None
        text = self.body.decode("utf-8-sig", "replace")
        try:
            return jsontext.compact(text)
        except ValueError:
            raise BadJson(text) from None


@dataclass(frozen=True)
class Answer:
    """What goes back. ``body`` is JSON when there is one."""

    status: int
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)


def json_answer(status: int, value: Any, headers: Mapping[str, str] | None = None) -> Answer:
    """Return an answer that holds ``value`` as compact JSON."""
    return raw_answer(status, jsontext.dumps(value), headers)


def raw_answer(status: int, text: str, headers: Mapping[str, str] | None = None) -> Answer:
    """Return an answer that holds JSON text as it is."""
    content = {"content-type": "application/json; charset=utf-8", **(headers or {})}
    return Answer(status, text.encode("utf-8"), content)


def failure(status: int, message: str, error: Exception | None = None, kind: str = "") -> Answer:
    """Return an error body of the real host: short, or with the exception."""
    body = {"Message": message}
    if error is not None:
        body["ExceptionMessage"] = str(error)
        body["ExceptionType"] = kind or f"System.{type(error).__name__}"
        body["StackTrace"] = "".join(traceback.format_exception(error))
    return json_answer(status, body)


def argument_error(error: Exception, message: str = BAD_ARGUMENT) -> Answer:
    """Return the 400 for a wrong argument. The SDK reads its ``ExceptionMessage``."""
    return failure(400, message, error, "System.ArgumentException")


def server_error(error: Exception, kind: str = "") -> Answer:
    """Return the 500 for anything else."""
    return failure(500, WENT_WRONG, error, kind)
