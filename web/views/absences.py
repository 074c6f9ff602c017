"""Absences as the page shows them: who is away until when, and who decides meanwhile. Pure functions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, time, timedelta

from invoicing.approval.delegation import LONGEST, stand_ins
from invoicing.approval.policy import Policy
from invoicing.records.absence import Absence
from web.words import day, folded, moment

_DAY = timedelta(days=1)
# Which field of the form a refusal speaks of; all others speak of who stands in.
_ABOUT_UNTIL = ("bad_until", "past", "too_long")


@dataclass(frozen=True)
class AbsenceShown:
    """One absence. `decides`: who is asked meanwhile, `skipped`: stand-ins before them who are away too."""

    who: str
    until: str
    to: str
    last_day: str
    decides: str
    skipped: list[str]
    mine: bool


@dataclass(frozen=True)
class Choices:
    """What the form offers: other approvers by id and name, the deputy first, and days from first to last."""

    people: list[tuple[str, str]]
    deputy: str | None
    first: str
    last: str


@dataclass(frozen=True)
class Problem:
    """Why an absence was not entered, and which field is wrong."""

    text: str
    field: str


def absences(found: Sequence[Absence], person: str, now: datetime) -> list[AbsenceShown]:
    """The absences of a moment, who is back first coming first."""
    ordered = sorted(found, key=lambda absence: (absence.until, absence.who))
    return [_shown(absence, found, person, now) for absence in ordered if absence.active(now)]


def _shown(absence: Absence, found: Sequence[Absence], person: str, now: datetime) -> AbsenceShown:
    chain = stand_ins(absence.who, found, now) or (absence.to,)
    return AbsenceShown(
        who=absence.who,
        until=until_words(absence.until),
        to=absence.to,
        last_day=_last_day(absence.until),
        decides=chain[-1],
        skipped=list(chain[:-1]),
        mine=absence.who == person,
    )


def until_words(until: datetime) -> str:
    """`the end of 31 May 2026` for a whole day, else the moment."""
    return f"the end of {day(until.date() - _DAY)}" if until.time() == time() else moment(until)


def _last_day(until: datetime) -> str:
    """The last day that an absence touches, as a date field has it."""
    return (until - timedelta(microseconds=1)).date().isoformat()


def choices(policy: Policy, person: str, now: datetime) -> Choices | None:
    """What a person may choose; None for who is not one of the approvers: nobody waits for them."""
    if person not in policy.people:
        return None
    deputy = policy.people[person].deputy
    others = [(other.id, other.name) for other in policy.people.values() if other.id != person]
    return Choices(
        people=sorted(others, key=lambda other: (other[0] != deputy, folded(other[1]))),
        deputy=deputy,
        first=now.date().isoformat(),
        # A day counts to its end, so the last day ends just before the longest absence does.
        last=((now + LONGEST).date() - _DAY).isoformat(),
    )


def problem(code: str, text: str) -> Problem:
    """A refusal in the words of the page: what programs send as `until` is a day here."""
    if code == "bad_until":
        text = "Say until when you are away: a day like 2026-05-31."
    return Problem(text, "until" if code in _ABOUT_UNTIL else "to")
