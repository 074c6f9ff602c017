"""Invoices by mail: the timer that sees that the folder is watched."""

from __future__ import annotations

import azure.durable_functions as df
import azure.functions as func

from adapters import services
from usecases.watch_mailbox import ensure_watched

bp = df.Blueprint()


@bp.timer_trigger(arg_name="timer", schedule="10 * * * * *", run_on_startup=False)
@bp.durable_client_input(client_name="client")
async def watch_mailbox_if_named(timer: func.TimerRequest, client: df.DurableOrchestrationClient) -> None:
    """Start the watch where a setting names a mailbox and nothing watches it."""
    await ensure_watched(services.current(), client)
