"""What somebody says in a signal, and the record that is kept of it; one for each kind.

It comes from outside: nothing else may be in it.
"""

from __future__ import annotations

from typing import Annotated, Any, Protocol, Self

from pydantic import BeforeValidator, Field, model_validator

from invoicing.records.base import Moment, Record
from invoicing.records.goods import MAX_PARTS, GoodsReceived, ReceivedLine
from invoicing.records.order import Quantity, Text, Unit


class Said(Protocol):
    """What somebody says in a signal; `kept` is the form in which it is stored."""

    def kept(self) -> Record:
        """What is kept of it."""
        ...


def _text(value: Any) -> Any:
    """A device may send the number of a line as a number."""
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else value


class ReceivedLineSaid(ReceivedLine):
    """So much of one order line has come, as somebody says it."""

    line: Annotated[Text | None, BeforeValidator(_text)] = None

    def kept(self) -> ReceivedLine:
        """What is kept."""
        return ReceivedLine(line=self.line, item=self.item, quantity=self.quantity, unit=self.unit)


class GoodsReceivedSaid(Record, extra="forbid"):
    """Goods have come, as somebody says it: a device one line at a time, a person several in `lines`."""

    order: Text | None = None
    lines: Annotated[tuple[ReceivedLineSaid, ...], Field(max_length=MAX_PARTS)] = ()
    complete: bool = False
    by: Annotated[str | None, Field(max_length=100)] = None
    place: Annotated[str | None, Field(max_length=100)] = None
    at: Moment | None = None
    note: Annotated[str | None, Field(max_length=300)] = None
    line: Annotated[Text | None, BeforeValidator(_text)] = None
    item: Text | None = None
    quantity: Quantity | None = None
    unit: Unit | None = None

    @model_validator(mode="after")
    def _one_way(self) -> Self:
        names_a_line = any(value is not None for value in (self.line, self.item, self.unit))
        if names_a_line and self.quantity is None:
            raise ValueError("a line needs its quantity")
        if self.quantity is not None and self.lines:
            raise ValueError("say either lines, or one line with its quantity")
        if self.quantity is None and not self.lines and not self.complete:
            raise ValueError("nothing has come: say lines, or one line, or that it is complete")
        return self

    def kept(self) -> GoodsReceived:
        """What is kept: always lines."""
        same: dict[str, Any] = {name: getattr(self, name) for name in GoodsReceived.model_fields}
        same["lines"] = tuple(line.kept() for line in self.lines)
        if self.quantity is not None:
            line = ReceivedLine(line=self.line, item=self.item, quantity=self.quantity, unit=self.unit)
            same["lines"] = (line,)
        return GoodsReceived(**same)


class GoodsReceivedBody(GoodsReceivedSaid):
    """The body of a request, which may name the signal's id: the same one twice counts once."""

    id: Annotated[str | None, Field(min_length=1, max_length=255)] = None
