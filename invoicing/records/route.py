"""What the policy said of an invoice: written down once, so that a later policy changes nothing under way.

The routes of a batch are kept in pages of a hundred numbers, and what is done together is kept together:
documents that wait for people in windows, documents that nobody has to approve in packs. So whoever needs one
document reads a blob whose size does not depend on the batch.
"""

from __future__ import annotations

from typing import Literal

from invoicing.records.base import ApprovalId, Moment, Person, Record, optional
from invoicing.records.document import DocumentRow
from invoicing.records.problem import Problem
from invoicing.records.rates import Comparison
from invoicing.records.supplier_checks import SupplierChecked

#: Documents whose routes lie in one page.
PAGE = 100
#: Documents that wait for people are opened in windows of so many.
WINDOW = 30
#: Documents that nobody has to approve are booked in packs of so many.
PACK = 100
#: Packs of one document, which waited for its goods, are numbered from here: by the number of the document.
LATE_PACKS = 1_000_000


def late_pack(n: int) -> int:
    """The pack of document `n`, which waited for its goods, where nobody has to approve it."""
    return LATE_PACKS + n


class RoutingJob(Record):
    """What steps of routing take. `looked`: the moment at which answers about new suppliers are looked for.

    It is None in a run of a version that does not wait for them.
    """

    looked: Moment | None = optional()


class RoutingAnswer(Record):
    """What steps of routing give. `waits_until`: nothing was routed, since services are still being asked."""

    waits_until: Moment | None = optional()


class Route(RoutingAnswer):
    """The rule that matched, and the approval that it asks for; None: nobody has to approve.

    `bad`: only the sender could approve, which nobody may. `comparison`: how the amount was converted for the
    rules, so that the route can be explained later. `goods`: no rule was applied yet, since the goods are
    waited for first: the key of the signals that tell of them. `supplier`: what services said of a new
    supplier.
    """

    outcome: Literal["ok", "bad"]
    rule: str
    approval: ApprovalId | None = None
    error: Problem | None = optional()
    comparison: Comparison | None = optional()
    goods: str | None = optional()
    supplier: SupplierChecked | None = optional()


class InvoiceRoute(Route):
    """The route of an invoice that came alone; `run`: the run that it was written in."""

    run: str | None


class DocumentRoute(Route):
    """The route of document `n` of a batch; `claim`: the key that it is claimed by."""

    n: int
    claim: str | None


class RoutePage(Record):
    """The routes of the valid documents of a hundred numbers, in order."""

    routes: tuple[DocumentRoute, ...]


class WaitingDocument(Record):
    """Document `n` of a batch, and the approval that it waits for; None where its `goods` come first."""

    n: int
    approval: ApprovalId | None
    goods: str | None = optional()


class AwaitedDocument(Record):
    """A document of a batch that waits for its goods: what routes it afterwards."""

    row: DocumentRow
    sender: Person | None
    chunk: int | None


class DocumentWindow(Record):
    """Documents of a batch that wait for people, and are opened together."""

    documents: tuple[WaitingDocument, ...]


class FreeDocument(Record):
    """A document that nobody has to approve: the rule that let it through, and the row it was held to."""

    rule: str
    row: DocumentRow


class Pack(Record):
    """Documents of a batch that nobody has to approve, and are booked together."""

    documents: tuple[FreeDocument, ...]


class BatchRouting(RoutingAnswer):
    """What routing a batch came to.

    `documents`: how many were routed; `approvals`: how many of them wait for a person; `unapprovable`: how
    many only their sender could approve. `windows`, `packs`: how many there are.
    """

    documents: int = 0
    approvals: int = 0
    windows: int = 0
    packs: int = 0
    unapprovable: int = 0
