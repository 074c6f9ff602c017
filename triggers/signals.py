"""The HTTP API of signals: say that something has happened, to whoever waits for it."""

from __future__ import annotations

import azure.durable_functions as df
import azure.functions as func

from adapters import services
from invoicing.records.answers.signals import SignalTaken
from invoicing.signals.errors import SignalInvalid
from invoicing.signals.keys import LONGEST_ID
from invoicing.signals.reading import MOST_BYTES, object_of
from invoicing.signals.taking_in import NewSignal
from triggers.errors import Refused
from triggers.request_texts import header, media_type
from triggers.responses import answer, answers_errors
from usecases.signal import Taken, signal

bp = df.Blueprint()


@bp.route(route="api/signals/{kind}/{key}", methods=["POST"], auth_level=func.AuthLevel.FUNCTION)
@bp.durable_client_input(client_name="client")
@answers_errors
async def post_signal(req: func.HttpRequest, client: df.DurableOrchestrationClient) -> func.HttpResponse:
    """Take in a signal: 202, or 200 where the same id came before. It is stored when this answers.

    The body is a JSON object, as the kind has it. The id is in the header `Idempotency-Key` or in the body's
    field `id`; without one it is made of the content.
    """
    taken = await signal(services.current(), client, _new(req))
    return answer(_told(taken), 202 if taken.is_new else 200)


def _new(req: func.HttpRequest) -> NewSignal:
    """What was sent. Raises Refused (400, 413, 415)."""
    if media_type(req) != "application/json":
        raise Refused(415, "unsupported_media_type", "Send application/json.")
    body = req.get_body()
    if len(body) > MOST_BYTES:
        raise Refused(413, "body_too_large", f"The body has more than {MOST_BYTES // 1024} KiB.")
    try:
        payload = object_of(body)
    except SignalInvalid as error:
        raise Refused(400, error.code, error.text) from error
    signal_id = _id(header(req, "Idempotency-Key", LONGEST_ID, "bad_id"), payload.pop("id", None))
    return NewSignal(req.route_params["kind"], _key(req.route_params["key"]), payload, signal_id)


def _id(in_header: str | None, in_body: object) -> str | None:
    if in_body is None:
        return in_header
    if not isinstance(in_body, str):
        raise Refused(400, "bad_id", f"id is a text of 1 to {LONGEST_ID} characters.")
    if in_header is not None and in_header != in_body:
        raise Refused(400, "bad_id", "The header Idempotency-Key and the field id differ. Send one of them.")
    return in_body


def _key(text: str) -> str:
    """A slash in a path is the one character that hosts hand over as it was written."""
    return text.replace("%2F", "/").replace("%2f", "/")


def _told(taken: Taken) -> SignalTaken:
    kept = taken.signal
    return SignalTaken(
        kind=kept.kind, key=kept.key, id=kept.id, received=kept.received, waiting=taken.waiting
    )
