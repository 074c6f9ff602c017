"""What starts sweeps: a timer for all of the container, and each blob that comes below a prefix.

The second is registered only where a setting asks for it: the host looks at the container again and again
then, unless Event Grid tells it.
"""

from __future__ import annotations

import logging
from typing import Any

import azure.durable_functions as df
import azure.functions as func

from adapters import services
from adapters.sweep_settings import sweep_at_once, sweep_schedule
from usecases.start_sweep import start_sweep, take_at_once

bp = df.Blueprint()


async def sweep_inbox(timer: func.TimerRequest, client: df.DurableOrchestrationClient) -> None:
    """Take what lies in the container into one batch, unless the last sweep still runs."""
    if await start_sweep(services.current(), client) is None:
        logging.warning("a sweep was not started: the last one still runs")


async def take_blob(blob: func.InputStream, client: df.DurableOrchestrationClient) -> None:
    """Take one blob as a batch of its own, as soon as it is there."""
    name = (blob.name or "").partition("/")[2]
    if await take_at_once(services.current(), client, name) is None:
        logging.info("a blob that was to be taken at once is gone")


def _register() -> None:
    with_client = bp.durable_client_input(client_name="client")
    schedule = sweep_schedule()
    if schedule is not None:
        timer = bp.timer_trigger(arg_name="timer", schedule=schedule, run_on_startup=False)
        timer(with_client(sweep_inbox))

    at_once, path, connection = sweep_at_once()
    if at_once:
        source = {"source": func.BlobSource.EVENT_GRID} if at_once == "EventGrid" else {}
        register: Any = getattr(bp, "blob_trigger")  # noqa: B009 - the SDK has no type for its arguments
        register(arg_name="blob", path=path, connection=connection, **source)(with_client(take_blob))


_register()
