"""Reading a small JSON object from a request: nothing but the fields that are expected, each of its kind.

The content type has to be JSON: a form of another site cannot send that in a person's name. Fields that are
null count as left out.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from typing import cast, get_origin

import azure.functions as func

from invoicing import texts
from invoicing.records.base import Record
from triggers.errors import Refused
from triggers.request_texts import media_type

_LARGEST = 64 * 1024


def lengths_of(record: type[Record]) -> dict[str, int]:
    """For each text of a body how many characters it may have, as its record says."""
    return {
        name: next(limit.max_length for limit in field.metadata if hasattr(limit, "max_length"))
        for name, field in record.model_fields.items()
        if field.annotation is not bool and get_origin(field.annotation) is not dict
    }


def read_texts(
    req: func.HttpRequest, allowed: Mapping[str, int], *, lines: Collection[str] = ()
) -> dict[str, str]:
    """The texts of a JSON object. Raises Refused (400, 413, 415).

    `allowed`: for each field how many characters it may have. `lines`: the fields that may have line breaks.
    """
    value = read_object(req, allowed)
    return {name: text_of(value, name, longest, lines=name in lines)
            for name, longest in allowed.items() if name in value}  # fmt: skip


def read_object(req: func.HttpRequest, allowed: Collection[str]) -> dict[str, object]:
    """A JSON object that has no other fields than those that are allowed. Raises Refused (400, 413, 415)."""
    if media_type(req) != "application/json":
        raise Refused(415, "unsupported_media_type", "Send application/json.")
    value = _object(req.get_body())
    for name in value:
        if name not in allowed:
            known = ", ".join(allowed)
            raise Refused(400, "unknown_field", f"Unknown field: {texts.quoted(name)}. Known are {known}.")
    return {name: field for name, field in value.items() if field is not None}


def text_of(value: Mapping[str, object], name: str, longest: int, *, lines: bool = False) -> str:
    """The text of a field that is there. Raises Refused (400)."""
    text = value[name]
    if not isinstance(text, str):
        raise Refused(400, "bad_field", f"{name} is a text of at most {longest:,} characters.")
    wrong = texts.fault(text, longest, lines=lines)
    if wrong:
        raise Refused(400, "bad_field", f"{name} {wrong}.")
    return text


def _object(body: bytes) -> dict[str, object]:
    if len(body) > _LARGEST:
        raise Refused(413, "body_too_large", f"The body has more than {_LARGEST // 1024} KiB.")
    try:
        value: object = json.loads(body)
    except RecursionError as error:
        raise Refused(400, "bad_json", "The body is nested too deeply. Send a flat JSON object.") from error
    except ValueError as error:
        raise Refused(400, "bad_json", "The body is not JSON in UTF-8.") from error
    if not isinstance(value, dict):
        raise Refused(400, "bad_request", "Send a JSON object.")
    return cast(dict[str, object], value)
