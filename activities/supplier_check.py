"""The steps of the check of a supplier: ask one service, and close the check."""

from __future__ import annotations

import azure.durable_functions as df

from activities.registering import activity, async_activity
from adapters import services
from invoicing.records.supplier_checks import (
    ASK_SERVICE,
    CLOSE_CHECK,
    AskServiceJob,
    CheckClosed,
    CloseCheckJob,
    ServiceTry,
)
from usecases import check_suppliers

bp = df.Blueprint()


@async_activity(bp, ASK_SERVICE)
async def ask_service(job: AskServiceJob) -> ServiceTry:
    """Ask one service once; what it does wrong is an outcome. Raises ChecksInvalid, which is waited for."""
    return await check_suppliers.ask_service(services.current(), job)


@activity(bp, CLOSE_CHECK)
def close_check(job: CloseCheckJob) -> CheckClosed:
    """Note that a check has come to its end."""
    check_suppliers.close_check(services.current(), job.supplier, job.number)
    return CheckClosed()
