"""A sweep from its beginning to its end, apart from the windows (`sweep_window`).

Whether a sweep became a batch is decided once, in storage. Before that, what it has claimed is its own for as
long as its work is noted with the supervisor. Where it is not noted any more (somebody ended the run), the
next sweep gives it up, and what it had claimed is free again. Only what is stored for good is ever deleted.
"""

from __future__ import annotations

import logging
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

from adapters import policies
from adapters.services import Services
from invoicing import taken as claims
from invoicing.records.batch import BatchRecord, Manifest
from invoicing.records.batch_steps import PROCESS_BATCH, BatchJob
from invoicing.records.supervision import OpenWork
from invoicing.records.sweep import SweepEnd, SweptBlob, SweptWindow
from invoicing.records.sweep_steps import Cleared, ClearJob, SweepJob, SweepStored
from invoicing.sweeps import batch_of, source_of
from invoicing.taken import Taken, key_of, owner_of
from stores import supervised
from stores.batches import BatchStore
from stores.blobs import BlobConflict
from stores.swept import SweepStore, TakenStore, sweeps_kept
from usecases.standing import tell_of_end

#: How long it is remembered that a sweep was given up: a step of it may still be at work somewhere.
REMEMBERED = timedelta(days=7)
_AT_ONCE = 8


def begin(services: Services, job: SweepJob) -> None:
    """See that documents can be checked and approved, make the container, and free what was abandoned.

    Raises RulesMissing and PolicyInvalid: better nothing taken than what no worker can check.
    """
    _ = services.checker
    policies.load(services.settings)
    if job.only is not None:
        return
    services.swept(job.container).make_container()
    given_up = [sweep for sweep in sweeps_kept(services.blobs).items() if _is_given_up(services, job, *sweep)]
    if not given_up:
        return
    names = {sweep for sweep, _ in given_up}
    TakenStore(services.blobs).rewrite(lambda taken: claims.given_back(taken, names))
    for sweep in names:
        SweepStore(services.blobs, sweep).forget(end=False)


def _is_given_up(services: Services, job: SweepJob, sweep: str, has_ended: bool) -> bool:
    """Whether another sweep was given up, now or before."""
    if sweep == job.sweep:
        return False
    store = SweepStore(services.blobs, sweep)
    if has_ended:
        end = store.end()
        return end is not None and end.outcome == "given_up"
    if supervised.is_noted(services.blobs, sweep):
        return False
    end = store.decide(SweepEnd(outcome="given_up", at=services.clock()))
    if end.outcome == "given_up":
        logging.warning("the sweep %s was ended before its end: what it had taken is free again", sweep)
        BatchStore(services.blobs).forget_division(batch_of(sweep))
    return end.outcome == "given_up"


def store(services: Services, job: SweepJob) -> SweepStored:
    """Make a batch of what the windows took, and have it started. Repeating it changes nothing."""
    kept, batches = SweepStore(services.blobs, job.sweep), BatchStore(services.blobs)
    windows = kept.windows()
    end = kept.end()
    if end is None and batches.exists(job.batch):
        manifest = batches.manifest_if_any(job.batch) or Manifest()
        return SweepStored(outcome="stored", documents=manifest.documents)  # it was finished before
    if end is None:
        manifest = _manifest(windows)
        if manifest.documents:
            batches.divide(job.batch, manifest)
        outcome = "stored" if manifest.documents else "empty"
        documents, chunks = manifest.documents, manifest.chunks
        end = kept.decide(SweepEnd(outcome=outcome, at=services.clock(), documents=documents, chunks=chunks))
    _give_back_unpacked(services, job, windows)
    if end.outcome == "stored":
        _hand_over(services, job, end)
    number = windows[-1].place.window + 1 if windows else 0
    return SweepStored(outcome=end.outcome, documents=end.documents, windows=number)


def _give_back_unpacked(services: Services, job: SweepJob, windows: list[SweptWindow]) -> None:
    """What a window had claimed that was never packed is free for the next sweep.

    A run that was lost in the middle of it may have been started again after the time of the sweep.
    """
    owners = {owner_of(job.sweep, one.place.window) for one in windows if one.state != "packed"}
    if owners:
        TakenStore(services.blobs).rewrite(
            lambda taken: {key: owner for key, owner in taken.items() if owner not in owners}
        )


def _manifest(windows: list[SweptWindow]) -> Manifest:
    """How the documents of the windows are divided."""
    packed = [window for window in windows if window.state == "packed"]
    return Manifest(
        lasts=tuple(last for window in packed for last in window.lasts),
        refused=tuple(n for window in packed for n in window.refused),
    )


def _hand_over(services: Services, job: SweepJob, end: SweepEnd) -> None:
    """List the batch, see that who is told of all batches is told of its end, note its work, and have it
    started, in this order; each may be done twice.
    """
    source = source_of(job, end.at)
    record = BatchRecord(job.batch, end.at, job.sweep, source)
    batches = BatchStore(services.blobs)
    try:
        batches.create(record)
    except BlobConflict:
        record = batches.record(job.batch)
    batches.prepare(record, None)
    tell_of_end(services, "batch", job.batch, None)
    value = PROCESS_BATCH.written_input(BatchJob(batch=job.batch, source=source, approval=True))
    work = OpenWork(instance=job.batch, orchestrator=PROCESS_BATCH.name, input=value)
    supervised.note(services.blobs, work)
    services.start_detached(PROCESS_BATCH.name, job.batch, value)


def clear(services: Services, job: ClearJob) -> Cleared:
    """Delete the blobs that a window took, each in the version that was taken, and forget the window.

    What was not stored (too large, gone, changed) is left where it is, and counts as taken.
    """
    kept = SweepStore(services.blobs, job.sweep)
    found = kept.window(job.window)
    if found is None:
        return Cleared()
    window, _ = found
    container = services.swept(job.container)
    refused = set(window.refused)
    stored = [blob for n, blob in enumerate(window.blobs, window.place.n) if n not in refused]

    def delete(blob: SweptBlob) -> bool:
        return container.delete_version(blob.name, blob.etag)

    with ThreadPoolExecutor(_AT_ONCE) as deleters:
        deleted = sum(deleters.map(delete, stored))
    keys = {key_of(job.container, blob) for blob in stored}
    owner = owner_of(job.sweep, job.window)

    def without(taken: Taken) -> Taken:
        return {key: who for key, who in taken.items() if who != owner or key not in keys}

    TakenStore(services.blobs).rewrite(without)
    kept.forget_window(job.window)
    return Cleared(deleted=deleted, kept=len(stored) - deleted)


def finish(services: Services, job: SweepJob) -> None:
    """Forget how the sweep went; after one of the whole container, forget as well what is not there
    any more.

    That one was given up is remembered for a time.
    """
    kept = SweepStore(services.blobs, job.sweep)
    end = kept.end()
    kept.forget(end=end is None or end.outcome != "given_up")
    if job.only is None:
        _tidy(services, job.container)


def _tidy(services: Services, container: str) -> None:
    """Keep of what was taken only what still lies in the container, so that it never grows without an end."""
    under_way = sweeps_kept(services.blobs)
    taken = TakenStore(services.blobs)
    # Before the listing: what was taken by then and is not listed is gone for good, since a version never
    # comes back.
    before = taken.owners()
    if before:
        listed = services.swept(container).list("")
        there = {key_of(container, SweptBlob(name=one.name, etag=one.etag, size=one.size)) for one in listed}
        gone = claims.gone(before, there, under_way)
        taken.rewrite(lambda found: {key: owner for key, owner in found.items() if key not in gone})
    for sweep in (sweep for sweep, has_ended in under_way.items() if has_ended):
        store = SweepStore(services.blobs, sweep)
        end = store.end()
        if end is not None and end.outcome == "given_up" and services.clock() - end.at > REMEMBERED:
            store.forget(end=True)
