"""How pages write things: moments, ages, durations, amounts, names, and texts that strangers sent."""

from __future__ import annotations

import re
import unicodedata
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal, InvalidOperation

from invoicing import texts

# More marks than any script stacks on one letter: text that climbs over its neighbours.
_STACKED = re.compile(
    r"([\u0300-\u036f\u1ab0-\u1aff\u1dc0-\u1dff\u20d0-\u20ff\ufe20-\ufe2f]{4})[\u0300-\u036f\u1ab0-\u1aff\u1dc0-\u1dff\u20d0-\u20ff\ufe20-\ufe2f]+"
)
_UNITS = (
    ("year", 365 * 86400),
    ("month", 30 * 86400),
    ("day", 86400),
    ("hour", 3600),
    ("minute", 60),
    ("second", 1),
)
# Before the decimal point and behind it: more than any amount has.
_MOST_DIGITS = 40
_AXIS = ((86400, "d"), (3600, "h"), (60, "min"), (1, "s"))


def harmless(text: str) -> str:
    """Return a text with what could deceive its reader shown as a replacement character.

    Markup is no matter of this function: templates escape.
    """
    return _STACKED.sub(r"\1" + texts.MARK, texts.masked(text))


def shortened(text: str, length: int) -> str:
    """Cut a text at a number of characters, with an ellipsis where something was left out."""
    return text if len(text) <= length else text[: length - 1].rstrip() + "…"


def plural(number: int, one: str, many: str | None = None) -> str:
    """`1 invoice`, `2 invoices`, `1,204 invoices`."""
    return f"{number:,} {one if number == 1 else many or one + 's'}"


def duration(span: timedelta) -> str:
    """A length of time in at most two units: `3 days 4 hours`, `12.4 seconds`, `35 milliseconds`."""
    seconds = max(span.total_seconds(), 0.0)
    if seconds < 1:
        return plural(round(seconds * 1000), "millisecond")
    if seconds < 60:
        text = f"{seconds:.1f}".removesuffix(".0")
        return f"{text} second" + ("" if text == "1" else "s")
    whole = round(seconds)
    parts: list[str] = []
    for name, size in _UNITS:
        count, whole = divmod(whole, size)
        if count or parts:
            parts.append(plural(count, name) if count else "")
        if len(parts) == 2:
            break
    return " ".join(filter(None, parts))


def brief(span: timedelta) -> str:
    """A length of time as it stands at an axis: `500 ms`, `2.5 s`, `10 min`, `6 h`, `3 d`."""
    seconds = span.total_seconds()
    if seconds < 1:
        return f"{round(seconds * 1000):,} ms"
    size, name = next((size, name) for size, name in _AXIS if seconds >= size)
    return f"{seconds / size:,.1f}".removesuffix(".0") + f" {name}"


def age(since: datetime, now: datetime) -> str:
    """How long ago, in one unit as people say it: `just now`, `5 minutes`, `3 days`, `2 months`."""
    seconds = (now - since).total_seconds()
    if seconds < 60:
        return "just now"
    name, size = next((name, size) for name, size in _UNITS if seconds >= size)
    return plural(int(seconds // size), name)


def until(moment: datetime, now: datetime) -> str:
    """How far a moment is from now: `in 3 days`, `5 minutes ago`, `now`."""
    if abs((moment - now).total_seconds()) < 60:
        return "now"
    return f"in {age(now, moment)}" if moment > now else f"{age(moment, now)} ago"


def as_moment(value: object) -> datetime | None:
    """A moment of an ISO text or a datetime, in UTC; None for what is none."""
    if isinstance(value, str):
        try:
            value = datetime.fromisoformat(re.sub(r"(\.\d{6})\d+", r"\1", value.strip()))
        except ValueError:
            return None
    if not isinstance(value, datetime):
        return None
    try:
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)
    except OverflowError:
        return None  # at the edges of time a zone leads beyond them


def moment(value: object) -> str:
    """`3 March 2026, 14:05 UTC`; a text that is no moment comes back as it is."""
    found = as_moment(value)
    if found is None:
        return str(value or "")
    return f"{found.day} {found:%B %Y, %H:%M} UTC"


def precise(value: object) -> str:
    """`3 Mar 2026, 14:05:09 UTC`: for those who compare with logs."""
    found = as_moment(value)
    return f"{found.day} {found:%b %Y, %H:%M:%S} UTC" if found else str(value or "")


def day(value: object) -> str:
    """`3 March 2026`; a text that is no date comes back as it is."""
    if isinstance(value, str):
        try:
            value = date.fromisoformat(value[:10])
        except ValueError:
            return str(value)
    if isinstance(value, date):
        return f"{value.day} {value:%B %Y}"
    return ""


def number(value: object) -> Decimal | None:
    """The decimal of a text or a number; None where there is none."""
    if value is None or value == "":
        return None
    try:
        found = Decimal(str(value))
    except InvalidOperation:
        return None
    # Written out, 1e999999999 has a gigabyte of digits.
    return found if found.is_finite() and abs(found.adjusted()) <= _MOST_DIGITS else None


def amount(value: object) -> str:
    """1234.5 as `1,234.50`, with a true minus sign; more decimals stay when there are more."""
    found = number(value)
    if found is None:
        return "" if value is None else str(value)
    exponent = found.normalize().as_tuple().exponent
    decimals = max(2, min(6, -exponent if isinstance(exponent, int) else 2))
    return f"{found:,.{decimals}f}".replace("-", "\u2212")


def quantity(value: object) -> str:
    """An amount of goods without needless zeros: `12`, `1.5`."""
    found = number(value)
    if found is None:
        return "" if value is None else str(value)
    text = f"{found:,.6f}".rstrip("0").rstrip(".")
    return text.replace("-", "\u2212")


def iban(value: str) -> str:
    """An IBAN in groups of four, as banks print it."""
    compact = "".join(value.split())
    return " ".join(compact[at : at + 4] for at in range(0, len(compact), 4))


def enumerated(items: list[str], last: str = "and") -> str:
    """`Ann`, `Ann and Ben`, `Ann, Ben and Cleo`."""
    if len(items) < 2:
        return "".join(items)
    return f"{', '.join(items[:-1])} {last} {items[-1]}"


def folded(text: str) -> str:
    """A text as it is compared in searches: without case, accents and repeated spaces."""
    plain = unicodedata.normalize("NFKD", text.casefold())
    return " ".join("".join(char for char in plain if not unicodedata.combining(char)).split())
