"""The timer that looks for ends that somebody wants to be told of."""

from __future__ import annotations

import logging
from datetime import UTC, datetime

import azure.durable_functions as df
import azure.functions as func

from adapters import services
from usecases.begin_callbacks import begin_due

bp = df.Blueprint()


# In the steps of `invoicing.callbacks.subscriptions.TICK`.
@bp.timer_trigger(arg_name="timer", schedule="*/15 * * * * *", run_on_startup=False)
@bp.durable_client_input(client_name="client")
async def begin_callbacks(timer: func.TimerRequest, client: df.DurableOrchestrationClient) -> None:
    """Begin to tell of what has ended since."""
    started = await begin_due(services.current(), client, datetime.now(UTC))
    if started:
        logging.info("%d callbacks were begun", len(started))
