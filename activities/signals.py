"""The steps of a wait for signals."""

from __future__ import annotations

import azure.durable_functions as df

from activities.registering import activity
from adapters import services
from invoicing.records.signals import (
    CLOSE_SIGNAL_WAIT,
    OPEN_SIGNAL_WAIT,
    READ_SIGNALS,
    CloseJob,
    ReadJob,
    SignalsRead,
    WaitEnded,
    WaitPlace,
)
from usecases import wait_for_signals as waits

bp = df.Blueprint()


@activity(bp, OPEN_SIGNAL_WAIT)
def open_signal_wait(job: WaitPlace) -> SignalsRead:
    """Note a wait, and read what came before it."""
    return waits.open_wait(services.current().blobs, job)


@activity(bp, READ_SIGNALS)
def read_signals(job: ReadJob) -> SignalsRead:
    """Read what a wait was not given yet."""
    return waits.read(services.current().blobs, job)


@activity(bp, CLOSE_SIGNAL_WAIT)
def close_signal_wait(job: CloseJob) -> WaitEnded:
    """Note that a wait has ended."""
    return waits.close_wait(services.current().blobs, job)
