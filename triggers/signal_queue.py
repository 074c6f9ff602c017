"""The queue of signals: a message is a signal, `{"kind", "key", "id", "payload"}`."""

from __future__ import annotations

import logging

import azure.durable_functions as df
import azure.functions as func

from adapters import services
from adapters.signal_queue import poison_of
from adapters.signal_settings import signals_queue
from invoicing.signals.arriving import of_message
from invoicing.signals.errors import SignalInvalid
from usecases.refusals import NotDone
from usecases.signal import signal

bp = df.Blueprint()


@bp.queue_trigger(  # pyright: ignore[reportUnknownMemberType] - the SDK has no type for its further arguments
    arg_name="message", queue_name=signals_queue(), connection="AzureWebJobsStorage"
)
@bp.durable_client_input(client_name="client")
async def take_queued_signal(message: func.QueueMessage, client: df.DurableOrchestrationClient) -> None:
    """Take in what a message says. The id is in it, else it is made of the content.

    One that cannot be taken is tried five times, as any that fails, and is then in the poison queue for an
    operator; the others go on meanwhile.
    """
    used = services.current()
    try:
        await signal(used, client, of_message(message.get_body()))
    except (SignalInvalid, NotDone) as error:
        text = "message %s of the queue of signals cannot be taken (%s); after five tries it is in queue %s"
        logging.error(text, message.id, error.code, poison_of(used.settings))
        raise
