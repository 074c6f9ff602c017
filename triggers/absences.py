"""Absences, the same way for the API and for pages: who is away now, and noting that somebody is."""

from __future__ import annotations

import asyncio
from datetime import UTC, date, datetime, time, timedelta

from adapters import policies
from adapters.services import Services
from invoicing.approval.delegation import Delegation
from invoicing.approval.persons import BadPerson, person_id
from stores import approvals
from stores.approvals import BadDelegation
from stores.records import Listed
from triggers.responses import Refused


async def away_now(here: Services, now: datetime) -> Listed[Delegation]:
    """The absences that count at a moment; those that are over are left out."""
    listed = await asyncio.to_thread(approvals.absences, here.blobs)
    return Listed([one for one in listed.found if one.active(now)], listed.damaged)


async def note_absence(here: Services, person: str, until: str, to: str) -> Delegation:
    """Note that a person is away; without `to` their deputy stands in.

    Raises Refused (400 bad_until, 422 for what cannot be), and PolicyInvalid.
    """
    ends = _until(until)
    policy, now = await asyncio.to_thread(policies.load, here.settings), datetime.now(UTC)
    try:
        stand_in = person_id(to) if to.strip() else None
    except BadPerson as error:
        raise Refused(422, "unknown_person", f"The address of who stands in {error}.") from error
    try:
        return await asyncio.to_thread(approvals.delegate, here.blobs, policy, person, ends, stand_in, now)
    except BadDelegation as error:
        raise Refused(422, error.code, error.text) from error


def _until(text: str) -> datetime:
    """A time with a zone, or a day, which counts to its end (UTC)."""
    try:
        if len(text) == len("2026-05-01"):
            return datetime.combine(date.fromisoformat(text) + timedelta(days=1), time(), UTC)
        until = datetime.fromisoformat(text)
        if until.tzinfo is not None:
            return until.astimezone(UTC)
    except (ValueError, OverflowError) as error:
        raise _bad_until() from error
    raise _bad_until()


def _bad_until() -> Refused:
    return Refused(400, "bad_until", "until is a day like 2026-05-31, or a time like 2026-05-31T18:00:00Z.")
