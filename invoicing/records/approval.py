"""What is stored of an approval: what was asked for, and its line in the inbox while it is open."""

from __future__ import annotations

from invoicing.approval.facts import Facts
from invoicing.approval.policy import Stage
from invoicing.model import Kind
from invoicing.records.base import ApprovalId, BatchId, Moment, Money, Record, Reference, optional
from invoicing.records.document import DocumentRow
from invoicing.records.goods import GoodsMatch
from invoicing.records.rates import Comparison
from invoicing.records.supplier_checks import SupplierChecked


class AskedDocument(Record):
    """The document that is to be approved; `chunk`: where it lies in its batch, None for one that came alone.

    `sha256` is of its bytes: who decides says which document they were shown.
    """

    name: str
    sha256: str
    kind: Kind | None
    ref: Reference
    chunk: int | None = optional()


class ApprovalRequest(Record):
    """What is to be approved and by whom; written once, and never changed.

    `rule`: the name of the policy's rule that asks for it, `stages`: as they are for this `sender`. `facts`:
    what the rule was chosen by. `row`: what the check says of the document. `comparison`: how the amount was
    converted for the rules, None where it was not. `match`: how it compares with its order and the goods,
    where it waited for them. `supplier`: what services said of a new supplier.
    """

    approval: ApprovalId
    ref: Reference
    created: Moment
    sender: str | None
    facts: Facts
    rule: str
    stages: tuple[Stage, ...]
    document: AskedDocument
    row: DocumentRow
    comparison: Comparison | None = optional()
    match: GoodsMatch | None = optional()
    supplier: SupplierChecked | None = optional()


class InboxEntry(Record):
    """One open approval in a list; `since`: when its present stage opened, `approvers`: whom it waits for.

    `amount` has no sign; `type_code` (BT-3) tells a credit note, None where the invoice does not say it.
    `findings`: how many. `decided`: who has approved in the present stage. `seats`: whose decision is open,
    `asked`: who was asked to decide, also while the sender is to answer a question first.
    """

    approval: ApprovalId
    ref: Reference
    supplier: str | None
    number: str | None
    amount: Money | None
    currency: str | None
    stage: str
    approvers: tuple[str, ...]
    since: Moment
    created: Moment
    findings: int
    batch: BatchId | None
    type_code: str | None = None
    decided: tuple[str, ...] = ()
    seats: tuple[str, ...] = ()
    asked: tuple[str, ...] = ()
