"""One chunk of a batch: check its documents; find and set aside the one that cannot be processed.

An activity that raises says nothing about which of its documents is to blame. So a range that keeps
failing is halved until one document is left; that one is set aside and named in the report, and the rest
goes on.
"""

from __future__ import annotations

from collections.abc import Generator
from typing import Any

import azure.durable_functions as df

from invoicing.batching import halves
from invoicing.tally import add_counts
from orchestrators.retry import ActivityGaveUp, call_with_retry

bp = df.Blueprint()


@bp.orchestration_trigger(context_name="context")
def batch_chunk(context: df.DurableOrchestrationContext) -> Generator[Any, Any, dict]:
    """Check the documents of one chunk.

    Input: `{"batch", "chunk", "today": ISO date, "again"?: bool}`.
    Output: `{"outcome": "ok" | "stopped" | "failed", "counts": {outcome: documents}}`; never raises.
    """
    try:
        return (yield from _check_range(context, context.get_input() or {}))
    except ActivityGaveUp as failure:
        return {"outcome": "failed", "counts": {}, "error": str(failure)}


def _check_range(
    context: df.DurableOrchestrationContext, job: dict[str, Any]
) -> Generator[Any, Any, dict[str, Any]]:
    """`job` is the chunk, or a range of it by `first` and `last`, both included."""
    counts: dict[str, int] = {}
    while True:
        part = yield from _check_once(context, job)
        counts = add_counts(counts, part["counts"])
        if part["outcome"] != "ok" or "rest" not in part:
            return {**part, "counts": counts}
        # Documents took long, so the call ended before the host's time limit.
        job = {**job, **part["rest"]}


def _check_once(
    context: df.DurableOrchestrationContext, job: dict[str, Any]
) -> Generator[Any, Any, dict[str, Any]]:
    """What `check_chunk` answers; where it keeps failing, the document to blame is found and set aside."""
    try:
        return (yield from call_with_retry(context, "check_chunk", job))
    except ActivityGaveUp as failure:
        reason = str(failure)
    if "first" not in job:
        job = {**job, **(yield from call_with_retry(context, "find_chunk_bounds", job))}
    if job["first"] == job["last"]:
        return (yield from call_with_retry(context, "set_aside", {**job, "reason": reason}))
    counts: dict[str, int] = {}
    for first, last in halves(job["first"], job["last"]):
        part = yield from _check_range(context, {**job, "first": first, "last": last})
        if part["outcome"] != "ok":
            return part
        counts = add_counts(counts, part["counts"])
    return {"outcome": "ok", "counts": counts}
