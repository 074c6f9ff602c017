"""Notify: note what has to be told to whom, and have each message sent apart from the approval."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import azure.durable_functions as df

from adapters import notices, services
from adapters.blobs import BlobConflict
from adapters.notices import Notice
from adapters.records import RecordDamaged
from adapters.services import Services

bp = df.Blueprint()

_KNOWN = ("approval", "kind", "stage", "to")


@bp.activity_trigger(input_name="job")
def notify(job: dict) -> dict:
    """Queue one message per person and channel.

    Input: `{"approval", "kind", "stage", "to": [persons], "deadline"?: ISO time, "author"?, "comment"?,
    "outcome"?, "number"?}`; kinds are those of `adapters.messages.KINDS`. The ids of the messages are made of
    the whole input, so that repeating it queues nothing new; what may be told more than once (reminders,
    questions) has a `number` in it.
    Output: `{"queued": n}`. It waits for no channel.
    """
    here, created = services.current(), datetime.now(UTC).isoformat(timespec="milliseconds")
    return {"queued": sum(_queue(here, notice) for notice in _notices(here, job, created))}


def _notices(here: Services, job: dict[str, Any], created: str) -> Iterator[Notice]:
    details = {name: value for name, value in job.items() if name not in _KNOWN}
    persons = tuple(dict.fromkeys(person for person in job["to"] if person))
    for channel in here.settings.channels.names:
        # A channel of Teams is read by everybody in it: one card for all, not one for each.
        groups = [persons] if channel == "teams" else [(person,) for person in persons]
        for to in groups:
            yield Notice(
                id=notices.notice_id(job, channel, to),
                approval=job["approval"],
                kind=job["kind"],
                stage=job.get("stage") or "",
                channel=channel,
                to=to,
                created=created,
                details=details,
            )


def _queue(here: Services, notice: Notice) -> int:
    """Note the message first, so that one whose start gets lost is seen as still queued; 1 if it is new."""
    try:
        here.blobs.create(notices.blob_name(notice.approval, notice.id), notices.to_bytes(notice))
    except BlobConflict:
        if not _is_queued(here, notice):
            return 0
    job = {"approval": notice.approval, "notice": notice.id}
    here.start_detached("notification", notice.id, job)
    return 1


def _is_queued(here: Services, notice: Notice) -> bool:
    """Whether the message that was noted before has not been tried; one that cannot be read is noted anew."""
    try:
        return notices.read(here.blobs, notice.approval, notice.id).state == "queued"
    except RecordDamaged:
        notices.write(here.blobs, notice)
        return True
