"""Absences: who is away now, noting that somebody is away, and that they are back."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta

from adapters import policies
from adapters.services import Services
from invoicing.approval.delegation import BadDelegation, check
from invoicing.approval.persons import BadPerson, person_id
from invoicing.approval.policy import Policy
from invoicing.records.absence import Absence
from stores import absences
from stores.blobs import Blobs
from stores.records import Listed
from usecases.refusals import Misunderstood, NotAsAsked


def away_now(blobs: Blobs, now: datetime) -> Listed[Absence]:
    """The absences that count at a moment; those that are over are left out."""
    listed = absences.all_of(blobs)
    return Listed([absence for absence in listed.found if absence.active(now)], listed.damaged)


def note_absence(services: Services, person: str, until: str, to: str, now: datetime) -> Absence:
    """Note that a person is away, in the words of a form; without `to` their deputy stands in.

    Raises Misunderstood (bad_until), NotAsAsked for what cannot be, and PolicyInvalid.
    """
    ends = _until(until)
    policy = policies.load(services.settings)
    try:
        stand_in = person_id(to) if to.strip() else None
    except BadPerson as error:
        raise NotAsAsked("unknown_person", f"The address of who stands in {error}.") from error
    try:
        return delegate(services.blobs, policy, person, ends, stand_in, now)
    except BadDelegation as error:
        raise NotAsAsked(error.code, error.text) from error


def delegate(
    blobs: Blobs, policy: Policy, who: str, until: datetime, to: str | None, now: datetime
) -> Absence:
    """Note that somebody is away; without `to` their deputy stands in.

    Raises BadDelegation (unknown_person, no_deputy, self, past, too_long, loop).
    """
    if who not in policy.people:
        raise BadDelegation("unknown_person", f"{who} is not one of the approvers.")
    to = to or policy.people[who].deputy
    if to is None:
        raise BadDelegation("no_deputy", "Say who stands in: the policy names no deputy.")
    if to not in policy.people:
        raise BadDelegation("unknown_person", f"{to} is not one of the approvers.")
    wanted = Absence(who, to, until, now)
    check(wanted, absences.all_of(blobs).found, now)
    absences.note(blobs, wanted)
    return wanted


def end_absence(blobs: Blobs, who: str) -> None:
    """Somebody is back."""
    absences.end(blobs, who)


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


def _bad_until() -> Misunderstood:
    return Misunderstood("bad_until", "until is a day like 2026-05-31, or a time like 2026-05-31T18:00:00Z.")
