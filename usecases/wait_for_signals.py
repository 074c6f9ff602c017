"""The waiting side of signals: note the wait, read what is new, end the wait. Each may be done twice."""

from __future__ import annotations

import logging

from invoicing.records.signals import ReadJob, Signal, SignalsRead, SignalWait, WaitEnded, WaitPlace
from invoicing.signals.offering import MOST_OF_A_WAIT, offered
from stores import signals
from stores.blobs import Blobs
from stores.signals import Folder

#: Signals that one step answers, and bytes of them: each replay reads the answers again.
MOST_AT_ONCE = 50
MOST_BYTES = 24 * 1024


def open_wait(blobs: Blobs, place: WaitPlace) -> SignalsRead:
    """Note that a workflow waits, then read what came before.

    In this order, so that a signal that comes meanwhile is found here or wakes the workflow. What an earlier
    run of the same instance was given is given again: it begins from the beginning.
    """
    wait = _fresh(place)
    signals.note(blobs, wait)
    return _read(blobs, wait, signals.folder(blobs, place.kind, place.key), after=0)


def read(blobs: Blobs, job: ReadJob) -> SignalsRead:
    """What came since; the same again where the step is repeated.

    A wait that somebody removed is noted again, from the beginning: the workflow knows what it was given.
    """
    found = signals.folder(blobs, job.kind, job.key)
    wait = next((one for one in found.waits if one.instance == job.instance), None)
    if wait is None:
        return open_wait(blobs, job)
    if wait.event != job.event:  # an older run of the instance, which is over
        return SignalsRead(signals=(), upto=job.after, more=False)
    return _read(blobs, wait, found, job.after)


def close_wait(blobs: Blobs, place: WaitPlace) -> WaitEnded:
    """Note that a wait has ended: what it was given is for nobody else then."""
    wait = signals.wait_of(blobs, place.kind, place.key, place.instance)
    if wait is None or wait.event != place.event:
        return WaitEnded(taken=0)
    if wait.ended is None:
        signals.note(blobs, wait.model_copy(update={"ended": place.at}))
    return WaitEnded(taken=len(wait.taken))


def _fresh(place: WaitPlace) -> SignalWait:
    return SignalWait(
        kind=place.kind, key=place.key, instance=place.instance, event=place.event, opened=place.at
    )


def _read(blobs: Blobs, wait: SignalWait, found: Folder, after: int) -> SignalsRead:
    fresh = offered(found.came, found.waits, wait)
    room = MOST_OF_A_WAIT - len(wait.taken)
    if len(fresh) > room:
        logging.error("a wait of run %s for %s has all the signals it may have", wait.instance, wait.kind)
    if fresh[:room]:
        # Before they are given: a repeated step has to give the same in the same order.
        wait = wait.model_copy(update={"taken": (*wait.taken, *fresh[:room])})
        signals.note(blobs, wait)
    return _page(wait, found, after)


def _page(wait: SignalWait, found: Folder, after: int) -> SignalsRead:
    page: list[Signal] = []
    size = 0
    upto = after
    for name in wait.taken[after : after + MOST_AT_ONCE]:
        signal = found.came.get(name)
        size += len(signal.as_json()) if signal else 0
        if page and size > MOST_BYTES:
            break
        upto += 1
        if signal is None:
            logging.error("a signal of kind %s that run %s waits for is gone", wait.kind, wait.instance)
        else:
            page.append(signal)
    return SignalsRead(signals=tuple(page), upto=upto, more=upto < len(wait.taken))
