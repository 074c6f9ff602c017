"""What is to be done about a run that ended Failed, or is gone, while its work is not finished. Pure.

On the real host, an orchestration whose worker process dies at the wrong moment ends Failed for good. All our
orchestrators continue from what is stored when they are started again, so such a run is started again under
its own id: a few times, with growing pauses. A run that failed of itself has a fault, and a person must look.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from invoicing.failures import cause_of, error_type, first_line
from invoicing.records.api_calls import API_CALLS
from invoicing.records.batch_approvals_steps import BATCH_APPROVALS, BATCH_DOCUMENT, approvals_instance
from invoicing.records.batch_steps import PROCESS_BATCH
from invoicing.records.callbacks import CALLBACK
from invoicing.records.goods_steps import goods_instance
from invoicing.records.invoice_steps import PROCESS_INVOICE
from invoicing.records.mailbox_steps import MAIL_ANSWER, MAILBOX
from invoicing.records.message_steps import DIGEST, NOTIFICATION
from invoicing.records.retention_steps import RETENTION
from invoicing.records.supervision import Case, CaseState, FailedRun, OpenWork, Verdict
from invoicing.records.supplier_checks import SUPPLIER_CHECK
from invoicing.records.sweep_steps import SWEEP

#: Pauses before each new start: a lost worker is replaced in seconds, a bad deployment takes longer to mend.
PAUSES = tuple(timedelta(seconds=seconds) for seconds in (0, 10, 60, 300, 900, 3600, 14400))
#: A run that has held on for so long since its last start begins with a clean sheet.
RECOVERED_AFTER = timedelta(hours=1)

#: Orchestrations that are nobody's part: each is started again by the supervisor. The parts are called again
#: by the run that they belong to.
ROOTS = frozenset(
    step.name
    for step in (
        API_CALLS,
        PROCESS_BATCH,
        PROCESS_INVOICE,
        BATCH_APPROVALS,
        BATCH_DOCUMENT,
        RETENTION,
        DIGEST,
        NOTIFICATION,
        CALLBACK,
        SWEEP,
        MAILBOX,
        MAIL_ANSWER,
        SUPPLIER_CHECK,
    )
)

#: The reason of a case whose run the task hub does not know.
GONE = "The run is gone from the task hub, and its work is not finished."
_STALE = timedelta(seconds=5)


def parts_of(work: OpenWork, approval: str | None) -> tuple[str, ...]:
    """The instances with ids of their own that a run may have called, and that may go on without it.

    `approval`: the one that its invoice was routed to, where it has one.
    """
    if work.orchestrator == PROCESS_BATCH.name:
        return (approvals_instance(work.instance),) if work.input.get("wait") else ()
    approvals = (approval,) if approval else ()
    waits_for_goods = work.orchestrator == PROCESS_INVOICE.name or work.input.get("goods")
    return (goods_instance(work.instance), *approvals) if waits_for_goods else approvals


def due(case: Case) -> datetime | None:
    """When a case is started again; None: not of itself, it is stuck or was closed."""
    if case.closed is not None:
        return None
    if case.wanted is not None:
        return case.wanted
    if not case.is_lost or case.restarts >= len(PAUSES):
        return None
    return case.failed + PAUSES[case.restarts]


def state(case: Case) -> CaseState:
    """How a case stands."""
    if case.is_running:
        return "running"
    return "waiting" if due(case) else "stuck"


def verdict(case: Case, now: datetime) -> Verdict:
    """What is to be done about a case now."""
    if case.is_running:
        return "wait"
    start = due(case)
    if start is None:
        return "stuck"
    return "restart" if now >= start else "wait"


def wanted_again(case: Case, now: datetime) -> Case:
    """The case after a person asked for one more start, stuck or not."""
    return case.model_copy(update={"wanted": now, "is_running": False, "closed": None})


def closed(case: Case, now: datetime) -> Case:
    """The case after a person said that nothing more is to be done about it."""
    return case.model_copy(update={"closed": now, "is_running": False, "wanted": None})


def started_again(case: Case, now: datetime) -> Case:
    """The case after one more start."""
    changes = {
        "restarts": case.restarts + 1,
        "restarted": now,
        "wanted": None,
        "is_running": True,
        "closed": None,
    }
    return case.model_copy(update=changes)


def has_held(case: Case, now: datetime) -> bool:
    """Whether a run that goes on has done so for long enough to be forgotten as a case."""
    return case.restarted is not None and now - case.restarted >= RECOVERED_AFTER


def case_of(run: FailedRun, seen: datetime, before: Case | None) -> Case:
    """The case of a run that was seen Failed at some moment; `before` is what was known of it."""
    is_lost = cause_of(run.failure) == "lost"
    return _case(run.work, first_line(run.failure), is_lost, seen, before)


def gone_case(work: OpenWork, seen: datetime, before: Case | None) -> Case:
    """The case of a run that the task hub does not know though its work is not finished."""
    return _case(work, GONE, True, seen, before)


def _case(work: OpenWork, reason: str, is_lost: bool, seen: datetime, before: Case | None) -> Case:
    """A failure that is known changes nothing: its pause has begun.

    Nor does one that was listed right when the run was started again: it may be the old one.
    """
    if before is not None and not before.is_running:
        return before
    if before is not None and before.restarted is not None and seen - before.restarted < _STALE:
        return before
    return Case(
        instance=work.instance,
        orchestrator=work.orchestrator,
        input=work.input,
        reason=reason,
        is_lost=is_lost,
        failed=seen,
        restarts=before.restarts if before else 0,
        restarted=before.restarted if before else None,
    )


def kind(case: Case) -> str:
    """Why a run did not end as it should, for the log: the type of its error, else `lost` or `failed`.

    The reason may quote an invoice.
    """
    return error_type(case.reason) or ("lost" if case.is_lost else "failed")


def advice(case: Case) -> str:
    """What a person can do about a case, in words."""
    if case.is_running:
        return "It was started again, and runs."
    if due(case) is not None:
        return "It is started again by itself."
    if case.is_lost:
        return "It was lost again and again. See that the workers are well, then start it again."
    return "It failed of itself. Read the reason and the log, mend the cause, then start it again."
