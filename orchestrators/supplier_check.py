"""The check of one supplier: all services are asked at the same time, those that are away once more later.

    ask all -> pause -> ask those that were away -> … until the deadline -> close

Started apart from the invoices that need it, once for each supplier: they look at what is stored. What a
service said is kept by the step that asked it, so an answer counts from the moment it is there, whatever the
others do.
"""

from __future__ import annotations

from collections.abc import Generator, Mapping
from datetime import timedelta
from typing import Any

import azure.durable_functions as df

from invoicing.records.supplier_checks import (
    ASK_SERVICE,
    CLOSE_CHECK,
    SUPPLIER_CHECK,
    AskServiceJob,
    CloseCheckJob,
    Said,
    ServiceTry,
    SupplierCheckJob,
    SupplierCheckResult,
)
from orchestrators.retry import ActivityGaveUp
from orchestrators.sdk import wait_for_all
from orchestrators.steps import call, input_of
from orchestrators.waiting import sleep_until

bp = df.Blueprint()

#: The pause before the second try of a service; each further one is twice as long.
FIRST_PAUSE = timedelta(seconds=2)
LONGEST_PAUSE = timedelta(minutes=1)


@bp.orchestration_trigger(context_name="context", orchestration=SUPPLIER_CHECK.name)
def supplier_check(context: df.DurableOrchestrationContext) -> Generator[Any, Any, Any]:
    """Ask all services about a supplier. Its types are those of `SUPPLIER_CHECK`; it never raises."""
    job = input_of(context, SUPPLIER_CHECK)
    said: dict[str, Said] = {}
    due = dict.fromkeys(job.services, context.current_utc_datetime)
    pauses = dict.fromkeys(job.services, FIRST_PAUSE)
    while due:
        yield from sleep_until(context, min(due.values()))
        now = context.current_utc_datetime
        ready = [service for service, moment in due.items() if moment <= now]
        # The last try is the one after which there is no time for another.
        last = {service: now + pauses[service] >= job.until for service in ready}
        tries = yield from _ask(context, job, last)

        for service, one in tries.items():
            said[service] = one.said
            del due[service]
            if one.again and not last[service]:
                pause = max(pauses[service], timedelta(seconds=one.after or 0))
                due[service] = context.current_utc_datetime + pause
                pauses[service] = min(pauses[service] * 2, LONGEST_PAUSE)

    yield from _close(context, job)
    return SUPPLIER_CHECK.written_output(SupplierCheckResult(said=said))


def _ask(
    context: df.DurableOrchestrationContext, job: SupplierCheckJob, services: Mapping[str, bool]
) -> Generator[Any, Any, dict[str, ServiceTry]]:
    """Ask some services at the same time; the value says whether it is for the last time.

    A step that fails counts as a service that is away.
    """
    sdk: Any = context
    tasks: dict[str, Any] = {}
    for service, last in services.items():
        value = AskServiceJob(supplier=job.supplier, number=job.number, service=service, last=last)
        tasks[service] = sdk.call_activity(ASK_SERVICE.name, ASK_SERVICE.written_input(value))
    yield from wait_for_all(context, list(tasks.values()))

    tries: dict[str, ServiceTry] = {}
    for service, task in tasks.items():
        try:
            tries[service] = ASK_SERVICE.parsed_output((yield task))
        except Exception:  # noqa: BLE001 - the SDK raises plain Exception for every failed activity
            tries[service] = ServiceTry(said="away", again=True)
    return tries


def _close(context: df.DurableOrchestrationContext, job: SupplierCheckJob) -> Generator[Any, Any, None]:
    """A check that cannot be closed holds nothing up: it is given up after its time."""
    try:
        yield from call(context, CLOSE_CHECK, CloseCheckJob(supplier=job.supplier, number=job.number))
    except ActivityGaveUp as failure:
        context.set_custom_status({"error": str(failure)})
