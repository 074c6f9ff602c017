"""The operations on callbacks."""

from __future__ import annotations

from invoicing.records.answers.callbacks import (
    ApprovalEnded,
    ApprovalResult,
    BatchEnded,
    CallbackMessage,
    CallsEnded,
    InvoiceEnded,
    NewStanding,
    NewSubscription,
    Standing,
    StandingList,
    Subscription,
    Unsubscribed,
    Verification,
    Verified,
)
from invoicing.records.base import Record
from triggers.api_description.parts import JSON, answers, body, json_of, later, operation, path, query
from triggers.api_description.schemas import Part, ref

_ADDRESS = "{$request.body#/callback_url}"


def _subscribing(name: str, what: str, message: type[Record]) -> Part:
    """Asking to be told of an end, and what is posted then."""
    return {
        "parameters": [path("id", f"The id of {what}.")],
        "post": operation(
            "subscriptions",
            name,
            f"Be told when {what} has ended",
            answers(_created(Subscription), 400, 404, 409, 413, 415),
            requestBody=body((JSON, ref(NewSubscription))),
            callbacks={"ended": {_ADDRESS: _told(message)}},
        ),
    }


def _told(message: type[Record]) -> Part:
    """What is posted, and what may be answered."""
    return {
        "post": {
            "summary": "Told once, at least: at each try with the same `webhook-id`",
            "requestBody": body((JSON, ref(message))),
            "responses": {
                "200": {"description": "Taken; any status from 200 to 299 is as good."},
                "410": {"description": "No more of this: it is not tried again."},
            },
        }
    }


def _created(record: type[Record]) -> Part:
    answer = json_of(201, record, "It is told.")
    answer["201"]["headers"] = {"Location": {"schema": {"type": "string", "format": "uri"}}}
    return answer


PATHS: Part = {
    "/api/batches/{id}/subscriptions": _subscribing("subscribeToBatch", "a batch", BatchEnded),
    "/api/invoices/{id}/subscriptions": _subscribing("subscribeToInvoice", "an invoice", InvoiceEnded),
    "/api/approvals/{id}/subscriptions": _subscribing("subscribeToApproval", "an approval", ApprovalEnded),
    "/api/calls/{id}/subscriptions": _subscribing("subscribeToCalls", "a list of calls", CallsEnded),
    "/api/approvals/{id}/result": {
        "parameters": [path("id", "An approval's id.")],
        "get": operation(
            "approvals",
            "getApprovalResult",
            "How an approval ended, for who polls",
            answers(json_of(200, ApprovalResult, "It has ended.") | later(ApprovalResult), 404),
        ),
    },
    "/api/standing-subscriptions": {
        "get": operation(
            "subscriptions",
            "listStandingSubscriptions",
            "Who is told of every end of a kind",
            answers(json_of(200, StandingList, "All of them.")),
        ),
        "post": operation(
            "subscriptions",
            "subscribeToAll",
            "When a batch or an invoice has ended",
            answers(_created(Standing), 400, 409, 413, 415),
            requestBody=body((JSON, ref(NewStanding))),
            callbacks={"ended": {_ADDRESS: _told(CallbackMessage)}},
        ),
    },
    "/api/standing-subscriptions/{id}": {
        "parameters": [path("id", "The id of a standing subscription.")],
        "delete": operation(
            "subscriptions",
            "deleteStandingSubscription",
            "Tell nothing of what begins from now on",
            answers({"204": {"description": "Nothing more is told."}}, 404),
        ),
    },
    "/api/subscriptions": {
        "delete": operation(
            "subscriptions",
            "deleteSubscriptions",
            "Tell nothing more to an address",
            answers(json_of(200, Unsubscribed, "Nothing more is told."), 400),
            parameters=[query("callback_url", "The address.") | {"required": True}],
        )
    },
    "/api/subscriptions/{id}": {
        "parameters": [path("id", "The id of a subscription.")],
        "get": operation(
            "subscriptions",
            "getSubscription",
            "How far telling an address is",
            answers(json_of(200, Subscription, "As it is now."), 404),
        ),
        "delete": operation(
            "subscriptions",
            "deleteSubscription",
            "Tell nothing more",
            answers({"204": {"description": "Nothing more is told."}}, 404),
        ),
    },
    "/api/subscriptions/{id}/verifications": {
        "parameters": [path("id", "The id of a subscription.")],
        "post": operation(
            "subscriptions",
            "verifyCallback",
            "Say whether a callback that came is genuine",
            answers(json_of(200, Verified, "Whether it is."), 400, 404, 413, 415),
            requestBody=body((JSON, ref(Verification))),
        ),
    },
}

ANSWERS: tuple[type[Record], ...] = (
    Subscription,
    Standing,
    StandingList,
    Unsubscribed,
    Verified,
    ApprovalResult,
    CallbackMessage,
    CallsEnded,
    BatchEnded,
    InvoiceEnded,
    ApprovalEnded,
)

BODIES: tuple[type[Record], ...] = (NewStanding, NewSubscription, Verification)
