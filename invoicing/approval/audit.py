"""Proof of a ledger: its chain is whole and signed, who decided might, and what it books is its own."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from pydantic import ValidationError

from invoicing.approval import deciding, ledger, names, stages
from invoicing.approval.deciding import DecisionRefused
from invoicing.approval.ledger import DECISIONS, Entry, Flaw, Proven
from invoicing.approval.signing import LedgerKeys
from invoicing.records.approval import ApprovalRequest
from invoicing.records.ledger import EntryDetail

_DIGITS = frozenset("0123456789abcdef")


@dataclass(frozen=True)
class Booking:
    """What an entry booked: for each reference, the SHA-256 of its payable; `seq`: the entry's number."""

    seq: int
    at: str
    payables: Mapping[str, str]


def prove(approval: str, request: bytes, stored: Iterable[tuple[int, bytes]], keys: LedgerKeys) -> Proven:
    """Prove the ledger of an approval; arguments as `ledger.verify`.

    After the chain, the decisions: each one is held against the rules on the entries before it. That somebody
    stood in for another is taken from the entry, as absences are not kept.
    """
    found = ledger.verify(request, stored, keys)
    try:
        asked = ApprovalRequest.model_validate_json(request)
    except ValidationError as error:
        return Proven((), Flaw(1, f"the request cannot be read: {_fields_of(error)}"))
    if asked.approval != approval:
        return Proven((), Flaw(1, f"the request is that of another approval: {asked.approval[:40]}"))
    state = stages.progress(asked.stages, [])
    for place, entry in enumerate(found.entries):
        why = _unlawful(state, entry, asked)
        if why:
            return Proven(found.entries[:place], Flaw(entry.seq, f"entry {entry.seq} must not be: {why}"))
        state = stages.after(state, entry)
    return found


def _fields_of(error: ValidationError) -> str:
    """Which fields are wrong, without what is in them."""
    found = error.errors(include_url=False, include_context=False, include_input=False)
    return ", ".join(".".join(map(str, wrong["loc"])) or wrong["type"] for wrong in found[:3])


def prove_bookings(unit: str, stored: Iterable[tuple[int, bytes]], keys: LedgerKeys) -> Proven:
    """Prove the ledger of what was booked without a person; `unit`: what is booked together."""
    found = ledger.verify_chain(bookings_root(unit), stored, keys)
    for place, entry in enumerate(found.entries):
        if entry.kind not in ("booked", "undone"):
            why: str | None = f"a ledger of bookings holds no {entry.kind}"
        else:
            why = _bad_booking(entry, lambda ref: names.is_of_unit(ref, unit))
        if why:
            return Proven(found.entries[:place], Flaw(entry.seq, f"entry {entry.seq} must not be: {why}"))
    return found


def bookings_root(unit: str) -> str:
    """What the first entry of a ledger of bookings is chained to."""
    return hashlib.sha256(f"settle.bookings\n{unit}".encode()).hexdigest()


def bookings_since_undone(entries: Iterable[Entry]) -> list[Entry]:
    """The bookings that were not undone; the last one counts."""
    found: list[Entry] = []
    for entry in entries:
        if entry.kind == "booked":
            found.append(entry)
        elif entry.kind == "undone":
            found.clear()
    return found


def standing(entries: Iterable[Entry]) -> Booking | None:
    """What a ledger books by now; None where there is nothing or it was undone."""
    found = bookings_since_undone(entries)
    return Booking(found[-1].seq, found[-1].at, found[-1].detail.payables or {}) if found else None


def booking_detail(payables: Mapping[str, bytes]) -> EntryDetail:
    """The detail of a `booked` entry, for the bytes of each payable by its reference."""
    return EntryDetail(payables={ref: hashlib.sha256(data).hexdigest() for ref, data in payables.items()})


def check_payables(booking: Booking | None, payables: Mapping[str, str]) -> Flaw | None:
    """Hold what a ledger books against the SHA-256 of the payables that there are."""
    if booking is None:
        return None
    for ref, sha256 in booking.payables.items():
        there = payables.get(ref)
        if there is None:
            text = f"entry {booking.seq} booked {ref} at {booking.at}, and its payable is missing"
        elif there != sha256:
            text = f"entry {booking.seq} booked {ref}, and its payable was altered since"
        else:
            continue
        return Flaw(booking.seq, text)
    return None


def check_end(entries: Sequence[Entry]) -> Flaw | None:
    """Hold the end of an approval that is not in the inbox against it: it has ended, or never began."""
    kinds = {entry.kind for entry in entries}
    if "closed" in kinds or "stage_opened" not in kinds:
        return None
    place = len(entries) + 1
    return Flaw(place, "the end is missing: the approval is not open, and no entry closes it")


def needs_people(entries: Sequence[Entry]) -> bool:
    """Say whether what an approval is about may be booked by its own ledger alone.

    So it is while people are asked, and when they said yes. Where nothing came of it, it may come again, and
    need nobody then.
    """
    if not entries or any(entry.kind == "undone" for entry in entries):
        return False
    end = next((entry for entry in entries if entry.kind == "closed"), None)
    return end is None or end.detail.outcome == "approved"


def _unlawful(state: stages.Progress, entry: Entry, asked: ApprovalRequest) -> str | None:
    if entry.kind in DECISIONS:
        return _unlawful_decision(state, entry, asked.sender)
    if entry.kind != "booked":
        return None
    if state.outcome != "approved":
        return f"it books what is {state.outcome or 'not decided'}"
    return _bad_booking(entry, lambda ref: ref == asked.ref)


def _bad_booking(entry: Entry, may_book: Callable[[str], bool]) -> str | None:
    if entry.kind != "booked":
        return None
    payables = entry.detail.payables
    if payables is None or not all(_is_sha256(value) for value in payables.values()):
        return "it does not say what it books"
    strange = next((ref for ref in payables if not may_book(ref)), None)
    return f"it books {strange}, which is not its own" if strange is not None else None


def _is_sha256(value: str) -> bool:
    return len(value) == 64 and _DIGITS.issuperset(value)


def _unlawful_decision(state: stages.Progress, entry: Entry, sender: str | None) -> str | None:
    who = entry.who or ""
    place = entry.on_behalf_of
    try:
        allowed = deciding.check_decision(
            state,
            stage=entry.stage or "",
            who=who,
            decision=entry.kind,
            comment=entry.comment,
            sender=sender,
            stand_ins={place: (who,)} if place else {},
            link_id=entry.link_id,
        )
    except DecisionRefused as refused:
        return f"{who}: {refused.code}"
    return None if allowed == (place or who) else f"{who} did not decide in the place of {place}"
