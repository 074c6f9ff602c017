"""Delegation: a person is away until a moment, and another one decides in their place.

Being away takes no right from anybody: who comes back early decides as before. A stand-in who is away as well
passes it on, so all of a chain may decide. A loop stands for nobody; it is refused where it is made, but two
people can make one at the same moment, so it is harmless here.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from pydantic import AwareDatetime

#: Longer than this nobody is away without somebody changing the policy.
LONGEST = timedelta(days=366)


@dataclass(frozen=True)
class Delegation:
    """`who` is away until `until` (UTC) and `to` decides meanwhile."""

    who: str
    to: str
    until: AwareDatetime
    created: AwareDatetime

    def active(self, now: datetime) -> bool:
        """Say whether it counts at a moment."""
        return now < self.until

    def as_dict(self) -> dict[str, str]:
        """JSON-able form."""
        return {
            "who": self.who,
            "to": self.to,
            "until": self.until.isoformat(),
            "created": self.created.isoformat(),
        }


class BadDelegation(ValueError):
    """A delegation that cannot be; `code` is for programs, the text for people."""

    def __init__(self, code: str, text: str) -> None:
        super().__init__(text)
        self.code, self.text = code, text


def check(wanted: Delegation, others: Iterable[Delegation], now: datetime) -> None:
    """Refuse a delegation to oneself, for the past, for too long, or one that closes a loop.

    Raises BadDelegation.
    """
    if wanted.to == wanted.who:
        raise BadDelegation("self", "Somebody else has to stand in for you.")
    if wanted.until <= now:
        raise BadDelegation("past", "The end of the absence lies in the past.")
    if wanted.until > now + LONGEST:
        raise BadDelegation("too_long", f"An absence ends within {LONGEST.days} days.")
    known = [one for one in others if one.who != wanted.who]
    if wanted.who in stand_ins(wanted.to, known, now):
        raise BadDelegation("loop", f"{wanted.to} is away too, and you stand in: nobody would be left.")


def stand_ins(person: str, delegations: Iterable[Delegation], now: datetime) -> tuple[str, ...]:
    """Who may decide in a person's place now, the last one being the one to ask; empty: nobody has to."""
    away = {one.who: one.to for one in delegations if one.active(now)}
    chain: list[str] = []
    current = person
    while (current := away.get(current, "")) and current != person and current not in chain:
        chain.append(current)
    return tuple(chain)


def stand_ins_by_person(delegations: Sequence[Delegation], now: datetime) -> dict[str, tuple[str, ...]]:
    """For each person who is away, who may decide in their place; the last one is the one to ask."""
    found = {absence.who: stand_ins(absence.who, delegations, now) for absence in delegations}
    return {person: chain for person, chain in found.items() if chain}


def acting(person: str, delegations: Iterable[Delegation], now: datetime) -> str:
    """Who is to be asked when this person's decision is needed."""
    return (stand_ins(person, delegations, now) or (person,))[-1]


def loop_in(edges: Mapping[str, str]) -> tuple[str, ...] | None:
    """The first loop of "who -> stands in", as the people on it; None where there is none."""
    for start in edges:
        chain = [start]
        while (following := edges.get(chain[-1])) is not None:
            if following in chain:
                return tuple(chain[chain.index(following) :])
            chain.append(following)
    return None
