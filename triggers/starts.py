"""Detached starts: a message in the app's own queue starts an orchestration."""

from __future__ import annotations

import logging

import azure.durable_functions as df
import azure.functions as func

from adapters import starts
from adapters.settings import starts_queue

bp = df.Blueprint()


@bp.queue_trigger(  # pyright: ignore[reportUnknownMemberType] - the SDK has no type for its further arguments
    arg_name="message", queue_name=starts_queue(), connection="AzureWebJobsStorage"
)
@bp.durable_client_input(client_name="client")
async def start_detached(message: func.QueueMessage, client: df.DurableOrchestrationClient) -> None:
    """Start what a message asks for, unless there is an instance of that id in whatever state.

    A message that cannot be read, or whose start keeps failing, is tried five times and then left in the
    queue's poison queue for an operator.
    """
    name, instance, value = starts.decode(message.get_body())
    if await _exists(client, instance):
        logging.debug("%s %s was started before", name, instance)
        return
    try:
        await client.start_new(name, instance, value)
    except Exception:
        if not await _exists(client, instance):
            raise
        logging.debug("%s %s was started by another message", name, instance)


async def _exists(client: df.DurableOrchestrationClient, instance: str) -> bool:
    return bool(await client.get_status(instance))
