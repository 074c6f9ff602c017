"""What all records share: they are frozen, parsed once at the border, and written there again.

A field that older data does not have gets a default; fields that are unknown are left alone, so that a
version of the app that was rolled back still reads what a newer one wrote.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from functools import cached_property
from typing import Annotated, Any, Generic, NewType, TypeVar

from pydantic import (
    AwareDatetime,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PlainSerializer,
    TypeAdapter,
    WithJsonSchema,
)

BatchId = NewType("BatchId", str)
"""`b` and 24 hex digits."""

InvoiceId = NewType("InvoiceId", str)
"""`i` and 24 hex digits: an invoice that came alone."""

ApprovalId = NewType("ApprovalId", str)
"""`a` and 24 hex digits."""

Reference = NewType("Reference", str)
"""One invoice wherever it came from: `i…`, or `b…/17` for document 17 of a batch."""

Person = NewType("Person", str)
"""A person as the policy names them: a mail address in lower case."""


def _no_binary_fraction(value: Any) -> Any:
    if isinstance(value, float):
        raise ValueError("an amount is a decimal in a text: a binary fraction has lost digits")
    return value


Money = Annotated[
    Decimal,
    BeforeValidator(_no_binary_fraction),
    PlainSerializer(lambda value: format(value, "f"), return_type=str, when_used="json"),
    WithJsonSchema(
        {"type": "string", "description": "A decimal number.", "examples": ["1190.00"]}, mode="serialization"
    ),
]
"""An amount with the digits as written; in JSON a text in plain notation, never `1E+3`."""

Moment = Annotated[
    AwareDatetime, PlainSerializer(lambda value: value.isoformat(), return_type=str, when_used="json")
]
"""A time with its zone; in JSON as `datetime.isoformat` writes it."""


def _is_none(value: Any) -> bool:
    return value is None


def optional(**more: Any) -> Any:
    """The field of a value that may be missing; JSON has no key for it then."""
    return Field(default=None, exclude_if=_is_none, **more)


def _is_off(value: Any) -> bool:
    return value is False


def flag() -> Any:
    """The field of a flag that is off unless it is set; JSON has no key for it then."""
    return Field(default=False, exclude_if=_is_off)


class Record(BaseModel):
    """Base of everything that is stored or that travels."""

    # The text of an error goes into histories and logs: it names the field, and never quotes what is in it.
    model_config = ConfigDict(frozen=True, hide_input_in_errors=True)

    def as_json(self) -> bytes:
        """The bytes that are stored (UTF-8); the same record always gives the same bytes."""
        return self.model_dump_json().encode()

    def as_plain(self) -> dict[str, Any]:
        """The JSON-able form, for what travels through the host: any JSON, hence `Any`."""
        return self.model_dump(mode="json")


Input = TypeVar("Input")
Output = TypeVar("Output")
Kind = TypeVar("Kind")


@dataclass(frozen=True)
class Step(Generic[Input, Output]):
    """An activity or an orchestration: its name in the task hub, and what it takes and gives.

    Whoever calls it and whoever is called both use this, so that the two cannot drift apart.
    """

    name: str
    takes: type[Input]
    gives: type[Output]

    def written_input(self, value: Input) -> Any:
        """The JSON-able form of an input."""
        return self._takes.dump_python(value, mode="json")

    def parsed_input(self, value: Any) -> Input:
        """An input out of its JSON-able form. Raises pydantic's ValidationError, which names the field."""
        return self._takes.validate_python(value)

    def written_output(self, value: Output) -> Any:
        """The JSON-able form of an output."""
        return self._gives.dump_python(value, mode="json")

    def parsed_output(self, value: Any) -> Output:
        """An output out of its JSON-able form. Raises pydantic's ValidationError, which names the field."""
        return self._gives.validate_python(value)

    @cached_property
    def _takes(self) -> TypeAdapter[Input]:
        return _adapter(self.takes)

    @cached_property
    def _gives(self) -> TypeAdapter[Output]:
        return _adapter(self.gives)


def _adapter(kind: type[Kind]) -> TypeAdapter[Kind]:
    """What parses and writes a kind of value; its errors quote nothing, as those of records."""
    if issubclass(kind, BaseModel):
        return TypeAdapter(kind)
    return TypeAdapter(kind, config=ConfigDict(hide_input_in_errors=True))


def moment_of(text: str) -> datetime:
    """A time out of its text. Raises ValueError where it has no zone."""
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        raise ValueError(f"a time without a zone: {text[:40]!r}")
    return moment
