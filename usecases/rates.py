"""Exchange rates: which count for a route, and fetching those of the day."""

from __future__ import annotations

import asyncio
from datetime import datetime, timedelta
from urllib.parse import urlsplit

from adapters import outgoing
from adapters.services import Services
from invoicing.approval.policy import Policy
from invoicing.approval.routing import NO_RATES, Rates
from invoicing.exchange import ecb
from invoicing.exchange.ecb import BadRates, DayRates
from invoicing.records.answers.rates import RatesStatus
from invoicing.records.outgoing import OutgoingRequest
from invoicing.records.rates import RatesState, RateTable
from stores import rates

_SECONDS = 30.0
#: The bank and this machine may be a day apart, in time zones and on the calendar.
_AHEAD = timedelta(days=1)


def rates_at(services: Services, policy: Policy, now: datetime) -> Rates:
    """The rates that the rules of a policy compare by at a moment; nothing is read where none compares."""
    if policy.compare_in is None:
        return NO_RATES
    days = services.settings.lookups.rates_days
    return Rates(rates.newest(services.blobs, now, days), days)


async def fetch_rates(services: Services) -> RatesState | None:
    """Fetch the rates of the day, unless they are there; None where no setting says from where.

    A fetch that fails is noted with its reason, and the rates that are there stay. Raises StorageError.
    """
    url = services.settings.lookups.rates_url
    now = services.clock()
    before = await asyncio.to_thread(rates.state, services.blobs)
    if not url:
        return None
    if before is not None and before.newest is not None and before.newest >= now.date():
        return before

    newest = before.newest if before else None
    try:
        found = await _fetched(url, now)
    except BadRates as error:
        state = RatesState(tried=now, error=str(error), newest=newest)
    else:
        await asyncio.to_thread(_keep, services, found, now, urlsplit(url).hostname or "")
        state = RatesState(tried=now, newest=max(filter(None, (newest, found[0].day))))
    await asyncio.to_thread(rates.note, services.blobs, state)
    return state


async def _fetched(url: str, now: datetime) -> tuple[DayRates, ...]:
    """What stands at the address. Raises BadRates for whatever goes wrong there."""
    request = OutgoingRequest(url=url, timeout_seconds=_SECONDS, largest=ecb.LARGEST)
    answer = await outgoing.send(request)
    if answer.outcome != "answered":
        raise BadRates(answer.error or answer.outcome)
    if answer.status != 200:
        raise BadRates(f"the host answered HTTP {answer.status}")
    found = await asyncio.to_thread(ecb.read, answer.body)
    if found[0].day > now.date() + _AHEAD:
        raise BadRates(f"the file is of {found[0].day}, which is not here yet")
    return found


def _keep(services: Services, found: tuple[DayRates, ...], now: datetime, source: str) -> None:
    for one in found:
        table = RateTable(day=one.day, base=ecb.BASE, rates=one.rates, fetched=now, source=source)
        rates.keep(services.blobs, table)


def rates_status(services: Services) -> RatesStatus:
    """Which rates count now, how old they may be, and how the last fetch went. Raises RecordDamaged."""
    lookups = services.settings.lookups
    now = services.clock()
    table = rates.newest(services.blobs, now, lookups.rates_days)
    state = rates.state(services.blobs)
    return RatesStatus(
        set_up=bool(lookups.rates_url),
        old=table is None,
        days=lookups.rates_days,
        day=table.day if table else None,
        base=table.base if table else None,
        rates=table.rates if table else {},
        source=table.source if table else None,
        fetched=table.fetched if table else None,
        tried=state.tried if state else None,
        error=state.error if state else None,
    )
