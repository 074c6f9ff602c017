"""Payables: approved invoices that wait for a payment run, each written once and never over another one."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Collection

from pydantic import TypeAdapter

from invoicing.approval import names
from invoicing.records.payable import Payable
from stores import records
from stores.blobs import BlobConflict, BlobMissing, Blobs

#: Where all payables lie.
PAYABLES = "payables/"

_NAME = re.compile(r"(?P<owner>[bi][0-9a-f]{24})(?:-(?P<n>[1-9][0-9]{0,6}))?\.json")
_PAYABLE = TypeAdapter(Payable)


class PayableStore:
    """What waits for a payment run."""

    def __init__(self, blobs: Blobs) -> None:
        self._blobs = blobs

    def payable(self, reference: str) -> Payable | None:
        """The payable of an invoice; None where there is none. Raises RecordDamaged."""
        name = payable_name(reference)
        try:
            return records.from_json(_PAYABLE, name, self._blobs.read(name))
        except BlobMissing:
            return None

    def put(self, payable: Payable, entered: Collection[str]) -> str | None:
        """Write a payable; returns the SHA-256 of what stands there then, None where it is something strange.

        `entered`: the hashes that the ledger books. What is there already may be one of them: an earlier
        version of the app may have written it a little differently, right before it was replaced.
        """
        data = payable.as_json()
        name = payable_name(payable.ref)
        try:
            self._blobs.create(name, data)
        except BlobConflict:
            there = hashlib.sha256(self._blobs.read(name)).hexdigest()
            return there if there in entered else None
        return hashlib.sha256(data).hexdigest()

    def remove(self, reference: str) -> None:
        """Take a payable away; one that is not there is no error."""
        self._blobs.delete(payable_name(reference))


def payable_name(reference: str) -> str:
    """The blob of the payable of an invoice."""
    return f"{PAYABLES}{reference.replace('/', '-')}.json"


def reference_of_payable(name: str) -> str | None:
    """The reference that a payable's blob is named after; None where it is none of our names."""
    match = _NAME.fullmatch(name.removeprefix(PAYABLES))
    if match is None:
        return None
    reference = match["owner"] if match["n"] is None else f"{match['owner']}/{match['n']}"
    return reference if names.is_reference(reference) else None
