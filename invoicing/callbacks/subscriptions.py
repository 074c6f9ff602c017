"""What a subscription becomes, and what it is called. Pure."""

from __future__ import annotations

import hashlib
import re
from datetime import datetime, timedelta
from typing import NamedTuple

from invoicing.records.callbacks import STANDING_KINDS, CallbackKind, StandingKind, Subscription

#: An end is looked for so often at first: the timer that looks comes by in these steps.
TICK = timedelta(seconds=15)
#: The longest pause between two looks, for what runs for hours and weeks.
LONGEST_PAUSE = timedelta(minutes=5)
# A look about every twentieth part of the age: who has waited for an hour waits some minutes more at most.
_PART = 20

_PLAIN = r"(?P<target>(?P<kind>[abci])[0-9a-f]{24})"
_TARGET = re.compile(_PLAIN)
_ID = re.compile(_PLAIN + r"-(?P<key>[0-9a-f]{16})")
_TOLD = re.compile(r"callback-" + _PLAIN + r"-[0-9a-f]{16}-[0-9]{1,6}")
_STANDING = re.compile(rf"every-(?P<kind>{'|'.join(STANDING_KINDS)})-(?P<key>[0-9a-f]{{16}})")
_ROUND = re.compile(r"-([1-9][0-9]{0,5})")
_KINDS: dict[str, CallbackKind] = {"b": "batch", "i": "invoice", "a": "approval", "c": "calls"}


class ParsedId(NamedTuple):
    """What the id of a subscription says: what it waits for, and the hash of its URL."""

    kind: CallbackKind
    target: str
    key: str


def kind_of(target: str) -> CallbackKind | None:
    """What has this id; None where no end of it can be told."""
    return _KINDS[target[0]] if _TARGET.fullmatch(target) else None


def told_target(instance: str) -> str | None:
    """What the instance of an orchestration that tells an end tells of; None for all other instances."""
    found = _TOLD.fullmatch(instance)
    return found["target"] if found else None


def url_key(url: str) -> str:
    """16 hex digits that stand for a URL, which itself is a secret."""
    return hashlib.sha256(url.encode()).hexdigest()[:16]


def subscription_id(target: str, url: str) -> str:
    """The id of a subscription: the same address asks for the same end once."""
    return f"{target}-{url_key(url)}"


def standing_id(kind: StandingKind, url: str) -> str:
    """The id of an address that is told of every end of a kind."""
    return f"every-{kind}-{url_key(url)}"


class ParsedStanding(NamedTuple):
    """What the id of such an address says."""

    kind: StandingKind
    key: str


def parse_standing(text: str) -> ParsedStanding | None:
    """The parts of such an id; None where it is none."""
    found = _STANDING.fullmatch(text)
    kinds: dict[str, StandingKind] = {kind: kind for kind in STANDING_KINDS}
    return ParsedStanding(kinds[found["kind"]], found["key"]) if found else None


def parse_id(text: str) -> ParsedId | None:
    """The parts of an id; None where it is not the id of a subscription."""
    found = _ID.fullmatch(text)
    return ParsedId(_KINDS[found["kind"]], found["target"], found["key"]) if found else None


def round_of(subscription: str, message: str) -> int | None:
    """The round that a message of a subscription is of; None where it is none of its messages."""
    found = _ROUND.fullmatch(message.removeprefix(subscription))
    return int(found[1]) if found else None


def is_due(subscription: str, created: datetime, now: datetime) -> bool:
    """Whether the end is looked for at this tick. Young ones are at each tick, old ones take turns."""
    pause = min(max(TICK, (now - created) / _PART), LONGEST_PAUSE)
    every = max(1, int(pause / TICK))
    tick = int(now.timestamp() // TICK.total_seconds())
    return tick % every == int(url_key(subscription), 16) % every


def asked_again(known: Subscription, *, runs: bool, now: datetime) -> Subscription:
    """A known subscription after the same address has asked again; `runs`: the end is still to come.

    What is under way stays as it is, and so does what was told of an end that still is the last one.
    """
    if not known.is_over or (known.state == "delivered" and not runs):
        return known
    return Subscription(
        id=known.id,
        kind=known.kind,
        target=known.target,
        url=known.url,
        created=now,
        round=known.round + 1,
    )
