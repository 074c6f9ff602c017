"""A run of retention, step by step: find what is old, purge it window by window, and keep what was done."""

from __future__ import annotations

import logging
from datetime import datetime, timedelta

from adapters.failure_log import kind_and_place
from adapters.services import Services
from invoicing.records.retention import KeptThing, Place, RetentionRun
from invoicing.records.retention_steps import Begun, OldThings, Purged, PurgeJob, RetentionJob
from stores import retention_runs, things
from stores.archives import ArchiveDiffers
from stores.blobs import StorageRefused, StorageUnavailable
from stores.records import RecordDamaged
from stores.things import OpenNow
from usecases.purge_thing import Outcome, purge_thing
from usecases.purge_thing import Place as PurgePlace

#: Entries of a page of the listings, and pages that one look goes through at most.
PAGE, PAGES = 100, 200
#: How long one window of things may take.
WINDOW_SECONDS = 20


def begin(services: Services, job: RetentionJob) -> Begun:
    """Where a run begins. One that was lost goes on where it was, by what it kept of itself."""
    kept = retention_runs.of(services.blobs, job.run) if job.again else None
    if kept is not None:
        # One that was lost at its very end has no place left to go on at.
        place = kept.rest if kept.ended else kept.rest or job.place
        again = kept.model_copy(update={"ended": None, "outcome": "running", "error": None})
        return Begun(run=again, place=place)
    retention_runs.keep(services.blobs, job.run)
    return Begun(run=job.run, place=job.place)


def find_old(services: Services, place: Place) -> OldThings:
    """The next things that may be old enough, by one page of the listing that has any."""
    terms = services.settings.retention.terms
    shortest = terms.shortest(place.kind)
    oldest_young: datetime | None = None
    page: Place | None = place
    for _ in range(PAGES):
        if page is None or shortest is None or page.kind != place.kind:
            break
        found = _page(services, page, services.clock() - shortest)
        born = [at for at in (oldest_young, found.oldest_young) if at is not None]
        oldest_young = min(born, default=None)
        page = _onward(services, page, found.next_page)
        if found.ids:
            return OldThings(ids=found.ids, place=page, next=_due(oldest_young, shortest))
    onward = page if page != place else _onward(services, place, None)
    return OldThings(ids=(), place=onward, next=_due(oldest_young, shortest))


def _page(services: Services, place: Place, before: datetime) -> things.Candidates:
    try:
        return things.candidates(services.blobs, place.kind, place.page, PAGE, before)
    except StorageRefused:
        if place.page is None:
            raise
        # A token that was kept for too long: the listing begins anew, and what is gone is not found again.
        return things.candidates(services.blobs, place.kind, None, PAGE, before)


def _onward(services: Services, place: Place, next_page: str | None) -> Place | None:
    """The next page of this kind, or the first one of the next kind; None: that was all."""
    if next_page is not None:
        return Place(kind=place.kind, page=next_page)
    kinds = services.settings.retention.terms.kinds
    if place.kind == "batch" and "invoice" in kinds:
        return Place(kind="invoice")
    return None


def _due(oldest_young: datetime | None, shortest: timedelta | None) -> datetime | None:
    return oldest_young + shortest if oldest_young is not None and shortest is not None else None


def purge_old(services: Services, job: PurgeJob) -> Purged:
    """Look at some old things, and archive and purge those that may go, as far as the time goes.

    One that cannot be archived stays, is counted, and does not keep the others. Repeating it gives the same
    counts. Raises StorageUnavailable; an archive that refuses, or gives back something else, ends the run.
    """
    run = job.run.model_copy(update={"windows": job.run.windows + 1})
    place = _place(services, f"{run.id}.{run.windows}")
    is_open = things.open_now(services.blobs)
    ends = services.clock() + timedelta(seconds=WINDOW_SECONDS)

    left = job.ids
    while left and run.error is None:
        run = _with(run, place, left[0], is_open, services.clock())
        left = left[1:] if run.error is None else left
        if services.clock() >= ends:
            break
    retention_runs.keep(services.blobs, run)
    return Purged(run=run, left=left)


def _with(run: RetentionRun, place: PurgePlace, thing: str, is_open: OpenNow, now: datetime) -> RetentionRun:
    """The run after one more thing."""
    try:
        outcome = purge_thing(place, thing, is_open, now)
    except StorageUnavailable:
        raise
    except (StorageRefused, ArchiveDiffers) as error:
        return run.model_copy(update={"error": str(error)[:300]})
    except RecordDamaged as error:
        outcome = Outcome(kept=KeptThing(id=thing, why="fault", text=str(error)[:300]))
    except Exception as error:  # noqa: BLE001 - the others are to be looked at all the same
        logging.error("retention could not purge %s: %s", thing, kind_and_place(error))
        text = "It could not be archived; the log has the details."
        outcome = Outcome(kept=KeptThing(id=thing, why="fault", text=text))

    run = run.model_copy(update={"looked": run.looked + 1})
    if outcome.kept is not None:
        return run.with_kept(outcome.kept)
    if outcome.counts is not None:
        return run.model_copy(update={"counts": run.counts.plus(outcome.counts)})
    return run


def _place(services: Services, window: str) -> PurgePlace:
    settings = services.settings.retention
    return PurgePlace(
        blobs=services.blobs,
        archive=services.archive,
        container=settings.archive_container or services.settings.container,
        terms=settings.terms,
        archive_documents=settings.archive_documents,
        window=window,
    )


def end(services: Services, run: RetentionRun) -> RetentionRun:
    """Keep how a run ended. Repeating it keeps the same."""
    retention_runs.keep(services.blobs, run)
    return run
