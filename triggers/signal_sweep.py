"""The sweep of signals: who was not woken is woken, and what is too old is removed."""

from __future__ import annotations

import logging

import azure.durable_functions as df
import azure.functions as func

from adapters import services
from usecases.sweep_signals import sweep

bp = df.Blueprint()


@bp.timer_trigger(arg_name="timer", schedule="50 2/5 * * * *", run_on_startup=False)
@bp.durable_client_input(client_name="client")
async def sweep_signals(timer: func.TimerRequest, client: df.DurableOrchestrationClient) -> None:
    """Wake workflows whose event was lost, forget waits of runs that are over, remove old signals."""
    swept = await sweep(services.current(), client)
    if swept.woken:
        logging.warning("the sweep woke %d runs that had not read their signals", swept.woken)
    if swept.forgotten or swept.removed:
        text = "the sweep removed %d waits of runs that are over, and %d old signals and waits"
        logging.info(text, swept.forgotten, swept.removed)
