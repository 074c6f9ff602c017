"""Proves all ledgers of a storage, or names the first bad entry of each.

Beside each chain it looks at what belongs to it: what a ledger books must be there as a payable, byte for
byte, each payable must be booked by a ledger, an approval that left the inbox must be closed, and no ledger
may have less than an anchor knew of it.

Settle may be at work meanwhile. Payables and inbox are read before the ledgers, and what looks wrong is
looked at once more after a while, so that a step between two writes is not taken for a flaw.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import groupby, islice
from typing import Any, TypeVar

from invoicing.approval import names
from invoicing.approval.anchors import Anchored, check_anchored
from invoicing.approval.audit import check_end, check_payables, needs_people, prove, prove_bookings, standing
from invoicing.approval.ledger import LONGEST_ENTRY, Entry, Flaw, Proven
from invoicing.approval.signing import LedgerKeys
from stores import approval_names, ledger_anchors
from stores.blobs import BlobMissing, Blobs
from stores.payables import PAYABLES, payable_name, reference_of_payable

Result = TypeVar("Result")

#: Ledgers and payables that are read at the same time, and how many of them memory holds then.
_AT_ONCE, _WINDOW = 16, 128
#: Approvals of one invoice that are looked for; each follows one that nothing came of.
_RUNS = 3
#: Bytes that are read of a request or a payable; ours are far shorter, and a longer one is found by its hash.
_LONGEST = 16 * 2**20
#: Seconds until what looks wrong is looked at again; a step between two writes is over by then.
SECOND_LOOK_SECONDS = 3.0


@dataclass(frozen=True)
class Proof:
    """The result of one ledger.

    `ledger`: the id of an approval, or of what was booked without a person. `entries`: those that are proved.
    `stored`: how many there are.
    """

    ledger: str
    entries: tuple[Entry, ...]
    stored: int
    flaw: Flaw | None

    @property
    def place(self) -> str:
        """Where the flaw is, as people are told."""
        kind = "approval" if names.is_approval_id(self.ledger) else "bookings"
        return f"{kind} {self.ledger}, entry {self.flaw.seq if self.flaw else len(self.entries)}"


@dataclass(frozen=True)
class Stray:
    """What no ledger of ours has: a payable, or a folder in the place of a ledger."""

    name: str
    text: str


class Audit:
    """One proof of a storage. Raises StorageError where it cannot be read.

    `anchored`: what anchors say of each ledger; they were read before.
    """

    def __init__(
        self,
        blobs: Blobs,
        keys: LedgerKeys,
        *,
        anchored: Mapping[str, Sequence[Anchored]] | None = None,
        wait: Callable[[float], None] = time.sleep,
    ) -> None:
        self._blobs = blobs
        self._keys = keys
        self._wait = wait
        self._anchored = anchored or {}
        self._payables: dict[str, str] = {}
        self._inbox: set[str] = set()
        self._booked: set[str] = set()
        self._booked_freely: set[str] = set()
        self._with_people: set[str] = set()
        self.strays: list[Stray] = []

    @property
    def payables(self) -> int:
        """How many payables there are."""
        return len(self._payables)

    def proofs(self) -> Iterator[Proof]:
        """Prove every ledger, those that look wrong last; afterwards `strays` is whole."""
        strange = self._read_payables()
        self._inbox = {
            blob.name.removeprefix(approval_names.INBOX) for blob in self._blobs.list(approval_names.INBOX)
        }
        suspects: list[str] = []
        missing = {*self._inbox, *self._anchored}
        for proof in _ahead(self._prove, self._ledgers()):
            missing.discard(proof.ledger)
            if proof.flaw is None:
                yield self._noted(proof)
            else:
                suspects.append(proof.ledger)
        suspects += sorted(missing)
        if suspects:
            self._wait(SECOND_LOOK_SECONDS)
        for ledger in suspects:
            yield self._noted(self._prove_again(ledger))
        self._find_strays(strange)

    # ------------------------------------------------------------ one ledger

    def _prove(self, ledger: str, listed: list[str]) -> Proof:
        stored = (
            (approval_names.number_of(name), data)
            for name in listed
            if (data := self._read(name, LONGEST_ENTRY + 1)) is not None
        )
        proven = self._proven(ledger, stored)
        hashes = {entry.seq: entry.hash for entry in proven.entries}
        lost = check_anchored(len(listed), hashes, self._anchored.get(ledger, ()))
        own = proven.flaw or self._surroundings(ledger, proven.entries)
        found = [flaw for flaw in (lost, own) if flaw is not None]
        flaw = min(found, key=lambda flaw: flaw.seq, default=None)
        return Proof(ledger, proven.entries, len(listed), flaw)

    def _proven(self, ledger: str, stored: Iterable[tuple[int, bytes]]) -> Proven:
        if not names.is_approval_id(ledger):
            return prove_bookings(ledger, stored, self._keys)
        request = self._read(approval_names.request(ledger))
        if request is None:
            return Proven((), Flaw(1, "the request is missing"))
        return prove(ledger, request, stored, self._keys)

    def _surroundings(self, ledger: str, entries: tuple[Entry, ...]) -> Flaw | None:
        """What of the storage does not fit to a ledger that is whole in itself."""
        flaw = check_payables(standing(entries), self._payables)
        if flaw is not None or not names.is_approval_id(ledger):
            return flaw
        if ledger not in self._inbox:
            return check_end(entries)
        return None if entries else Flaw(1, "it is missing: the approval is in the inbox, so it has begun")

    def _prove_again(self, ledger: str) -> Proof:
        """Prove a ledger with what is there now: before, a step may have been between two writes."""
        prefix = ledger_anchors.prefix_of(ledger)
        self._note_inbox(ledger)
        proof = self._prove(ledger, [blob.name for blob in self._blobs.list(prefix)])
        if proof.flaw is None:
            return proof
        booking = standing(proof.entries)
        for ref in booking.payables if booking else ():
            self._read_payable(ref)
        self._note_inbox(ledger)
        return self._prove(ledger, [blob.name for blob in self._blobs.list(prefix)])

    def _note_inbox(self, ledger: str) -> None:
        """Once seen there, it counts as open: it may be closed at any moment, and that is no flaw."""
        if self._blobs.exists(approval_names.inbox(ledger)):
            self._inbox.add(ledger)

    def _noted(self, proof: Proof) -> Proof:
        booking = standing(proof.entries)
        booked = set(booking.payables if booking else ())
        self._booked |= booked
        if not names.is_approval_id(proof.ledger):
            self._booked_freely |= booked
        elif needs_people(proof.entries):
            self._with_people.add(proof.ledger)
        return proof

    # ------------------------------------------------------------ payables

    def _read_payables(self) -> list[str]:
        """Note the hash of each payable; returns the blobs that have no name of ours."""
        strange: list[str] = []

        def read(ref: str, name: str) -> tuple[str, bytes | None]:
            return ref, self._read(name)

        def listed() -> Iterator[tuple[str, str]]:
            for blob in self._blobs.list(PAYABLES):
                ref = reference_of_payable(blob.name)
                if ref is None:
                    strange.append(blob.name)
                else:
                    yield ref, blob.name

        for ref, data in _ahead(read, listed()):
            if data is not None:
                self._payables[ref] = hashlib.sha256(data).hexdigest()
        return strange

    def _read_payable(self, ref: str) -> None:
        data = self._read(payable_name(ref))
        if data is None:
            self._payables.pop(ref, None)
        else:
            self._payables[ref] = hashlib.sha256(data).hexdigest()

    def _find_strays(self, strange: Iterable[str]) -> None:
        unbooked = [ref for ref in self._payables if ref not in self._booked]
        for ref in unbooked:
            self._read_payable(ref)  # it may have been withdrawn since
            if ref in self._payables:
                text = "no ledger books it: nobody approved it, and no rule let it through"
                self.strays.append(Stray(payable_name(ref), text))
        self.strays += [Stray(name, "its name is none of ours") for name in strange]
        for ref in sorted(self._booked_freely):
            approvals = {names.approval_id(ref, run) for run in range(1, _RUNS + 1)} & self._with_people
            for approval in sorted(approvals):
                text = f"it was booked without a person, and approval {approval} says that people are needed"
                self.strays.append(Stray(payable_name(ref), text))

    # ------------------------------------------------------------ reading

    def _ledgers(self) -> Iterator[tuple[str, list[str]]]:
        """Each ledger with the blobs of its entries, also one that has none yet. Other folders are strays."""
        for prefix, folder, is_ours in (
            (approval_names.APPROVALS, "ledger/", names.is_approval_id),
            (approval_names.BOOKINGS, "", names.is_booking_unit),
        ):
            listed = (blob.name.removeprefix(prefix) for blob in self._blobs.list(prefix))
            for ledger, found in groupby(listed, lambda name: name.partition("/")[0]):
                if not is_ours(ledger):
                    self.strays.append(Stray(f"{prefix}{ledger}", "its name is none of ours"))
                    continue
                start = f"{ledger}/{folder}"
                yield ledger, [f"{prefix}{name}" for name in found if name.startswith(start)]

    def _read(self, name: str, most: int = _LONGEST) -> bytes | None:
        """A blob, or its beginning: somebody may have put one there that no memory holds."""
        try:
            return self._blobs.read_range(name, 0, most)
        except BlobMissing:
            return None  # it was removed between the listing and now


def _ahead(work: Callable[..., Result], items: Iterable[tuple[Any, ...]]) -> Iterator[Result]:
    """The results of `work` in order, many at the same time, and not more of them in memory than a window."""
    waiting = iter(items)

    def done(item: tuple[Any, ...]) -> Result:
        return work(*item)

    with ThreadPoolExecutor(_AT_ONCE) as pool:
        while some := list(islice(waiting, _WINDOW)):
            yield from pool.map(done, some)
