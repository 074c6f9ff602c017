"""What the runs of retention did, and what each leaves for the one that purges the task hub."""

from __future__ import annotations

from itertools import islice

from pydantic import TypeAdapter

from invoicing.records.retention import HubWalk, RetentionRun
from stores import records
from stores.blobs import BlobInfo, BlobMissing, Blobs
from stores.naming import newest_first
from stores.records import Listed, RecordDamaged

_RUNS = "retention/runs/"
_ENDED = "retention/ended/"
_WALK = "retention/hub-walk.json"

_RUN = TypeAdapter(RetentionRun)
_WALKED = TypeAdapter(HubWalk)


def keep(blobs: Blobs, run: RetentionRun) -> None:
    """Keep what a run did so far, over what was known of it."""
    blobs.write(_name(run), run.as_json())


def of(blobs: Blobs, run: RetentionRun) -> RetentionRun | None:
    """What is kept of a run; None where it has done nothing yet. Raises RecordDamaged."""
    try:
        return records.from_json(_RUN, _name(run), blobs.read(_name(run)))
    except BlobMissing:
        return None


def newest(blobs: Blobs, most: int) -> Listed[RetentionRun]:
    """The last runs, the newest first; damaged ones are named."""

    def read(blob: BlobInfo) -> RetentionRun | None:
        try:
            return records.from_json(_RUN, blob.name, blobs.read(blob.name))
        except BlobMissing:
            return None

    return records.each(blobs.page(_RUNS, most, None).blobs, read)


# ---------------------------------------------------------------- the task hub


def leave_instances(blobs: Blobs, thing: str) -> None:
    """Note that a thing is purged, so that its instances are purged from the task hub as well."""
    blobs.write(f"{_ENDED}{thing}", b"")


def left_instances(blobs: Blobs, most: int) -> list[str]:
    """Some things whose instances are still to be purged."""
    return [blob.name.removeprefix(_ENDED) for blob in islice(blobs.list(_ENDED), most)]


def instances_gone(blobs: Blobs, thing: str) -> None:
    """The instances of a thing are gone."""
    blobs.delete(f"{_ENDED}{thing}")


def walk(blobs: Blobs) -> HubWalk:
    """How far the walk over the task hub has come; from the beginning where that cannot be read."""
    try:
        return records.from_json(_WALKED, _WALK, blobs.read(_WALK))
    except (BlobMissing, RecordDamaged):
        return HubWalk()


def keep_walk(blobs: Blobs, walked: HubWalk) -> None:
    """Keep how far the walk has come."""
    blobs.write(_WALK, walked.as_json())


def _name(run: RetentionRun) -> str:
    return f"{_RUNS}{newest_first(run.began)}-{run.id}.json"
