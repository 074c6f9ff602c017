"""Asking to be told of an end, and asking for no more: for batches, invoices and approvals alike."""

from __future__ import annotations

import contextlib
import json
from datetime import datetime

from adapters.services import Services
from adapters.settings import Settings
from invoicing.callbacks import signature
from invoicing.callbacks.subscriptions import asked_again, kind_of, round_of, subscription_id
from invoicing.outgoing.refusals import CallRefused
from invoicing.outgoing.targets import target_of
from invoicing.records.answers.callbacks import Verification, Verified
from invoicing.records.callbacks import CallbackKind, Subscription
from stores import subscriptions
from stores.blobs import BlobConflict, BlobMissing, Blobs
from usecases.refusals import Misunderstood, NotNow, NotReady, Unknown

#: Addresses that are told of one end.
MOST = 20


def check_url(settings: Settings, url: str) -> str:
    """The address of a callback, if it may be called. Raises Misunderstood, and NotReady without a key.

    That is looked at when it is asked for, so that the caller hears of it; and again at each try.
    """
    try:
        target_of(url, settings.outgoing.policy)
    except CallRefused as error:
        raise Misunderstood("bad_callback_url", f"callback_url cannot be used. {error}") from error
    if not settings.callbacks.keys:
        raise NotReady(
            "callback_key_missing",
            "Callbacks cannot be signed. Set SETTLE_CALLBACK_KEY (docs/callbacks.md says how it is made).",
        )
    return url


def subscribe(
    services: Services, kind: CallbackKind, target: str, url: str, *, runs: bool = True
) -> Subscription:
    """Have an address told of an end; asking again changes nothing. `runs`: the end is still to come.

    Raises NotNow where too many are told already. The address was checked.
    """
    blobs, now = services.blobs, services.clock()
    new = Subscription(id=subscription_id(target, url), kind=kind, target=target, url=url, created=now)
    known = subscriptions.read(blobs, new.id)
    if known is None:
        _refuse_crowd(blobs, target)
        known = _created(blobs, new)
    after = subscriptions.change(blobs, new.id, lambda before: asked_again(before, runs=runs, now=now))
    after = after or known
    if not after.is_over:
        # After it: an open one without a mark is mended by who asks again, having got no answer.
        subscriptions.mark_open(blobs, after)
    return after


def _created(blobs: Blobs, new: Subscription) -> Subscription:
    with contextlib.suppress(BlobConflict):  # an equal request was quicker
        subscriptions.create(blobs, new)
    return new


def _refuse_crowd(blobs: Blobs, target: str) -> None:
    if len(subscriptions.of_target(blobs, target).found) >= MOST:
        text = f"{MOST} addresses are told of this already, the most that there can be."
        raise NotNow("too_many_subscriptions", text)


def told_of(blobs: Blobs, target: str) -> list[Subscription]:
    """Who is told of an end, the oldest first; nobody of what has no end that can be told."""
    return subscriptions.of_target(blobs, target).found if kind_of(target) else []


def read(blobs: Blobs, subscription: str) -> Subscription:
    """A subscription. Raises Unknown and RecordDamaged."""
    found = subscriptions.read(blobs, subscription)
    if found is None:
        raise _unknown()
    return found


def unsubscribe(services: Services, subscription: str) -> Subscription:
    """Tell nothing more. What is over stays as it is. Raises Unknown and RecordDamaged.

    A try that is under way at this moment may still arrive.
    """
    now = services.clock()
    after = subscriptions.change(services.blobs, subscription, lambda before: _cancelled(before, now))
    if after is None:
        raise _unknown()
    subscriptions.unmark(services.blobs, subscription)
    return after


def unsubscribe_url(services: Services, url: str) -> list[str]:
    """Tell nothing more to an address; returns the ids of what was open."""
    found: list[str] = []
    for subscription in subscriptions.open_of_url(services.blobs, url):
        known = subscriptions.read(services.blobs, subscription)
        if known is not None and known.url == url:
            unsubscribe(services, subscription)
            found.append(subscription)
    return found


def _cancelled(before: Subscription, now: datetime) -> Subscription:
    return before if before.is_over else before.model_copy(update={"state": "cancelled", "at": now})


def _unknown() -> Unknown:
    return Unknown("unknown_subscription", "There is no subscription of this id.")


def verify(services: Services, subscription: str, came: Verification) -> Verified:
    """Say whether a callback that somebody got is one of ours, and fresh. Raises Unknown.

    For receivers that cannot compute a signature, or got the body parsed: it counts what the JSON says, and
    the signature is held against the bytes that were sent.
    """
    found = read(services.blobs, subscription)
    message = came.webhook_id
    number = round_of(found.id, message)
    if number is None:
        return Verified(genuine=False, reason="The id is none of this subscription.")
    try:
        sent = subscriptions.message(services.blobs, found.id, number)
    except BlobMissing:
        return Verified(genuine=False, reason="Nothing of this id was sent.")
    if json.loads(sent) != came.body:
        return Verified(genuine=False, reason="The body is not the one that was sent.")
    keys = services.settings.callbacks.keys
    now = services.clock()
    wrong = signature.fault(keys, message, came.webhook_timestamp, came.webhook_signature, sent, now)
    return Verified(genuine=wrong is None, reason=wrong or "It was sent by Settle.")
