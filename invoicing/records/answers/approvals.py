"""What the API says of approvals and absences, and what it takes for a decision and for an absence."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from invoicing.approval.facts import Facts
from invoicing.approval.stages import StageStatus
from invoicing.findings import Finding
from invoicing.model import Kind
from invoicing.records.answers.common import Checked, Damaged, FullyChecked, Json, Links, Sha256, Time, Whole
from invoicing.records.base import Money, Record, optional
from invoicing.records.document import InvoiceSummary
from invoicing.records.goods import GoodsMatch
from invoicing.records.ledger import Outcome
from invoicing.records.messages import Channel, MessageKind, NoticeState
from invoicing.records.rates import Comparison
from invoicing.records.supplier_checks import SupplierChecked


class OpenApproval(Record):
    """One open approval in a list."""

    approval: str
    ref: str
    supplier: str | None
    number: str | None
    amount: Annotated[Money | None, Field(description="Without a sign: `type_code` tells a credit note.")]
    currency: str | None
    stage: str
    approvers: Annotated[tuple[str, ...], Field(description="Whom it waits for.")]
    since: Annotated[Time, Field(description="When its present stage opened.")]
    created: Time
    findings: Annotated[Whole, Field(description="How many.")]
    batch: str | None
    type_code: Annotated[str | None, Field(description="BT-3; null where the entry does not say it.")]
    decided: Annotated[tuple[str, ...], Field(description="Who has approved in the present stage.")]
    links: Links


class OpenApprovals(Record):
    """Open approvals, the oldest first."""

    approvals: tuple[OpenApproval, ...]
    total: Annotated[Whole, Field(description="How many match, on all pages.")]
    damaged: Damaged


class Stage(Record):
    """One stage of an approval."""

    name: str
    status: StageStatus
    approvers: tuple[str, ...]
    quorum: Whole
    approvals: Annotated[Whole, Field(description="How many have approved.")]
    since: Time | None
    ended: Time | None
    question_by: Annotated[str | None, Field(description="Who waits for an answer of the sender.")]
    escalated: bool
    reminders: Whole


class Entry(Record):
    """One entry of an approval's ledger."""

    seq: Annotated[int, Field(ge=1)]
    kind: str
    at: Time
    stage: str | None
    who: Annotated[str | None, Field(description="The person; null: the workflow.")]
    on_behalf_of: str | None
    comment: str
    sha256: Annotated[str | None, Field(description="Of the document that the person was shown.")]
    via: Annotated[str | None, Field(description="How the person was known.")]
    detail: Json
    hash: Annotated[Sha256, Field(description="Of this entry and, by the chain, of all before.")]


class Notification(Record):
    """One message about an approval, over one channel."""

    id: str
    kind: MessageKind
    stage: str
    channel: Channel
    to: tuple[str, ...]
    created: Time
    goes_out: Annotated[Time, Field(description="With the others that are gathered until then.")]
    state: NoticeState
    attempts: Whole
    error: str | None
    at: Annotated[Time | None, Field(description="When it was last tried.")]


class ApprovedDocument(Record):
    """The document that is to be approved; `sha256`: of its bytes when people were asked."""

    name: str
    sha256: Sha256
    kind: Kind | None


class Approval(Record):
    """One approval with its history."""

    approval: Annotated[str, Field(json_schema_extra={"pattern": "^a[0-9a-f]{24}$"})]
    ref: Annotated[str, Field(description="The invoice: `i…`, or `b…/17` for document 17 of a batch.")]
    status: Literal["open", Outcome]
    closed: bool
    created: Time
    sender: str | None
    rule: Annotated[str | None, Field(description="The rule of the policy that asks for it.")]
    facts: Annotated[Facts, Field(description="What the rule was chosen by.")]
    comparison: Annotated[
        Comparison | None,
        Field(description="How the amount was converted for the rules; null where it was not to be."),
    ]
    supplier: Annotated[
        SupplierChecked | None,
        Field(description="What services said of a new supplier; null where none was asked."),
    ]
    document: ApprovedDocument
    invoice: InvoiceSummary | None
    findings: tuple[Finding, ...]
    checked: Checked
    fully_checked: FullyChecked
    match: GoodsMatch | None = optional(description="Ordered, received and billed, where it was compared.")
    stage: Annotated[str | None, Field(description="The stage that waits for a decision.")]
    waiting_for: tuple[str, ...]
    stages: tuple[Stage, ...]
    history: tuple[Entry, ...]
    notifications: tuple[Notification, ...]
    damaged_notifications: Damaged
    links: Links


class Decided(Record):
    """A decision that stands in the ledger."""

    approval: str
    entry: Entry


class Decision(Record, extra="forbid"):
    """What a person decides. What a link says need not be said again."""

    decision: Annotated[Literal["approve", "reject", "ask", "answer"], Field(max_length=20)]
    comment: Annotated[str, Field(max_length=2000, description="Needed for all but approve.")] = ""
    stage: Annotated[str, Field(max_length=40, description="May be left out where a link says it.")] = ""
    sha256: Annotated[
        Sha256,
        Field(max_length=64, description="Of the document that was looked at; a link says it, too."),
    ] = ""
    t: Annotated[
        str, Field(max_length=4096, description="The token of a link, if it is not in the query.")
    ] = ""


class NewReassignment(Record, extra="forbid"):
    """Who is to decide in the open stage as well, and why; only administrators of the policy may say so."""

    to: Annotated[str, Field(max_length=254, description="The address of one of the people of the policy.")]
    reason: Annotated[str, Field(max_length=500, description="It stays with the invoice.")]


# ---------------------------------------------------------------- absences


class Delegation(Record):
    """Who is away until when, and who decides meanwhile."""

    who: str
    to: str
    until: Time
    created: Time


class Delegations(Record):
    """Absences that have not ended."""

    delegations: tuple[Delegation, ...]
    damaged: Damaged


class DelegationMade(Record):
    """An absence that counts from now on."""

    delegation: Delegation


class NewDelegation(Record, extra="forbid"):
    """Saying that one is away."""

    until: Annotated[
        str,
        Field(
            max_length=40,
            description="A day, which counts to its end (UTC), or a time with zone.",
            examples=["2026-05-31", "2026-05-31T18:00:00+02:00"],
        ),
    ]
    to: Annotated[
        str, Field(max_length=254, description="Who stands in; may be left out where the policy names one.")
    ] = ""
