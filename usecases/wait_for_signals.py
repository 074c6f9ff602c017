"""The waiting side of signals: note the wait, read what is new, end the wait. Each may be done twice.

Each request of the storage takes milliseconds, so what a wait was given is not written down when it is given:
it tells of it when it reads again, or when it ends.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable

from invoicing.records.signals import CloseJob, ReadJob, Signal, SignalsRead, SignalWait, WaitEnded, WaitPlace
from invoicing.signals.offering import MOST_OF_A_WAIT, offered
from stores import signals
from stores.blobs import Blobs
from stores.records import RecordDamaged
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
    found = signals.folder(blobs, place.kind, place.key)
    for older in found.waits:
        if older.instance == wait.instance and older.event != wait.event and older.ended is None:
            signals.forget_wait(blobs, older)
    return _page(wait, found)


def read(blobs: Blobs, job: ReadJob) -> SignalsRead:
    """What came since; where the step is repeated it may be more.

    A wait that somebody removed is noted again, from the beginning: the workflow knows what it was given.
    """
    found = signals.folder(blobs, job.kind, job.key)
    noted = next((one for one in found.waits if one.event == job.event), None)
    wait = _with(noted or _fresh(job), job.given)
    if wait != noted:
        signals.note(blobs, wait)
    return _page(wait, found)


def close_wait(blobs: Blobs, job: CloseJob) -> WaitEnded:
    """Note that a wait has ended: what it was given is for nobody else then."""
    before = _noted(blobs, _fresh(job)) if job.told else None
    wait = _with(before or _fresh(job), job.given)
    if wait.taken:
        signals.note(blobs, wait.model_copy(update={"ended": job.now}))
    else:
        signals.forget_wait(blobs, wait)
    return WaitEnded(taken=len(wait.taken))


def _noted(blobs: Blobs, wait: SignalWait) -> SignalWait | None:
    """How a wait stands, as far as that can be read: a damaged note must not end the work that waited."""
    try:
        return signals.wait_of(blobs, wait)
    except RecordDamaged as error:
        logging.error("what a wait of run %s was given cannot be read: %s", wait.instance, error)
        return None


def _fresh(place: WaitPlace) -> SignalWait:
    return SignalWait(
        kind=place.kind,
        key=place.key,
        instance=place.instance,
        event=place.event,
        opened=place.at,
        continues=place.continues,
    )


def _with(wait: SignalWait, given: Iterable[str]) -> SignalWait:
    """The wait with what it was given besides."""
    taken = tuple(dict.fromkeys((*wait.taken, *given)))
    return wait if taken == wait.taken else wait.model_copy(update={"taken": taken})


def _page(wait: SignalWait, found: Folder) -> SignalsRead:
    fresh = offered(found.came, found.waits, wait)
    room = MOST_OF_A_WAIT - len(wait.taken)
    if len(fresh) > room:
        logging.error("a wait of run %s for %s has all the signals it may have", wait.instance, wait.kind)
        fresh = fresh[:room]

    page: list[Signal] = []
    size = 0
    for name in fresh[:MOST_AT_ONCE]:
        size += len(found.came[name].as_json())
        if page and size > MOST_BYTES:
            break
        page.append(found.came[name])
    return SignalsRead(signals=tuple(page), more=len(page) < len(fresh))
