"""JSON text as the host keeps it: compact, and always fit to be stored as UTF-8."""

from __future__ import annotations

import json
from typing import Any

__all__ = [
    "clean",
    "compact",
    "compact_or_raw",
    "compact_or_string",
    "dumps",
    "encode",
    "value_or_string",
]

# One encoder kept at hand: json.dumps with arguments makes a new one on every call.
encode = json.JSONEncoder(separators=(",", ":"), ensure_ascii=True).encode
_readable = json.JSONEncoder(separators=(",", ":"), ensure_ascii=False).encode


def dumps(value: Any) -> str:
    """Return the compact JSON text of a value, with non-ASCII letters as they are.

    Lone surrogates cannot be stored as UTF-8; text that holds one is escaped throughout.
    """
    text = _readable(value)
    return text if text.isascii() or _storable(text) else encode(value)


def compact(text: str) -> str:
    """Re-write a JSON text compactly, as the real host does. Raises ValueError when it is not JSON."""
    return dumps(json.loads(text))


def compact_or_raw(text: str) -> str:
    """Re-write a JSON text compactly; text that is not JSON stays as it is."""
    try:
        return compact(text)
    except ValueError:
        return clean(text)


def clean(text: str) -> str:
    """Return plain text fit to be stored: each lone surrogate becomes a question mark."""
    return text if _storable(text) else text.encode("utf-8", "replace").decode("utf-8")


def _storable(text: str) -> bool:
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        return False
    return True


def compact_or_string(text: str) -> str:
    """Re-write a JSON text compactly; text that is not JSON becomes a JSON string of it."""
    try:
        return compact(text)
    except ValueError:
        return encode(text)


def value_or_string(text: str | None) -> Any:
    """Return the value of a JSON text; None for None, and the text itself where it is not JSON."""
    if text is None:
        return None
    try:
        return json.loads(text)
    except ValueError:
        return text
