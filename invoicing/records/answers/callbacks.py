"""What the API says of callbacks: who is told of an end, how far that is, and what they are told."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from invoicing.records.answers.api_calls import CallsState
from invoicing.records.answers.batches import BatchStatus
from invoicing.records.answers.common import CallbackUrl, Json, Links, Time, Whole
from invoicing.records.answers.invoices import InvoiceStatus
from invoicing.records.base import Record
from invoicing.records.callbacks import CallbackKind, CallbackState, StandingKind
from invoicing.records.document import InvoiceSummary
from invoicing.records.ledger import Outcome
from invoicing.records.problem import Problem


class NewSubscription(Record, extra="forbid"):
    """Asking to be told of an end."""

    callback_url: CallbackUrl


class Subscription(Record):
    """One address that is told of an end. The address itself is a secret, so only its host is said."""

    id: str
    kind: CallbackKind
    target: Annotated[
        str, Field(description="The batch, invoice, approval or list of calls whose end is told.")
    ]
    host: str
    state: Annotated[
        CallbackState, Field(description="`waiting` for the end, `sending` since, or how it ended.")
    ]
    created: Time
    attempts: Annotated[Whole, Field(description="Tries so far to tell of the last end.")]
    http_status: Annotated[int | None, Field(description="What the receiver answered last.")]
    error: Annotated[str | None, Field(description="What was wrong with the last try.")]
    at: Annotated[Time | None, Field(description="When it was last tried.")]
    message: Annotated[str, Field(description="The `webhook-id` of what is told: by it doubles are known.")]
    links: Links


class NewStanding(Record, extra="forbid"):
    """Asking to be told of every end of a kind."""

    kind: Annotated[StandingKind, Field(max_length=20)]
    callback_url: CallbackUrl


class Standing(Record):
    """One address that is told of every end of a kind. The address is a secret, so only its host is said."""

    id: str
    kind: StandingKind
    host: str
    created: Time
    links: Links


class StandingList(Record):
    """All addresses that are told of every end of a kind."""

    subscriptions: tuple[Standing, ...]


class Unsubscribed(Record):
    """What is not told any more to an address."""

    ended: Annotated[tuple[str, ...], Field(description="The ids of the subscriptions that were open.")]


class Verification(Record, extra="forbid"):
    """A callback as it came, of which is asked whether it is genuine: its three headers and its body."""

    webhook_id: Annotated[str, Field(max_length=100)]
    webhook_timestamp: Annotated[str, Field(max_length=20)]
    webhook_signature: Annotated[str, Field(max_length=1000)]
    body: Annotated[Json, Field(description="The JSON that came, in whichever way it is written.")]


class Verified(Record):
    """Whether a callback is genuine and fresh, and if not, why."""

    genuine: bool
    reason: str


class ApprovalResult(Record):
    """How an approval stands or ended, in a few words."""

    approval: Annotated[str, Field(json_schema_extra={"pattern": "^a[0-9a-f]{24}$"})]
    ref: Annotated[str, Field(description="The invoice: `i…`, or `b…/17` for document 17 of a batch.")]
    status: Literal["open", Outcome]
    created: Time
    stage: Annotated[str | None, Field(description="The stage that waits, or the one that decided.")]
    waiting_for: tuple[str, ...]
    by: Annotated[str | None, Field(description="Who decided last.")]
    comment: str
    invoice: InvoiceSummary | None


class CallsResult(Record):
    """How far a list of calls is, apart from where to go on."""

    id: Annotated[str, Field(json_schema_extra={"pattern": "^c[0-9a-f]{24}$"})]
    status: CallsState
    done: Annotated[Whole, Field(description="Calls that are not made any more.")]
    total: Whole
    counts: Annotated[dict[str, Whole], Field(description="Calls that are done, by outcome.")]
    created: Time
    deadline: Time
    error: Problem | None


class CallbackMessage(Record):
    """What a callback says, whatever ended."""

    id: Annotated[str, Field(description="The same at each try, as in the header `webhook-id`.")]
    subscription: str
    target: str
    timestamp: Annotated[Time, Field(description="When the end was seen.")]
    status: Annotated[str, Field(description="How it ended.")]
    links: Links


class BatchEnded(CallbackMessage):
    """A batch has ended. `data` is null where it is too large: ask for it at `links.self`."""

    type: Literal["batch.ended"] = "batch.ended"
    data: BatchStatus | None


class InvoiceEnded(CallbackMessage):
    """An invoice has ended. `data` is null where it is too large: ask for it at `links.self`."""

    type: Literal["invoice.ended"] = "invoice.ended"
    data: InvoiceStatus | None


class ApprovalEnded(CallbackMessage):
    """An approval has ended. `data` is null where it is too large: ask for it at `links.self`."""

    type: Literal["approval.ended"] = "approval.ended"
    data: ApprovalResult | None


class CallsEnded(CallbackMessage):
    """A list of calls has ended. `data` is null where it is too large: ask for it at `links.self`."""

    type: Literal["calls.ended"] = "calls.ended"
    data: CallsResult | None


Ended = BatchEnded | InvoiceEnded | ApprovalEnded | CallsEnded
"""What is posted to an address."""
