"""Settings of the watch for what is stuck: how long a wait of each kind may last."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta

from adapters.setting_values import between
from invoicing.records.watching import WatchLimits


def read_watch(environment: Mapping[str, str]) -> WatchLimits:
    """Read them; raises SettingError where one cannot be used."""
    return WatchLimits(
        start=timedelta(minutes=between(environment, "SETTLE_STUCK_START_MINUTES", 10, 1, 1440)),
        outage=timedelta(minutes=between(environment, "SETTLE_STUCK_OUTAGE_MINUTES", 15, 1, 1440)),
        delivery=timedelta(minutes=between(environment, "SETTLE_STUCK_MAIL_MINUTES", 60, 1, 2880)),
        person=timedelta(days=between(environment, "SETTLE_STUCK_PERSON_DAYS", 14, 1, 365)),
        quiet=timedelta(hours=between(environment, "SETTLE_STUCK_QUIET_HOURS", 6, 1, 720)),
    )
