"""Kinds of fields that many answers have, and the shape of all errors."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any

from pydantic import Field, PlainSerializer, WithJsonSchema

from invoicing.records.base import Record, optional
from invoicing.records.batch import in_milliseconds
from invoicing.records.outgoing import LONGEST_URL

_TIME: dict[str, Any] = {"type": "string", "format": "date-time"}

Time = Annotated[
    datetime,
    PlainSerializer(lambda value: value.isoformat(), return_type=str, when_used="json"),
    WithJsonSchema(_TIME, mode="serialization"),
]
"""A time, in JSON as precise as it is known."""


TimeInMilliseconds = Annotated[
    datetime,
    PlainSerializer(in_milliseconds, return_type=str, when_used="json"),
    WithJsonSchema(_TIME, mode="serialization"),
]

Whole = Annotated[int, Field(ge=0)]
Sha256 = Annotated[str, Field(json_schema_extra={"pattern": "^[0-9a-f]{64}$"})]
Json = dict[str, object]
"""An object whose fields are not described: they differ from kind to kind."""

Checked = Annotated[
    tuple[str, ...],
    Field(description="The sets of official rules that ran over it, such as `en16931`."),
]
FullyChecked = Annotated[
    bool, Field(description="They are all that the profile asks for which the document claims.")
]

Links = dict[str, str]
"""Where to go from here, by name."""

Damaged = Annotated[
    tuple[str, ...],
    Field(description="Names of stored records of this list that cannot be read; the others are there."),
]


CallbackUrl = Annotated[
    str,
    Field(
        max_length=LONGEST_URL,
        description="Where the end is posted to, once it has come: https, and a host of SETTLE_CALL_HOSTS.",
    ),
]


class ErrorBody(Record):
    """`code` is for programs, `message` says what to do."""

    code: str
    message: str
    # Any: what helps depends on the code.
    detail: Any = optional()


class Error(Record):
    """The one shape of all errors."""

    error: ErrorBody
