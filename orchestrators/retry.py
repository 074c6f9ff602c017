"""Calling an activity again after a failure, with growing pauses, as a generator for `yield from`.

The SDK's own `RetryOptions` knows one fixed interval and waits once more before it gives up. Here what is
no document's fault (storage that is away, an installation without its rules) is waited for up to a day, so
that a person can mend it; anything else is tried a few times: it may be the
input's fault, and the caller has better things to do with it than to wait.
"""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import azure.durable_functions as df

from orchestrators.waiting import sleep

# Names of errors as they stand in an activity's failure text: an orchestrator sees texts only.
_OUTAGES = ("StorageUnavailable:", "StorageRefused:", "RulesMissing:", "SettingError:", "PolicyInvalid:")


class ActivityGaveUp(Exception):
    """An activity kept failing; the text is its last failure's first line."""


@dataclass(frozen=True)
class Backoff:
    """Pauses between attempts: `first`, then each `factor` times the one before, at most `longest`."""

    first: timedelta
    factor: float
    longest: timedelta
    attempts: int

    def pause(self, failures: int) -> timedelta | None:
        """How long to wait after so many failures in a row; None: give up."""
        if failures >= self.attempts:
            return None
        grown = self.first.total_seconds() * self.factor ** min(failures - 1, 64)
        return timedelta(seconds=min(grown, self.longest.total_seconds()))


#: A blip of the host or a dead worker process: three attempts within seconds.
FAULT = Backoff(timedelta(seconds=1), 3, timedelta(seconds=10), attempts=3)
#: Storage that is away: from a second up to five minutes between attempts, for about a day.
OUTAGE = Backoff(timedelta(seconds=1), 2, timedelta(minutes=5), attempts=300)


def is_outage(failure: str) -> bool:
    """Say whether an activity's failure text speaks of the surroundings, not of what it was given."""
    return any(name in failure for name in _OUTAGES)


def first_line(failure: str) -> str:
    """The failure's first line: what follows is the host's serialised exception with its stack."""
    return failure.strip().split("\n", 1)[0].strip()[:500]


def call_with_retry(
    context: df.DurableOrchestrationContext, activity: str, value: Any
) -> Generator[Any, Any, Any]:
    """Call an activity until it answers; returns its result. Raises ActivityGaveUp.

    Outages and faults are counted apart: a document that kills its worker must not be tried for a day.
    """
    outages = faults = 0
    while True:
        try:
            return (yield context.call_activity(activity, value))
        except Exception as error:  # noqa: BLE001 - the SDK raises plain Exception for every failed activity
            failure = str(error)
        if is_outage(failure):
            outages, pause = outages + 1, OUTAGE.pause(outages + 1)
        else:
            faults, pause = faults + 1, FAULT.pause(faults + 1)
        if pause is None:
            raise ActivityGaveUp(first_line(failure))
        yield from sleep(context, pause)
