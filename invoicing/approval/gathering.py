"""Which messages go out alone and which wait for company, and when the time of waiting ends. All is pure.

A message to a person goes out with all others to that person that fall into the same stretch of time (a
slot). Each person's slots begin at another moment: else all mails of a quarter of an hour would be made in
one second.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Literal

Wish = Literal["digest", "single"]
"""How somebody wants messages: gathered, or each by itself."""
WISHES: tuple[Wish, ...] = ("digest", "single")

Pace = Literal["now", "soon", "slot"]
"""`now`: alone and at once. `soon`: with what comes within a minute. `slot`: with what comes in the slot."""

#: What is urgent waits no longer than this for company: a batch may make a hundred urgent ones at once.
SOON = timedelta(minutes=1)
#: A stage that ends sooner than this, or an invoice due sooner, makes a message urgent.
STAGE_ENDS_SOON = timedelta(days=1)
DUE_SOON = timedelta(days=3)

# Two people talk: each question and each answer is read by itself.
_TALK = frozenset({"question", "answer"})
# These only tell: nothing is lost while they wait.
_NEWS = frozenset({"decided", "expired"})


def pace(kind: str, wish: Wish, now: datetime, deadline: datetime | None, due: date | None) -> Pace:
    """How long a message may wait; `deadline`: of its stage, `due`: when the invoice is to be paid."""
    if wish == "single" or kind in _TALK:
        return "now"
    if kind in _NEWS:
        return "slot"
    ends_soon = deadline is not None and deadline - now <= STAGE_ENDS_SOON
    due_soon = due is not None and due <= (now + DUE_SOON).date()
    return "soon" if kind == "escalation" or ends_soon or due_soon else "slot"


@dataclass(frozen=True)
class Slot:
    """One stretch of time of one person over one channel.

    `key`: 24 hex digits of whom and how (`slot_key`); `number` counts slots; `seconds`: how long each is.
    Raises ValueError where that is no stretch of time.
    """

    key: str
    number: int
    seconds: int

    def __post_init__(self) -> None:
        try:
            _ = self.ends
        except (ArithmeticError, OSError) as error:
            raise ValueError("there is no such slot") from error

    @property
    def name(self) -> str:
        """Its name, a part of blob names and of the id of the workflow that sends its messages."""
        return f"{self.key}-{self.number}"

    @property
    def ends(self) -> datetime:
        """When it is over and its messages go out."""
        return datetime.fromtimestamp((self.number + 1) * self.seconds - _phase(self.key, self.seconds), UTC)

    def following(self, moment: datetime) -> Slot:
        """The slot of a later moment, at least the next one."""
        later = slot_at(self.key, self.seconds, moment)
        return later if later.number > self.number else Slot(self.key, self.number + 1, self.seconds)


def slot_key(channel: str, to: tuple[str, ...], seconds: int) -> str:
    """What tells apart the slots of channels, persons and lengths: 24 hex digits."""
    text = json.dumps([channel, to, seconds])
    return hashlib.sha256(text.encode()).hexdigest()[:24]


def slot_at(key: str, seconds: int, moment: datetime) -> Slot:
    """The slot that a moment falls into; `seconds`: how long a slot is, at least 1."""
    return Slot(key, int(moment.timestamp() + _phase(key, seconds)) // seconds, seconds)


def _phase(key: str, seconds: int) -> int:
    return int(key[:8], 16) % seconds
