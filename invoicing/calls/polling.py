"""Work at another host that answers 202 and is asked again: where, and when."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from urllib.parse import urljoin

from invoicing.calls.retries import retry_after
from invoicing.outgoing.refusals import CallRefused
from invoicing.outgoing.targets import parse

#: Pauses where the host names none, and the longest that is believed.
USUAL, LONGEST = timedelta(seconds=5), timedelta(minutes=10)


def next_address(url: str, headers: Mapping[str, str]) -> str:
    """Where to ask again: `Location`, which may be relative; without one, the address that was asked.

    Raises CallRefused where it leads to another host, port or scheme: who may be called was decided before.
    """
    location = headers.get("location", "")
    if not location:
        return url
    try:
        found = urljoin(url, location)
    except ValueError:
        raise CallRefused("bad_location", "The answer's Location cannot be read.") from None
    here, there = parse(url), parse(found)
    if (here.scheme, here.key) != (there.scheme, there.key):
        raise CallRefused("bad_location", "The answer's Location leads to another host.")
    return found


def next_look(headers: Mapping[str, str], now: datetime) -> datetime:
    """When to ask again: as `Retry-After` says, within reason."""
    wanted = retry_after(headers, now) or now + USUAL
    return min(max(wanted, now + timedelta(seconds=1)), now + LONGEST)
