"""Reading a small JSON object from a request: nothing but the fields that are expected, each of its kind."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import azure.functions as func

from triggers.responses import Refused

_LARGEST = 64 * 1024


def read_texts(req: func.HttpRequest, allowed: Mapping[str, int]) -> dict[str, str]:
    """The texts of a JSON object. Raises Refused (400, 413, 415).

    `allowed`: for each field how many characters it may have. Fields that are null count as left out. The
    content type has to be JSON: a form of another site cannot send that in a person's name.
    """
    media_type = req.headers.get("content-type", "").split(";")[0].strip().lower()
    if media_type != "application/json":
        raise Refused(415, "unsupported_media_type", "Send application/json.")
    value = _object(req.get_body())
    unknown = sorted(set(value) - set(allowed))
    if unknown:
        known = ", ".join(allowed)
        raise Refused(400, "unknown_field", f"Unknown field: {unknown[0][:60]!r}. Known are {known}.")
    return {name: _text(name, one, allowed[name]) for name, one in value.items() if one is not None}


def _object(body: bytes) -> dict[str, Any]:
    if len(body) > _LARGEST:
        raise Refused(413, "body_too_large", f"The body has more than {_LARGEST // 1024} KiB.")
    try:
        value = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise Refused(400, "bad_json", "The body is not JSON.") from error
    if not isinstance(value, dict):
        raise Refused(400, "bad_request", "Send a JSON object.")
    return value


def _text(name: str, value: Any, longest: int) -> str:
    if not isinstance(value, str) or len(value) > longest:
        raise Refused(400, "bad_field", f"{name} is a text of at most {longest:,} characters.")
    if not _is_unicode(value):
        raise Refused(400, "bad_field", f"{name} holds half a character (a lone surrogate).")
    return value


def _is_unicode(text: str) -> bool:
    """JSON can name halves of characters, which no storage takes."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True
