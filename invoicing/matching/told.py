"""What a three-way match is told as: findings, which the policy's rules can name. Pure."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal

from invoicing.findings import Finding, finding
from invoicing.records.goods import GoodsMatch, MatchedLine, Reason

QUANTITY, PRICE, UNIT, LINE = (
    "SETTLE-MATCH-QUANTITY",
    "SETTLE-MATCH-PRICE",
    "SETTLE-MATCH-UNIT",
    "SETTLE-MATCH-LINE",
)
MISMATCHES = (QUANTITY, PRICE, UNIT, LINE)
"""The rules of what does not match."""

ORDER_UNKNOWN = "SETTLE-ORDER-UNKNOWN"
"""The rule of an order that nobody sent in."""

ORDER_MISSING = "SETTLE-ORDER-MISSING"
"""The rule of an invoice that has to name an order and does not."""

_RULES: dict[Reason, str] = {
    "line": LINE,
    "unit": UNIT,
    "currency": PRICE,
    "price": PRICE,
    "over_ordered": QUANTITY,
    "over_received": QUANTITY,
}
_MOST = 50


def findings(found: GoodsMatch) -> tuple[Finding, ...]:
    """One finding for each line and rule that does not match, with the numbers in it; so many at most."""
    told: list[Finding] = []
    for line in found.lines:
        for rule in dict.fromkeys(_RULES[reason] for reason in line.reasons):
            told.append(finding(rule, _TEXTS[rule](line)))
    return tuple(told[:_MOST])


def order_unknown(number: str) -> Finding:
    """The finding of an invoice whose order nobody sent in."""
    text = f"The order {number} is not known, so what was ordered and received could not be compared."
    return finding(ORDER_UNKNOWN, text)


def order_missing() -> Finding:
    """The finding of an invoice that had to name an order."""
    text = "The invoice names no order (BT-13), so it was not compared with what was ordered and received."
    return finding(ORDER_MISSING, text)


def plain(number: Decimal | None) -> str:
    """A number for people, without zeros that say nothing."""
    if number is None:
        return "?"
    text = format(number, "f")
    return text.rstrip("0").rstrip(".") if "." in text else text


def _name(line: MatchedLine) -> str:
    where = f"Order line {line.order_line}" if line.order_line is not None else "A line"
    return f"{where} ({line.name[:100]})" if line.name else where


def _quantity(line: MatchedLine) -> str:
    before = f", and {plain(line.billed_before)} by earlier invoices" if line.billed_before else ""
    return (
        f"{_name(line)}: ordered {plain(line.ordered)}, received {plain(line.received)}, "
        f"billed {plain(line.billed)}{before} ({line.unit or '?'})."
    )


def _price(line: MatchedLine) -> str:
    if "currency" in line.reasons:
        return f"{_name(line)}: the invoice is in another currency than the order."
    if line.order_line is None:
        return f"The invoice bills {plain(line.price_billed)} beside its lines, which nobody ordered."
    return f"{_name(line)}: ordered at {plain(line.price_ordered)}, billed at {plain(line.price_billed)}."


def _unit(line: MatchedLine) -> str:
    if line.billed_unit and line.unit and line.billed_unit.strip().casefold() != line.unit.strip().casefold():
        return f"{_name(line)}: ordered in {line.unit}, billed in {line.billed_unit}."
    return f"{_name(line)}: received, or billed, in another unit than {line.unit}, in which it was ordered."


def _line(line: MatchedLine) -> str:
    which = f"Line {', '.join(line.invoice_lines)}" if line.invoice_lines else "A line"
    name = f" ({line.name[:100]})" if line.name else ""
    return f"{which}{name} of the invoice belongs to no line of the order, or to more than one."


_TEXTS: dict[str, Callable[[MatchedLine], str]] = {
    QUANTITY: _quantity,
    PRICE: _price,
    UNIT: _unit,
    LINE: _line,
}
