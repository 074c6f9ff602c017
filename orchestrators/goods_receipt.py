"""An invoice waits for its goods: three-way match of ordered, received and billed quantity.

Goods come in parts, and whoever counts them says so: a scale, a scanner, a person. After each part
(`orchestrators/signals.py`) the invoice is compared again with all that is stored. It goes on when everything
matches, when something does not match whatever else may come, or when its time is over; then the rules of the
policy say who has to look at it.
"""

from __future__ import annotations

from collections.abc import Generator
from typing import Any

import azure.durable_functions as df

from invoicing.records.goods import GOODS_RECEIVED
from invoicing.records.goods_steps import (
    GOODS_RECEIPT,
    LOOK_AT_GOODS,
    GoodsJob,
    GoodsLook,
    GoodsNow,
    GoodsProgress,
    GoodsResult,
)
from invoicing.records.problem import Problem
from orchestrators.retry import ActivityGaveUp
from orchestrators.signals import SignalWait
from orchestrators.steps import call, call_child, input_of

bp = df.Blueprint()


@bp.orchestration_trigger(context_name="context")
def goods_receipt(context: df.DurableOrchestrationContext) -> Generator[Any, Any, Any]:
    """Wait until the goods of an invoice are there, or its time is over. Never raises.

    Custom status: a `GoodsProgress`.
    """
    job = input_of(context, GOODS_RECEIPT)
    try:
        result = yield from _received(context, job)
    except ActivityGaveUp as failure:
        error = Problem(code="goods_failed", message=str(failure))
        result = GoodsResult(outcome="failed", error=error)
    if result is None:
        # What is known of the invoice is stored. An event that gets lost now is found by the next reading.
        context.continue_as_new(GOODS_RECEIPT.written_input(job.model_copy(update={"continues": True})))
        return None
    return GOODS_RECEIPT.written_output(result)


def await_goods(
    context: df.DurableOrchestrationContext, job: GoodsJob, instance: str
) -> Generator[Any, Any, None]:
    """Have an invoice wait for its goods, as a part of this run. Raises ActivityGaveUp."""
    result = yield from call_child(context, GOODS_RECEIPT, job, instance)
    if result.outcome == "failed":
        raise ActivityGaveUp(result.error.message if result.error else "the goods could not be waited for")


def _received(
    context: df.DurableOrchestrationContext, job: GoodsJob
) -> Generator[Any, Any, GoodsResult | None]:
    """Wait, and look after each signal. None: it has waited for long, and shall continue as new."""
    wait = SignalWait(context, GOODS_RECEIVED, job.key, continues=job.continues)
    yield from wait.open()
    state = yield from _look(context, job)
    while state.ended is None and not wait.is_long:
        yield from wait.next(state.next)
        state = yield from _look(context, job)
    yield from wait.close()
    if state.ended is None:
        return None
    return GoodsResult(outcome="ended", ended=state.ended)


def _look(context: df.DurableOrchestrationContext, job: GoodsJob) -> Generator[Any, Any, GoodsNow]:
    """Compare with what is stored by now: it has all that a signal said, and more."""
    look = GoodsLook(ref=job.ref, run=job.run, at=context.current_utc_datetime)
    state = yield from call(context, LOOK_AT_GOODS, look)
    progress = GoodsProgress(
        order=job.key,
        ended=state.ended,
        until=state.until,
        receipts=state.receipts,
        lines=state.lines,
        of=state.of,
        reminders=state.reminders,
    )
    context.set_custom_status(progress.as_plain())
    return state
