"""Delegation: a person is away until a moment, and another one decides in their place.

Being away takes no right from anybody: who comes back early decides as before. A stand-in who is away as well
passes it on, so all of a chain may decide. A loop stands for nobody; it is refused where it is made, but two
people can make one at the same moment, so it is harmless here.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta

from invoicing.records.absence import Absence

#: Longer than this nobody is away without somebody changing the policy.
LONGEST = timedelta(days=366)


class BadDelegation(ValueError):
    """A delegation that cannot be; `code` is for programs, the text for people."""

    def __init__(self, code: str, text: str) -> None:
        super().__init__(text)
        self.code = code
        self.text = text


def check(wanted: Absence, others: Iterable[Absence], now: datetime) -> None:
    """Refuse a delegation to oneself, for the past, for too long, or one that closes a loop.

    Raises BadDelegation.
    """
    if wanted.to == wanted.who:
        raise BadDelegation("self", "Somebody else has to stand in for you.")
    if wanted.until <= now:
        raise BadDelegation("past", "The end of the absence lies in the past.")
    if wanted.until > now + LONGEST:
        raise BadDelegation("too_long", f"An absence ends within {LONGEST.days} days.")
    known = [absence for absence in others if absence.who != wanted.who]
    if wanted.who in stand_ins(wanted.to, known, now):
        raise BadDelegation("loop", f"{wanted.to} is away too, and you stand in: nobody would be left.")


def stand_ins(person: str, absences: Iterable[Absence], now: datetime) -> tuple[str, ...]:
    """Who may decide in a person's place now, the last one being the one to ask; empty: nobody has to."""
    away = {absence.who: absence.to for absence in absences if absence.active(now)}
    chain: list[str] = []
    current = person
    while (current := away.get(current, "")) and current != person and current not in chain:
        chain.append(current)
    return tuple(chain)


def stand_ins_by_person(absences: Sequence[Absence], now: datetime) -> dict[str, tuple[str, ...]]:
    """For each person who is away, who may decide in their place; the last one is the one to ask."""
    found = {absence.who: stand_ins(absence.who, absences, now) for absence in absences}
    return {person: chain for person, chain in found.items() if chain}


def loop_in(edges: Mapping[str, str]) -> tuple[str, ...] | None:
    """The first loop of "who -> stands in", as the people on it; None where there is none."""
    for start in edges:
        chain = [start]
        while (following := edges.get(chain[-1])) is not None:
            if following in chain:
                return tuple(chain[chain.index(following) :])
            chain.append(following)
    return None
