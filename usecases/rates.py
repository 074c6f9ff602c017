"""Exchange rates: which count for a route, and fetching those of the day."""

from __future__ import annotations

from datetime import datetime

from adapters.services import Services
from invoicing.approval.policy import Policy
from invoicing.approval.routing import NO_RATES, Rates
from stores import rates


def rates_at(services: Services, policy: Policy, now: datetime) -> Rates:
    """The rates that the rules of a policy compare by at a moment; nothing is read where none compares."""
    if policy.compare_in is None:
        return NO_RATES
    days = services.settings.lookups.rates_days
    return Rates(rates.newest(services.blobs, now, days), days)
