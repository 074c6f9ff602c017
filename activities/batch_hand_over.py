"""Hand a batch over to approval: start it apart, open its documents, and count what is settled."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor

import azure.durable_functions as df

from adapters import services
from invoicing.approval import names
from invoicing.supervision import OpenWork
from stores import batch_names, supervised
from stores.blobs import Blobs

bp = df.Blueprint()

_STARTS_AT_ONCE = 8


@bp.activity_trigger(input_name="job")
def start_approvals(job: dict) -> dict:
    """Have the approvals of a batch started apart from it. Input: the one of `batch_approvals`.

    Output: `{"started": instance id}`. Repeating it finds the one that was started.
    """
    here = services.current()
    instance = f"{job['batch']}-approvals"
    supervised.note(here.blobs, OpenWork(instance=instance, orchestrator="batch_approvals", input=job))
    here.start_detached("batch_approvals", instance, job)
    return {"started": instance}


@bp.activity_trigger(input_name="job")
def open_documents(job: dict) -> dict:
    """Have the documents of one window started, each a run of its own; those that are settled are left out.

    Input: `{"batch", "window": number from 0}`. Output: `{"opened": documents}`. Repeating it starts nothing
    twice: a document's run has an id that is made of the batch and its number.
    """
    here = services.current()
    batch = job["batch"]
    needed = json.loads(here.blobs.read(names.batch_window(batch, job["window"])))
    numbers = [n for n, _ in needed]
    settled = _settled(here.blobs, batch_names.settled_between(batch, min(numbers), max(numbers)))

    def start(n: int, approval: str) -> None:
        value = {"ref": f"{batch}/{n}", "approval": approval}
        here.start_detached("batch_document", f"{batch}-{n}", value)

    with ThreadPoolExecutor(_STARTS_AT_ONCE) as pool:
        started = [pool.submit(start, n, approval) for n, approval in needed if n not in settled]
        for one in started:
            one.result()
    return {"opened": len(started)}


@bp.activity_trigger(input_name="job")
def note_settled(job: dict) -> dict:
    """Note that a document of a batch needs nobody any more.

    Input: `{"ref": "b…/17", "status": "booked" | "rejected" | "expired" | "failed"}`. Output: `{"noted":
    true}`. Repeating it changes nothing.
    """
    reference = names.parse_reference(job["ref"])
    assert reference.n is not None  # only documents of batches come here
    blobs = services.current().blobs
    blobs.write(batch_names.settled(reference.owner, reference.n, job["status"]), b"")
    return {"noted": True}


@bp.activity_trigger(input_name="batch")
def count_settled(batch: str) -> dict:
    """How many documents are settled, by what became of them: `{status: documents}`. No blob is read."""
    counts: dict[str, int] = {}
    for status in _settled(services.current().blobs, batch_names.settled_all(batch)).values():
        counts[status] = counts.get(status, 0) + 1
    return counts


def _settled(blobs: Blobs, prefix: str) -> dict[int, str]:
    """What became of each document whose mark has a prefix, by its number.

    A document that was settled twice (its run was lost after it had noted it) was booked if either says so.
    """
    found: dict[int, str] = {}
    for blob in blobs.list(prefix):
        n, status = batch_names.parse_settled(blob.name)
        if found.get(n) != "booked":
            found[n] = status
    return found
