"""Addresses that are told of every end of a kind: what begins after they have asked for it.

Each start of that kind subscribes them to its own end, so all that holds for a subscription holds here.
"""

from __future__ import annotations

from adapters.services import Services
from invoicing.callbacks.subscriptions import parse_standing, standing_id, url_key
from invoicing.records.callbacks import STANDING_KINDS, Standing, StandingKind
from stores import standing
from stores.blobs import Blobs
from usecases.refusals import NotNow, Unknown
from usecases.subscribe import subscribe

#: Addresses of one kind: each start has to subscribe them all.
MOST = 10


def tell_of_all(services: Services, kind: StandingKind, url: str) -> Standing:
    """Have an address told of all ends of a kind from now on; asking again changes nothing.

    Raises NotNow where too many are told already. The address was checked.
    """
    known = standing.read(services.blobs, kind, url_key(url))
    if known is not None:
        return known
    if len(standing.of_kind(services.blobs, kind).found) >= MOST:
        text = f"{MOST} addresses are told of every {kind} already, the most that there can be."
        raise NotNow("too_many_subscriptions", text)
    new = Standing(id=standing_id(kind, url), kind=kind, url=url, created=services.clock())
    standing.keep(services.blobs, new)
    return new


def tell_of_end(services: Services, kind: StandingKind, target: str, url: str | None) -> None:
    """What a start does before it begins: subscribe the address that it names, and those of all ends."""
    urls = [url] if url is not None else []
    urls += [one.url for one in standing.of_kind(services.blobs, kind).found]
    for one in dict.fromkeys(urls):
        subscribe(services, kind, target, one)


def end(blobs: Blobs, name: str) -> None:
    """Tell an address nothing of what begins from now on. Raises Unknown."""
    parsed = parse_standing(name)
    if parsed is None or standing.read(blobs, parsed.kind, parsed.key) is None:
        raise Unknown("unknown_subscription", "There is no standing subscription of this id.")
    standing.remove(blobs, parsed.kind, parsed.key)


def end_of_url(blobs: Blobs, url: str) -> list[str]:
    """The same for an address; returns the ids of what was ended."""
    found: list[str] = []
    for kind in STANDING_KINDS:
        known = standing.read(blobs, kind, url_key(url))
        if known is not None and known.url == url:
            standing.remove(blobs, kind, url_key(url))
            found.append(known.id)
    return found


def every(blobs: Blobs) -> list[Standing]:
    """All addresses that are told of every end of a kind."""
    return [one for kind in STANDING_KINDS for one in standing.of_kind(blobs, kind).found]
