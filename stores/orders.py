"""Orders in blobs: their revisions, what was received of each, and which invoices bill it.

    orders/{id}/revisions/0001.json     the order as it came; a changed one is the next revision
    orders/{id}/receipts/{hash}.json    a signal that goods have come, once for each id
    orders/{id}/invoices/0001.json      an invoice that bills it; numbered, so that of two one is the earlier
    orders/{id}/invoices/0001-withdrawn it was not paid, and counts no more
    index/order-numbers/{hash}/{id}     an empty mark: the order has this number, as others may
    index/order-suppliers/{hash}        an empty mark: there are orders for this supplier

Each is written once, under a name that must not be there yet (If-None-Match), and never changed.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import islice

from pydantic import TypeAdapter

from invoicing.orders import supplier_marks
from invoicing.records.base import Reference
from invoicing.records.goods import BilledInvoice, Receipt
from invoicing.records.order import Order, OrderId, Taken
from invoicing.signals.keys import key_hash, normal_key
from stores import records
from stores.blobs import BlobConflict, BlobInfo, BlobMissing, Blobs
from stores.naming import newest_first
from stores.records import Listed

#: Revisions of one order, invoices that bill it, and receipts that count.
MOST_REVISIONS = 500
MOST_INVOICES = 2_000
MOST_RECEIPTS = 10_000

_WITHDRAWN = "-withdrawn"
_SAID = "said"
# The metadata of a blob holds 8 KiB.
_LARGEST_METADATA = 7000
_INDEX = "index/orders/"
_SUPPLIERS = "index/order-suppliers/"
_NUMBERS = "index/order-numbers/"
_ORDER = TypeAdapter(Order)
_RECEIPT = TypeAdapter(Receipt)
_INVOICE = TypeAdapter(BilledInvoice)


class OrderFull(Exception):
    """There is no room for one more revision or invoice of an order."""


@dataclass(frozen=True)
class Billing:
    """An invoice that bills an order: its number as they came, and whether it still counts."""

    number: int
    invoice: BilledInvoice
    withdrawn: bool


class OrderStore:
    """All that is stored of orders. What reads a record raises RecordDamaged."""

    def __init__(self, blobs: Blobs) -> None:
        self._blobs = blobs

    # ------------------------------------------------------------ the order

    def take(self, order: Order) -> tuple[Order, Taken]:
        """Keep an order; the same one again is the same, a changed one is a new revision. Raises OrderFull.

        `revision` of the given record does not matter.
        """
        while True:
            numbers = self._revisions(order.id)
            last = self._revision(order.id, numbers[-1]) if numbers else None
            if last is not None and last.fingerprint == order.fingerprint:
                return last, "same"
            if len(numbers) >= MOST_REVISIONS:
                raise OrderFull(order.id)
            new = order.model_copy(update={"revision": (last.revision if last else 0) + 1})
            if last is None:
                self._blobs.write(f"{_INDEX}{newest_first(order.created)}-{order.id}", b"")
                self._blobs.write(f"{_numbered(order.order.number)}{order.id}", b"")
                for mark in supplier_marks(order.order.supplier):
                    self._blobs.write(f"{_SUPPLIERS}{mark}", b"")
            try:
                self._blobs.create(_revision_name(new.id, new.revision), new.as_json())
            except BlobConflict:
                continue  # another request was quicker: what it wrote is the last one now
            return new, "changed" if last else "new"

    def order(self, order: str) -> Order | None:
        """The last revision of an order; None where there is none."""
        numbers = self._revisions(order)
        return self._revision(order, numbers[-1]) if numbers else None

    def listed(self, top: int, page: str | None) -> tuple[Listed[Order], str | None]:
        """Orders, those that came last first, and the token of the next page."""
        found = self._blobs.page(_INDEX, top, page)
        ids = [blob.name.rpartition("-")[2] for blob in found.blobs]
        listed = records.each(dict.fromkeys(ids), self.order)
        return listed, found.next_token

    def of_number(self, number: str) -> list[OrderId]:
        """The ids of all orders of a number: suppliers do not know which numbers others have.

        Raises SignalInvalid for a number that no signal could name.
        """
        prefix = _numbered(number)
        return [OrderId(blob.name.removeprefix(prefix)) for blob in self._blobs.list(prefix)]

    def has_of(self, seller: Sequence[str]) -> bool:
        """Whether there was an order for a supplier, by one of its marks (`invoicing.orders`)."""
        return any(self._blobs.exists(f"{_SUPPLIERS}{mark}") for mark in seller)

    def _revisions(self, order: str) -> list[int]:
        prefix = f"orders/{order}/revisions/"
        names = (blob.name.removeprefix(prefix).removesuffix(".json") for blob in self._blobs.list(prefix))
        return sorted(int(name) for name in names if name.isdigit())

    def _revision(self, order: str, number: int) -> Order:
        name = _revision_name(order, number)
        return records.from_json(_ORDER, name, self._blobs.read(name))

    # ------------------------------------------------------------ what was received

    def keep_receipt(self, order: str, receipt: Receipt) -> bool:
        """Keep a receipt; says whether it is a new one: each id counts once."""
        digest = hashlib.sha256(receipt.id.encode("utf-8", "replace")).hexdigest()[:32]
        try:
            self._blobs.create(f"orders/{order}/receipts/{digest}.json", *_said(receipt))
        except BlobConflict:
            return False
        return True

    def receipts(self, order: str) -> list[Receipt]:
        """All receipts of an order, the oldest first: one listing, unless one is large.

        One that is damaged is logged, and counts as if it were not there.
        """

        def read(blob: BlobInfo) -> Receipt | None:
            try:
                said = blob.metadata.get(_SAID) or self._blobs.read(blob.name)
            except BlobMissing:
                return None
            return records.from_json(_RECEIPT, blob.name, said)

        listed = islice(self._blobs.list(f"orders/{order}/receipts/"), MOST_RECEIPTS)
        return sorted(records.each(listed, read).found, key=lambda receipt: (receipt.received, receipt.id))

    # ------------------------------------------------------------ what was billed

    def bill(self, invoice: BilledInvoice) -> Billing:
        """Note that an invoice bills an order, after those that are there. Repeating it changes nothing.

        Whoever gets a number sees all smaller ones, so of two invoices one always counts for the other.
        Raises OrderFull.
        """
        while True:
            there = self.billings(invoice.order)
            own = [one for one in there if one.invoice.ref == invoice.ref and not one.withdrawn]
            if own:
                return own[0]
            number = there[-1].number + 1 if there else 1
            if number > MOST_INVOICES:
                raise OrderFull(invoice.order)
            try:
                self._blobs.create(_invoice_name(invoice.order, number), *_said(invoice))
            except BlobConflict:
                continue
            return Billing(number, invoice, withdrawn=False)

    def withdraw(self, order: str, ref: Reference) -> bool:
        """An invoice is not paid: what it bills counts no more. Says whether there was something to do."""
        own = [one for one in self.billings(order) if one.invoice.ref == ref and not one.withdrawn]
        for one in own:
            self._blobs.write(f"orders/{order}/invoices/{one.number:04d}-withdrawn", b"")
        return bool(own)

    def billings(self, order: str) -> list[Billing]:
        """The invoices that bill an order, in the order of their coming: one listing, unless one is large.

        One that is damaged raises RecordDamaged: without it, the same goods would be paid twice.
        """
        prefix = f"orders/{order}/invoices/"
        listed = {blob.name.removeprefix(prefix): blob for blob in self._blobs.list(prefix)}
        withdrawn = {name.removesuffix(_WITHDRAWN) for name in listed if name.endswith(_WITHDRAWN)}
        numbers = sorted(name.removesuffix(".json") for name in listed if name.endswith(".json"))
        return [
            Billing(int(number), self._invoice(listed[f"{number}.json"]), number in withdrawn)
            for number in numbers
        ]

    def _invoice(self, blob: BlobInfo) -> BilledInvoice:
        said = blob.metadata.get(_SAID) or self._blobs.read(blob.name)
        return records.from_json(_INVOICE, blob.name, said)


def earlier(billings: list[Billing], ref: Reference) -> list[BilledInvoice]:
    """The invoices that were noted before one, and still count."""
    own = min((one.number for one in billings if one.invoice.ref == ref and not one.withdrawn), default=0)
    return [one.invoice for one in billings if one.number < own and not one.withdrawn]


def _numbered(number: str) -> str:
    return f"{_NUMBERS}{key_hash(normal_key(number))}/"


def _said(record: Receipt | BilledInvoice) -> tuple[bytes, dict[str, str] | None]:
    """What is stored of a record, and the metadata that save reading it; None where it is too long.

    Metadata travels as an HTTP header, hence ASCII: json.dumps escapes the rest.
    """
    text = json.dumps(record.as_plain())
    return text.encode(), {_SAID: text} if len(text) <= _LARGEST_METADATA else None


def _revision_name(order: str, number: int) -> str:
    return f"orders/{order}/revisions/{number:04d}.json"


def _invoice_name(order: str, number: int) -> str:
    return f"orders/{order}/invoices/{number:04d}.json"
