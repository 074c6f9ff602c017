"""Proves all ledgers of a storage, or names the first bad entry of each (`python -m adapters.verify_ledger`).

Beside each chain it looks at what points into it: a payable holds number and hash of the entry that it was
booked on, and an approval that left the inbox must be closed. So entries that were cut off at the end are
missed too, which a chain alone cannot tell.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass

from adapters.blobs import BlobMissing, Blobs
from invoicing.approval import names
from invoicing.approval.audit import prove
from invoicing.approval.ledger import BadEntry, Entry, Flaw, from_bytes


@dataclass(frozen=True)
class Proof:
    """The result of one ledger: its entries as far as they can be read, how many there are, what is wrong."""

    approval: str
    entries: int
    flaw: Flaw | None
    first: Entry | None = None
    last: Entry | None = None


def audit(blobs: Blobs) -> Iterator[Proof]:
    """Prove the ledger of every approval, in the order of their ids. Raises StorageError."""
    bookings = _bookings(blobs)
    open_now = {blob.name.removeprefix(names.INBOX) for blob in blobs.list(names.INBOX)}
    found: dict[str, list[str]] = {}
    for blob in blobs.list(names.APPROVALS):
        approval, _, rest = blob.name.removeprefix(names.APPROVALS).partition("/")
        entries = found.setdefault(approval, [])
        if rest.startswith("ledger/"):
            entries.append(blob.name)
    for approval in sorted(found):
        stored = [(_number(name), blobs.read(name)) for name in found[approval]]
        flaw = _flaw(blobs, approval, stored, bookings.get(approval, []), approval in open_now)
        read = _readable(stored)
        yield Proof(
            approval, len(stored), flaw, first=read[0] if read else None, last=read[-1] if read else None
        )
    for approval in sorted(set(bookings) - set(found)):
        yield Proof(approval, 0, Flaw(1, "there is a payable, but no ledger"))


def _bookings(blobs: Blobs) -> dict[str, list[tuple[int, str]]]:
    """For each approval, number and hash of the entries that payables point to."""
    found: dict[str, list[tuple[int, str]]] = {}
    for blob in blobs.list(names.PAYABLES):
        payable = json.loads(blobs.read(blob.name))
        if payable["approval"]:
            point = payable["ledger"]["entries"], payable["ledger"]["head"]
            found.setdefault(payable["approval"], []).append(point)
    return found


def _readable(stored: list[tuple[int, bytes]]) -> list[Entry]:
    """The first entries, up to one that is none."""
    entries: list[Entry] = []
    for _, data in stored:
        try:
            entries.append(from_bytes(data))
        except BadEntry:
            break
    return entries


def _number(name: str) -> int:
    text = name.rpartition("/")[2].removesuffix(".json")
    return int(text) if text.isdigit() else 0


def _flaw(
    blobs: Blobs,
    approval: str,
    stored: list[tuple[int, bytes]],
    booked: list[tuple[int, str]],
    is_open: bool,
) -> Flaw | None:
    try:
        request = blobs.read(names.request(approval))
    except BlobMissing:
        return Flaw(1, "the request is missing")
    flaw = prove(request, stored)
    if flaw is not None:
        return flaw
    entries = [from_bytes(data) for _, data in stored]
    for number, head in booked:
        if len(entries) < number or entries[number - 1].hash != head:
            return Flaw(min(number, len(entries) + 1), "it is not the entry that the payable was booked on")
    return None if is_open else _cut_off(entries)


def _cut_off(entries: list[Entry]) -> Flaw | None:
    """An approval that is not in the inbox has ended, or waits for its first stage to open."""
    if any(one.kind == "closed" for one in entries) or not any(one.kind == "stage_opened" for one in entries):
        return None
    return Flaw(len(entries) + 1, "the end is missing: the approval is not open, and no entry closes it")
