"""Ordered, received and billed side by side, as people read it; and the invoices that wait for goods."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from invoicing.matching.told import plain
from invoicing.records.goods import Ending, GoodsMatch, GoodsState, LineState, MatchedLine, Reason, Receipt
from web.words import until

STATES: dict[LineState, tuple[str, str]] = {
    "matched": ("good", "matches"),
    "waiting": ("", "goods are missing"),
    "mismatch": ("bad", "does not match"),
    "not_billed": ("", "not billed"),
}
REASONS: dict[Reason, str] = {
    "line": "belongs to no line of the order",
    "unit": "another unit",
    "currency": "another currency",
    "price": "another price",
    "over_ordered": "more than ordered",
    "over_received": "more than received",
}
ENDINGS: dict[Ending, tuple[str, str]] = {
    "matched": ("good", "everything matches"),
    "mismatch": ("bad", "something does not match"),
    "late": ("bad", "the goods did not come in time"),
    "unknown": ("bad", "the order did not come in time"),
}


@dataclass(frozen=True)
class LineShown:
    """One line: numbers as texts, with the unit that they are in."""

    line: str
    name: str
    unit: str
    ordered: str
    received: str
    billed: str
    billed_before: str
    price: str
    tone: str
    word: str
    why: str


@dataclass(frozen=True)
class WaitShown:
    """An invoice that waits for goods, or waited: where it stands, and where to go on to."""

    run: str
    invoice: str
    supplier: str
    order: str
    order_id: str
    since: datetime
    until: datetime
    left: str
    lines: str
    tone: str
    word: str
    problem: str


@dataclass(frozen=True)
class ReceiptShown:
    """One signal in words."""

    received: datetime
    by: str
    what: str


def lines(match: GoodsMatch) -> list[LineShown]:
    """All lines of a match."""
    return [_line(line) for line in match.lines]


def _line(line: MatchedLine) -> LineShown:
    tone, word = STATES[line.state]
    return LineShown(
        line=line.order_line or "",
        name=line.name or "",
        unit=line.unit or line.billed_unit or "",
        ordered=_number(line.ordered),
        received=_number(line.received),
        billed=_number(line.billed),
        billed_before=_number(line.billed_before) if line.billed_before else "",
        price=_price(line),
        tone=tone,
        word=word,
        why=", ".join(REASONS[reason] for reason in line.reasons),
    )


def _price(line: MatchedLine) -> str:
    """Both prices where they differ, else the one that there is."""
    if line.price_ordered is None or line.price_billed in (None, line.price_ordered):
        return _number(line.price_ordered if line.price_billed is None else line.price_billed)
    return f"{_number(line.price_ordered)}, billed {_number(line.price_billed)}"


def _number(number: Decimal | None) -> str:
    return "" if number is None else plain(number)


def waits(states: Sequence[GoodsState], now: datetime) -> list[WaitShown]:
    """Invoices in a list."""
    return [_wait(state, now) for state in states]


def _wait(state: GoodsState, now: datetime) -> WaitShown:
    tone, word = ENDINGS[state.ended] if state.ended else ("", "waits")
    if state.withdrawn:
        tone, word = "", f"{word}; nothing came of the invoice"
    billed = [line for line in state.match.lines if line.state != "not_billed"] if state.match else []
    there = sum(line.state == "matched" for line in billed)
    return WaitShown(
        run=state.ref.replace("/", "-"),
        invoice=state.invoice or "without a number",
        supplier=state.supplier or "",
        order=state.number,
        order_id=state.order or "",
        since=state.since,
        until=state.until,
        left=until(state.until, now),
        lines=f"{there} of {len(billed)}" if state.match else "the order is not known yet",
        tone=tone,
        word=word,
        problem=state.remind_error or "",
    )


def receipts(found: Sequence[Receipt], most: int = 100) -> list[ReceiptShown]:
    """Signals in words, those that came last first."""
    return [_receipt(receipt) for receipt in reversed(found[-most:])]


def _receipt(receipt: Receipt) -> ReceiptShown:
    goods = receipt.goods
    if goods is None:
        return ReceiptShown(receipt.received, "", f"does not count: {receipt.problem or 'nothing is said'}")
    parts = [f"{plain(part.quantity)} {part.unit or ''}".strip() + _of(part.line, part.item)
             for part in goods.lines]  # fmt: skip
    parts += ["nothing more will come"] if goods.complete else []
    parts += [goods.note] if goods.note else []
    by = " ".join(text for text in (goods.by, goods.place and f"({goods.place})") if text)
    return ReceiptShown(receipt.received, by, "; ".join(parts))


def _of(line: str | None, item: str | None) -> str:
    if line is not None:
        return f" of line {line}"
    return f" of item {item}" if item is not None else ""
