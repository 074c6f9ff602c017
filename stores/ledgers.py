"""Ledgers in blobs: one blob per entry, each created once (If-None-Match); of two writers one is second."""

from __future__ import annotations

from collections.abc import Callable

from pydantic import TypeAdapter

from invoicing.approval import audit, stages
from invoicing.approval.ledger import Draft, Entry, Proven, chain, from_bytes, request_sha256, to_bytes
from invoicing.approval.signing import LedgerKeys
from invoicing.approval.stages import Progress
from invoicing.records.approval import ApprovalRequest
from stores import approval_names, records
from stores.blobs import BlobConflict, BlobMissing, Blobs, StorageUnavailable

# Another writer may take the place that we wanted; each try then starts from what it wrote.
_TRIES = 50
_REQUEST = TypeAdapter(ApprovalRequest)


class ApprovalMissing(Exception):
    """There is no approval of this id."""


class Chain:
    """The entries below one prefix as they were read; nothing is read before it is needed."""

    def __init__(self, blobs: Blobs, prefix: str, root: str) -> None:
        self.entries: list[Entry] = []
        self._blobs = blobs
        self._prefix = prefix
        self._root = root

    @property
    def last(self) -> Entry | None:
        """The entry that the next one follows."""
        return self.entries[-1] if self.entries else None

    def append(self, draft: Callable[[list[Entry]], Draft | None], keys: LedgerKeys) -> Entry | None:
        """Write one more entry: `draft` decides on all entries before, again whenever another came first.

        Returns the entry, None where `draft` wanted none; what `draft` raises passes through.
        """
        for _ in range(_TRIES):
            wanted = draft(self.entries)
            if wanted is None:
                return None
            entry = chain(wanted, self.last, self._root, keys)
            try:
                self._blobs.create(approval_names.numbered(self._prefix, entry.seq), to_bytes(entry))
            except BlobConflict:
                if self._is_ours(entry):
                    return entry
                continue
            self.entries.append(entry)
            return entry
        raise StorageUnavailable(f"{self._prefix}: others keep writing it; trying again later")

    def _is_ours(self, entry: Entry) -> bool:
        """Say whether what is in our place is what we wrote: an answer that got lost on its way back."""
        at = len(self.entries)
        self.read_on()
        return len(self.entries) > at and self.entries[at] == entry

    def read_on(self) -> None:
        """Read what others wrote since."""
        while True:
            try:
                data = self._blobs.read(approval_names.numbered(self._prefix, len(self.entries) + 1))
            except BlobMissing:
                return
            self.entries.append(from_bytes(data))


class Ledger(Chain):
    """The ledger of one approval as it was read, with the request that it is about."""

    def __init__(self, blobs: Blobs, approval: str, request: bytes) -> None:
        super().__init__(blobs, approval_names.ledger(approval), request_sha256(request))
        self.approval = approval
        self.request = records.from_json(_REQUEST, approval_names.request(approval), request)
        self._request = request

    @classmethod
    def read(cls, blobs: Blobs, approval: str) -> Ledger:
        """Read request and entries. Raises ApprovalMissing and RecordDamaged."""
        try:
            request = blobs.read(approval_names.request(approval))
        except BlobMissing as error:
            raise ApprovalMissing(f"there is no approval {approval}") from error
        ledger = cls(blobs, approval, request)
        listed = [blob.name for blob in blobs.list(approval_names.ledger(approval))]
        ledger.entries = [from_bytes(blobs.read(name)) for name in listed]
        ledger.read_on()  # what was written since the listing
        return ledger

    @property
    def state(self) -> Progress:
        """What the ledger says."""
        return stages.progress(self.request.stages, self.entries)

    def prove(self, keys: LedgerKeys) -> Proven:
        """Prove what was read, as `invoicing.approval.audit` does."""
        stored = [(place, to_bytes(entry)) for place, entry in enumerate(self.entries, 1)]
        return audit.prove(self.approval, self._request, stored, keys)


def bookings(blobs: Blobs, unit: str) -> Chain:
    """The ledger of what is booked without a person, for one `names.booking_unit`; nothing is read yet."""
    return Chain(blobs, approval_names.bookings(unit), audit.bookings_root(unit))
