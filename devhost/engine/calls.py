"""Requests of other threads, carried out in the engine's thread and answered through their futures."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

from devhost.engine.faults import HostCrash
from devhost.engine.loop import Call
from devhost.engine.work import Effects, Work
from devhost.errors import EngineStopped, RequestError
from devhost.state.store import Store

__all__ = ["answer", "fail", "write"]


class _Raised:
    """An outcome that is an error."""

    def __init__(self, error: Exception):
        self.error = error


def write(
    calls: list[Call], store: Store, stamp: int, publish: Callable[[Effects], None], log: logging.Logger
) -> None:
    """Carry out writing requests in one transaction; they are answered after its commit.

    A request that is refused does not harm its neighbours; a transaction that fails, fails for all of them.
    """
    try:
        with store.transaction() as transaction:
            work = Work(transaction, stamp)
            outcomes = [_outcome(call, work) for call in calls]
    except HostCrash:
        for call in calls:
            fail(call, EngineStopped("The host has crashed."))
        raise
    except Exception as error:  # noqa: BLE001  the disk is full, say: the callers have to know
        log.error("requests could not be written: %r", error)
        for call in calls:
            fail(call, error)
        return
    publish(work.effects)
    for call, outcome in zip(calls, outcomes, strict=True):
        _settle(call, outcome)


def answer(call: Call) -> None:
    """Carry out a request that does not write."""
    try:
        outcome = call.function()
    except Exception as error:  # noqa: BLE001  handed to the caller
        outcome = _Raised(error)
    _settle(call, outcome)


def fail(call: Call, error: Exception) -> None:
    """Answer a request with an error."""
    _settle(call, _Raised(error))


def _outcome(call: Call, work: Work) -> Any:
    """Run a writing request. One that is refused is so before it writes; any other error undoes them all."""
    try:
        return call.function(work)
    except RequestError as error:
        return _Raised(error)


def _settle(call: Call, outcome: Any) -> None:
    if not call.future.set_running_or_notify_cancel():
        return
    if isinstance(outcome, _Raised):
        call.future.set_exception(outcome.error)
    else:
        call.future.set_result(outcome)
