"""Whether and when a call is made again."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime

from invoicing.records.outgoing import OutgoingAnswer

FIRST, LONGEST = timedelta(seconds=1), timedelta(minutes=1)
#: The host is busy: it says so itself, and the call does not count as one that failed.
BUSY = frozenset({429})
#: The host, or what stands before it, is not well.
NOT_WELL = frozenset({500, 502, 503, 504})
#: Neither, and yet the same call may be answered otherwise later.
_LATER = frozenset({408, 425})
#: What no repetition mends.
_FINAL_CODES = frozenset({"answer_too_large", "bad_certificate"})
#: Characters of a header that is read, and seconds that are believed: a day more than any deadline.
_LONGEST_TEXT, _MOST_SECONDS = 64, 2 * 86_400


def is_failure_of_host(answer: OutgoingAnswer) -> bool:
    """Whether an answer says that the host is not well; what it refuses is answered, so it is well."""
    if answer.outcome == "answered":
        return answer.status in NOT_WELL
    return answer.outcome in ("failed", "timed_out") and answer.code != "answer_too_large"


def may_help(answer: OutgoingAnswer) -> bool:
    """Whether the same call may end otherwise when it is made again."""
    if answer.outcome == "answered":
        return answer.status in BUSY | NOT_WELL | _LATER
    return answer.outcome in ("failed", "timed_out") and answer.code not in _FINAL_CODES


def wish_of(answer: OutgoingAnswer, now: datetime) -> datetime | None:
    """When the host wants the next call at the earliest (429 and 503); None where it does not say."""
    if answer.outcome != "answered" or answer.status not in (429, 503):
        return None
    return retry_after(answer.headers, now)


def retry_after(headers: Mapping[str, str], now: datetime) -> datetime | None:
    """The moment of a header `Retry-After`, which has seconds or a date; None where it has neither."""
    text = headers.get("retry-after", "").strip()
    if not text or len(text) > _LONGEST_TEXT:
        return None
    if text.isascii() and text.isdigit():
        return now + timedelta(seconds=min(int(text), _MOST_SECONDS))
    try:
        moment = parsedate_to_datetime(text)
    except (ValueError, TypeError, OverflowError):
        return None
    moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return min(max(moment, now), now + timedelta(seconds=_MOST_SECONDS))


def again_at(now: datetime, attempts: int, wish: datetime | None, chance: float) -> datetime:
    """When to make a call again after so many attempts. `chance`: from 0 to 1, so that not all come at once.

    Never before the host wants it; else after a pause that grows, of which a half is by chance.
    """
    if wish is not None:
        return wish + timedelta(seconds=chance)
    pause = min(FIRST * 2 ** min(attempts - 1, 16), LONGEST)
    return now + pause * (0.5 + 0.5 * chance)


def chance_of(seed: str, n: int, attempts: int) -> float:
    """A number from 0 to 1 that is always the same for the same attempt of the same call."""
    digest = hashlib.sha256(f"{seed}/{n}/{attempts}".encode()).digest()
    return int.from_bytes(digest[:6], "big") / 2**48
