"""Which line of an invoice belongs to which line of its order. Pure.

In this order: the line's reference (BT-132), an id of the item (BT-155, BT-156, BT-157), the name where only
one line of the order has it, and the only line of an invoice that bills an order of one line. What
contradicts itself (a reference to one line, an item of another one) or can be meant in two ways belongs to no
line: a person looks at it.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence

from invoicing.records.goods import BilledLine, ReceivedLine
from invoicing.records.order import OrderLine

_Index = Mapping[str, frozenset[int]]


class Assigner:
    """Finds lines of one order; the order's lines are looked through once."""

    def __init__(self, lines: Sequence[OrderLine]) -> None:
        self._count = len(lines)
        self._by_id = _index(lines, lambda line: (line.id,))
        self._by_number = _index(lines, lambda line: (line.id.lstrip("0"),))
        self._by_item = _index(lines, _item_ids)
        self._by_name = _index(lines, lambda line: (line.name,))

    def of_invoice(self, lines: Sequence[BilledLine]) -> tuple[int | None, ...]:
        """For each line of an invoice the place of its line in the order; None: none, or more than one."""
        return tuple(self._billed(line, only=len(lines) == 1) for line in lines)

    def of_receipt(self, line: ReceivedLine) -> int | None:
        """The place of the order's line of which something was received; None: none, or more than one."""
        if line.line is not None:
            return _only(self._referred(line.line))
        if line.item is not None:
            return _only(self._by_item.get(_key(line.item), frozenset()))
        return 0 if self._count == 1 else None

    def _billed(self, line: BilledLine, *, only: bool) -> int | None:
        items = self._items(line)
        if line.order_line is not None:
            referred = self._referred(line.order_line)
            # An item of another line than the one that is referred to: nobody can say which is meant.
            return _only(referred) if not items or referred <= items else None
        if items:
            return _only(items)
        named = self._by_name.get(_key(line.name), frozenset()) if line.name else frozenset[int]()
        if named:
            return _only(named)
        return 0 if only and self._count == 1 and not _has_item_id(line) else None

    def _items(self, line: BilledLine) -> frozenset[int]:
        """The lines that have an id of the item; where several ids are stated, those that have them all."""
        stated = [text for text in (line.seller_item_id, line.buyer_item_id, line.standard_item_id) if text]
        known = [found for text in stated if (found := self._by_item.get(_key(text)))]
        return known[0].intersection(*known) if known else frozenset()

    def _referred(self, reference: str) -> frozenset[int]:
        """The lines of a reference: as it is written, else without zeros before it (`10` and `00010`)."""
        key = _key(reference)
        return self._by_id.get(key) or self._by_number.get(key.lstrip("0"), frozenset())


def _item_ids(line: OrderLine) -> tuple[str | None, ...]:
    return (line.seller_item_id, line.buyer_item_id, line.standard_item_id)


def _has_item_id(line: BilledLine) -> bool:
    return bool(line.seller_item_id or line.buyer_item_id or line.standard_item_id)


def _index(lines: Iterable[OrderLine], keys: Callable[[OrderLine], Iterable[str | None]]) -> _Index:
    places: defaultdict[str, set[int]] = defaultdict(set)
    for place, line in enumerate(lines):
        for text in keys(line):
            if text and (key := _key(text)):
                places[key].add(place)
    return {key: frozenset(found) for key, found in places.items()}


def _key(text: str) -> str:
    """Case and white space do not tell two lines apart."""
    return " ".join(text.split()).casefold()


def _only(found: frozenset[int]) -> int | None:
    return next(iter(found)) if len(found) == 1 else None
