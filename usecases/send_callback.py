"""One try to tell of an end: the message is signed and posted, and what came of it is noted."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from datetime import datetime

from adapters.outgoing import send
from adapters.services import Services
from adapters.setting_values import SettingError
from invoicing.callbacks.signature import signed_headers
from invoicing.calls.retries import retry_after
from invoicing.records.callbacks import CallbackState, CallbackTried, CallbackTry, Subscription
from invoicing.records.outgoing import OutgoingAnswer, OutgoingRequest
from stores import subscriptions
from usecases.standing import end_of_url

#: Seconds until a receiver counts as silent.
PATIENCE = 30.0
#: Bytes of an answer that are read: only its status counts.
_ANSWER = 16 * 1024
_GONE = 410
_LONGEST_PAUSE = 24 * 3600


def send_callback(services: Services, job: CallbackTry) -> CallbackTried:
    """Try once. Raises SettingError without a key, and StorageError: the next try may have better luck.

    Posted, then noted: who dies in between posts it again, under the same id.
    """
    known = subscriptions.read(services.blobs, job.subscription)
    if known is None or known.round != job.round or known.state == "waiting":
        return CallbackTried(outcome="cancelled")
    if known.state != "sending":
        return CallbackTried(outcome=known.state)

    body = subscriptions.message(services.blobs, known.id, known.round)
    answer = asyncio.run(send(_request(services, known, body)))
    now = services.clock()
    tried = _outcome(answer, now, last=job.last)
    return _noted(services, known, job, answer, tried, now)


def _request(services: Services, known: Subscription, body: bytes) -> OutgoingRequest:
    keys = services.settings.callbacks.keys
    if not keys:
        raise SettingError("SETTLE_CALLBACK_KEY is not set, or its key vault was not reached.")
    signed = signed_headers(keys, known.message, services.clock(), body)
    return OutgoingRequest(
        method="POST",
        url=known.url,
        headers={"Content-Type": "application/json", **signed},
        body=body,
        timeout_seconds=PATIENCE,
        largest=_ANSWER,
    )


def _outcome(answer: OutgoingAnswer, now: datetime, *, last: bool) -> CallbackTried:
    """What an answer means. A redirect is none of ours to follow: it counts as a failure.

    Only the status counts: what is wrong with a body that nobody needs is not looked at.
    """
    status = answer.status
    if status is not None and 200 <= status < 300:
        return CallbackTried(outcome="delivered")
    if status == _GONE:
        return CallbackTried(outcome="gone", error="The receiver wants no more (410).")
    error = f"The receiver answered {status}." if status is not None else answer.error
    if last:
        return CallbackTried(outcome="failed", error=error)
    return CallbackTried(outcome="again", error=error, pause=_pause(answer.headers, now))


def _pause(headers: Mapping[str, str], now: datetime) -> int | None:
    """The seconds that a receiver asks for (`Retry-After`, a number or a date), at most a day."""
    moment = retry_after(headers, now)
    seconds = int((moment - now).total_seconds()) if moment else 0
    return min(seconds, _LONGEST_PAUSE) if seconds > 0 else None


def _noted(
    services: Services,
    known: Subscription,
    job: CallbackTry,
    answer: OutgoingAnswer,
    tried: CallbackTried,
    now: datetime,
) -> CallbackTried:
    """Write down what came of a try. A success counts, whatever was asked for meanwhile."""
    state: CallbackState = "sending" if tried.outcome == "again" else tried.outcome

    def changed(before: Subscription) -> Subscription:
        if before.round != known.round or before.state == "delivered":
            return before
        if before.is_over and state != "delivered":
            return before
        told = {"attempts": job.attempt, "status": answer.status, "error": tried.error, "at": now}
        return before.model_copy(update={**told, "state": state})

    after = subscriptions.change(services.blobs, known.id, changed)
    if after is None or after.is_over:
        subscriptions.unmark(services.blobs, known.id)
    if state == "gone":
        end_of_url(services.blobs, known.url)
    return tried
