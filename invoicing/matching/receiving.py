"""What was received of each line of an order, out of its receipts. Pure.

The order in which receipts come does not matter, and one that comes twice (same id) counts once.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal

from invoicing.matching.assigning import Assigner
from invoicing.records.goods import ZERO, Receipt
from invoicing.records.order import OrderLine


@dataclass(frozen=True)
class Received:
    """So much of each line, by its place; never negative.

    `other_units`: places of lines of which something came in another unit: it cannot be compared, and does
    not count. `unknown`: parts of receipts that belong to no line. `complete`: nothing more will come.
    """

    quantities: tuple[Decimal, ...]
    other_units: frozenset[int]
    unknown: int
    complete: bool
    receipts: int


def received(lines: Sequence[OrderLine], receipts: Iterable[Receipt]) -> Received:
    """Add up what was received of an order."""
    assigner = Assigner(lines)
    sums = [ZERO for _ in lines]
    other_units: set[int] = set()
    unknown = 0
    once = {receipt.id: receipt for receipt in receipts}
    goods = [receipt.goods for receipt in once.values() if receipt.goods is not None]
    for part in (part for each in goods for part in each.lines):
        place = assigner.of_receipt(part)
        if place is None:
            unknown += 1
        elif not same_unit(part.unit or lines[place].unit, lines[place].unit):
            other_units.add(place)
        else:
            sums[place] += part.quantity
    return Received(
        # More taken back than was received is a mistake of who counts: there is nothing, not less.
        quantities=tuple(max(ZERO, total) for total in sums),
        other_units=frozenset(other_units),
        unknown=unknown,
        complete=any(each.complete for each in goods),
        receipts=len(once),
    )


def same_unit(one: str | None, other: str | None) -> bool:
    """Whether two codes of units are the same; nothing is converted."""
    return (one or "").strip().casefold() == (other or "").strip().casefold()
