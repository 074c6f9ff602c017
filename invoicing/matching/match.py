"""The three-way match: ordered, received and billed quantity of each line, and its price. Pure.

A line of an invoice matches where what this invoice and earlier ones bill is not more than what was ordered
and not more than what was received, each within the tolerance of the policy, in the same unit, and where it
costs what the order says. What the invoice bills beside its lines (charges, rounding) nobody ordered: it is
within the tolerance of prices, or does not match. Where only goods are missing, the invoice waits. Where
something else is wrong, more goods would not help: it does not match.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from decimal import Decimal

from invoicing.matching.assigning import Assigner
from invoicing.matching.receiving import Received, received, same_unit
from invoicing.matching.tolerances import GoodsPolicy
from invoicing.records.goods import (
    ZERO,
    BilledInvoice,
    BilledLine,
    GoodsMatch,
    LineState,
    MatchedLine,
    Reason,
    Receipt,
    Verdict,
)
from invoicing.records.order import Order, OrderLine

#: Lines that a match shows; an invoice may have thousands.
MOST_LINES = 300
# A line's amount is rounded to the cent, so it may be a cent beside quantity times price.
_CENT = Decimal("0.01")
_ONE = Decimal(1)
_SHOWN_PLACES = Decimal("0.000001")
_FIRST: dict[LineState, int] = {"mismatch": 0, "waiting": 1, "matched": 2, "not_billed": 3}


def match(
    order: Order,
    receipts: Iterable[Receipt],
    earlier: Iterable[BilledInvoice],
    billed: BilledInvoice,
    policy: GoodsPolicy,
) -> GoodsMatch:
    """Hold an invoice against its order, what was received, and what earlier invoices billed."""
    lines = order.order.lines
    assigner = Assigner(lines)
    came = received(lines, receipts)
    before = billed_of(lines, earlier)
    groups = [_Group() for _ in lines]
    unassigned: list[BilledLine] = []
    for line, place in zip(billed.lines, assigner.of_invoice(billed.lines), strict=True):
        if place is None:
            unassigned.append(line)
        else:
            groups[place].add(line)

    matched = [_unknown_line(line) for line in unassigned]
    if beside := _beside(billed, policy):
        matched.append(_beside_line(beside))
    for place, line in enumerate(lines):
        against = _Against(
            line, came.quantities[place], before[place], place in came.other_units, came.complete
        )
        matched.append(_matched(against, groups[place], _same(order.order.currency, billed.currency), policy))
    return _whole(order, came, matched)


def _whole(order: Order, came: Received, matched: Sequence[MatchedLine]) -> GoodsMatch:
    states = {line.state for line in matched}
    verdict: Verdict = "matched"
    if "mismatch" in states:
        verdict = "mismatch"
    elif "waiting" in states:
        verdict = "waiting"
    shown = sorted(matched, key=lambda line: _FIRST[line.state])
    return GoodsMatch(
        order=order.id,
        number=order.order.number,
        revision=order.revision,
        verdict=verdict,
        complete=came.complete,
        receipts=came.receipts,
        lines=tuple(shown[:MOST_LINES]),
        left_out=max(0, len(shown) - MOST_LINES),
    )


def ended_late(found: GoodsMatch) -> GoodsMatch:
    """The match where the time is over: what waited for goods does not match."""
    lines = tuple(
        line.model_copy(update={"state": "mismatch", "reasons": (*line.reasons, "over_received")})
        if line.state == "waiting"
        else line
        for line in found.lines
    )
    verdict: Verdict = "mismatch" if found.verdict == "waiting" else found.verdict
    return found.model_copy(update={"lines": lines, "verdict": verdict})


def billed_of(lines: Sequence[OrderLine], invoices: Iterable[BilledInvoice]) -> tuple[Decimal, ...]:
    """What invoices billed of each line of an order, in the unit of the order; never negative."""
    assigner = Assigner(lines)
    sums = [ZERO for _ in lines]
    for invoice in invoices:
        for line, place in zip(invoice.lines, assigner.of_invoice(invoice.lines), strict=True):
            if place is not None and same_unit(line.unit, lines[place].unit):
                sums[place] += line.quantity or ZERO
    return tuple(max(ZERO, total) for total in sums)


@dataclass
class _Group:
    """The lines of an invoice that belong to one line of the order, added up."""

    lines: list[BilledLine] = field(default_factory=list[BilledLine])

    def add(self, line: BilledLine) -> None:
        self.lines.append(line)

    @property
    def quantity(self) -> Decimal:
        return sum((line.quantity or ZERO for line in self.lines), ZERO)

    @property
    def cost(self) -> Decimal | None:
        """What the lines cost: their net amounts (BT-131), with allowances and charges."""
        costs = [_cost(line) for line in self.lines]
        return sum((cost for cost in costs if cost is not None), ZERO) if None not in costs else None

    @property
    def ids(self) -> tuple[str, ...]:
        return tuple(line.id for line in self.lines if line.id)


@dataclass(frozen=True)
class _Against:
    """A line of the order, and what it is held against."""

    line: OrderLine
    received: Decimal
    billed_before: Decimal
    other_unit: bool
    complete: bool


def _matched(against: _Against, group: _Group, same_currency: bool, policy: GoodsPolicy) -> MatchedLine:
    line = against.line
    units = [billed.unit for billed in group.lines if not same_unit(billed.unit, line.unit)]
    state: LineState = "not_billed"
    reasons: tuple[Reason, ...] = ()
    if group.lines:
        state, reasons = _judged(against, group, bool(units), same_currency, policy)
    cost, quantity = group.cost, group.quantity
    return MatchedLine(
        order_line=line.id,
        invoice_lines=group.ids,
        name=line.name or next((billed.name for billed in group.lines if billed.name), None),
        unit=line.unit,
        billed_unit=units[0] if units else (line.unit if group.lines else None),
        ordered=line.quantity,
        received=against.received,
        billed_before=against.billed_before,
        billed=quantity,
        price_ordered=None if line.price is None else _rounded(line.price / line.base_quantity),
        price_billed=_rounded(cost / quantity) if cost is not None and quantity else None,
        state=state,
        reasons=reasons,
    )


def _judged(
    against: _Against, group: _Group, other_unit: bool, same_currency: bool, policy: GoodsPolicy
) -> tuple[LineState, tuple[Reason, ...]]:
    """How a line that is billed stands, and why it does not match."""
    total = against.billed_before + group.quantity
    allowed = policy.quantity(against.line.quantity)
    reasons: list[Reason] = []
    if other_unit or against.other_unit or any(line.quantity is None for line in group.lines):
        reasons.append("unit")
    if not same_currency:
        reasons.append("currency")
    elif not _costs_what_was_ordered(against.line, group, policy):
        reasons.append("price")
    # What is given back needs no goods to come.
    bills = group.quantity > 0
    if bills and total > against.line.quantity + allowed:
        reasons.append("over_ordered")
    lacks = bills and total > against.received + allowed
    if lacks and (against.complete or reasons):
        reasons.append("over_received")
    if reasons:
        return "mismatch", tuple(reasons)
    return ("waiting" if lacks else "matched"), ()


def _costs_what_was_ordered(line: OrderLine, group: _Group, policy: GoodsPolicy) -> bool:
    """Whether the lines cost what the order says, within the tolerance and a cent for each line."""
    cost = group.cost
    if line.price is None:
        # Whatever the price is, money for nothing is none.
        return group.quantity > 0 or (cost or ZERO) <= 0
    if cost is None:
        return False
    due = group.quantity * line.price / line.base_quantity
    return abs(cost - due) <= abs(due) * policy.price_percent / 100 + _CENT * len(group.lines)


def _cost(line: BilledLine) -> Decimal | None:
    if line.net is not None:
        return line.net
    if line.price is None or line.quantity is None:
        return None
    return line.price * line.quantity / (line.base_quantity or _ONE)


def _unknown_line(line: BilledLine) -> MatchedLine:
    cost = _cost(line)
    quantity = line.quantity or ZERO
    return MatchedLine(
        order_line=None,
        invoice_lines=(line.id,) if line.id else (),
        name=line.name,
        unit=None,
        billed_unit=line.unit,
        ordered=None,
        received=ZERO,
        billed_before=ZERO,
        billed=quantity,
        price_billed=_rounded(cost / quantity) if cost is not None and quantity else None,
        state="mismatch",
        reasons=("line",),
    )


def _beside(billed: BilledInvoice, policy: GoodsPolicy) -> Decimal | None:
    """What an invoice bills beside its lines; None where that is within the tolerance, or is not known."""
    if billed.due is None:
        return None
    costs = [_cost(line) or ZERO for line in billed.lines]
    beside = billed.due - sum(costs, ZERO)
    allowed = sum(map(abs, costs), ZERO) * policy.price_percent / 100 + _CENT * (1 + len(costs))
    return beside if beside > allowed else None


def _beside_line(amount: Decimal) -> MatchedLine:
    return MatchedLine(
        order_line=None,
        invoice_lines=(),
        name="Charges beside the lines",
        unit=None,
        billed_unit=None,
        ordered=None,
        received=ZERO,
        billed_before=ZERO,
        billed=_ONE,
        price_billed=_rounded(amount),
        state="mismatch",
        reasons=("price",),
    )


def _rounded(price: Decimal) -> Decimal:
    """A price for one unit as it is shown."""
    if abs(price) >= Decimal(10) ** 18:
        return price
    return price.quantize(_SHOWN_PLACES).normalize() + ZERO


def _same(one: str | None, other: str | None) -> bool:
    return (one or "").strip().upper() == (other or "").strip().upper()
