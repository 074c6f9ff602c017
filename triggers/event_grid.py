"""`/api/events`: signals by Event Grid, as CloudEvents 1.0 or in its own schema, with both handshakes."""

from __future__ import annotations

import re

import azure.durable_functions as df
import azure.functions as func

from adapters import services
from adapters.request_headers import header_if_sent
from invoicing.records.answers.signals import EventsTaken, RejectedEvent, ValidationAnswer
from invoicing.signals.arriving import MOST_BYTES, Rejected, of_events, validation_code
from invoicing.signals.errors import SignalInvalid
from triggers.errors import Refused
from triggers.request_texts import header, media_type
from triggers.responses import answer, answers_errors
from usecases.signal_batch import signal_all

bp = df.Blueprint()

_MEDIA_TYPES = (
    "application/cloudevents+json",
    "application/cloudevents-batch+json",
    "application/json",
)
_ORIGIN = re.compile(r"[A-Za-z0-9-]{1,63}(\.[A-Za-z0-9-]{1,63}){0,10}")
#: Requests in a minute that a sender may send.
RATE = 6000
_MOST_TOLD = 20


@bp.route(route="api/events", methods=["OPTIONS"], auth_level=func.AuthLevel.FUNCTION)
@answers_errors
async def allow_events(req: func.HttpRequest) -> func.HttpResponse:
    """Allow a sender of CloudEvents, which asks before it sends (abuse protection of HTTP webhooks)."""
    origin = header(req, "WebHook-Request-Origin", 255, "bad_origin") or ""
    if not _ORIGIN.fullmatch(origin):
        raise Refused(400, "bad_origin", "WebHook-Request-Origin is missing, or is not the name of a host.")
    headers = {"WebHook-Allowed-Origin": origin, "WebHook-Allowed-Rate": str(RATE), "Allow": "POST"}
    return func.HttpResponse(b"", status_code=200, headers=headers)


@bp.route(route="api/events", methods=["POST"], auth_level=func.AuthLevel.FUNCTION)
@bp.durable_client_input(client_name="client")
@answers_errors
async def take_events(req: func.HttpRequest, client: df.DurableOrchestrationClient) -> func.HttpResponse:
    """Take in events: the end of the type is the kind, the subject is the key, source and id are the id.

    200 where all were taken. 400 where one cannot be: the others were taken all the same, and Event Grid puts
    what was sent into its dead-letter place. 503 where the storage is away: it sends again.
    """
    _check(req)
    try:
        if header_if_sent(req, "aeg-event-type") == "SubscriptionValidation":
            return answer(ValidationAnswer(validationResponse=validation_code(req.get_body())))
        arrived = of_events(req.get_body())
    except SignalInvalid as error:
        raise Refused(400, error.code, error.text) from error

    rejected = await signal_all(services.current(), client, arrived, "Event Grid")
    told = EventsTaken(
        taken=len(arrived) - len(rejected), rejected=tuple(_told(one) for one in rejected[:_MOST_TOLD])
    )
    if rejected:
        text = f"{len(rejected)} of {len(arrived)} events cannot be taken. First: {rejected[0].text}"
        raise Refused(400, "events_rejected", text, told.as_plain())
    return answer(told)


def _check(req: func.HttpRequest) -> None:
    if media_type(req) not in _MEDIA_TYPES:
        raise Refused(415, "unsupported_media_type", f"Send one of {', '.join(_MEDIA_TYPES)}.")
    if len(req.get_body()) > MOST_BYTES:
        raise Refused(413, "body_too_large", "Send at most 1 MiB of events at once.")


def _told(rejected: Rejected) -> RejectedEvent:
    return RejectedEvent(place=rejected.place, code=rejected.code, message=rejected.text)
