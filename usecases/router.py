"""What the policy asks for a document: its rule, and the request to the people who have to approve it."""

from __future__ import annotations

from datetime import datetime

from invoicing.approval import names
from invoicing.approval.policy import Policy
from invoicing.approval.routing import NO_RATES, Rates, Ruling, rule_on
from invoicing.approval.suppliers import pay_to, standing
from invoicing.records.approval import ApprovalRequest, AskedDocument
from invoicing.records.base import ApprovalId, Person, Reference
from invoicing.records.document import DocumentRow, InvoiceSummary
from invoicing.records.goods import GoodsMatch
from invoicing.records.route import Route
from invoicing.records.supplier import SupplierId
from invoicing.records.supplier_checks import SupplierChecked, SupplierIdentity
from invoicing.supplier_checks.judging import identity_of
from stores.approvals import ask, has_entry
from stores.blobs import BlobMissing, Blobs
from stores.ledgers import ApprovalMissing, Ledger
from stores.suppliers import SupplierStore
from usecases.check_suppliers import SupplierDesk


class Router:
    """Routes documents by one policy; the accounts of each supplier are looked up once.

    Safe to use from several threads.
    """

    def __init__(
        self,
        blobs: Blobs,
        policy: Policy,
        sender: Person | None,
        now: datetime,
        rates: Rates = NO_RATES,
        desk: SupplierDesk | None = None,
    ) -> None:
        self._blobs = blobs
        self._policy = policy
        self._sender = sender
        self._now = now
        self._rates = rates
        self._desk = desk
        self._suppliers = SupplierStore(blobs)
        self._approved: dict[SupplierId, frozenset[str]] = {}

    def route(
        self,
        reference: Reference,
        row: DocumentRow,
        chunk: int | None = None,
        match: GoodsMatch | None = None,
    ) -> Route:
        """The route of a document; where people have to approve it, the request to them is written.

        `match`: how it compares with its order and goods, for those people.
        """
        row, supplier = self._checked(row)
        ruling = rule_on(self._policy, row, self._approved_of(row), self._sender, self._rates)
        route = Route(outcome="ok", rule=ruling.rule, comparison=ruling.comparison, supplier=supplier)
        if ruling.problem is not None:
            return route.model_copy(update={"outcome": "bad", "error": ruling.problem})
        if not ruling.stages:
            return route

        request = self._request(reference, ruling, chunk, match).model_copy(update={"supplier": supplier})
        ask(self._blobs, request)
        return route.model_copy(update={"approval": request.approval})

    def waits_until(self, row: DocumentRow) -> datetime | None:
        """Until when answers about the supplier of a document are waited for; None: no longer, or not new."""
        supplier = self._new_supplier(row)
        return self._desk.waits_until(supplier) if self._desk and supplier else None

    def _checked(self, row: DocumentRow) -> tuple[DocumentRow, SupplierChecked | None]:
        """The row with what services said of its supplier, if that is new; and what they said."""
        supplier = self._new_supplier(row)
        if self._desk is None or supplier is None:
            return row, None
        known = self._desk.known(supplier)
        return row.model_copy(update={"findings": (*row.findings, *self._desk.findings(known))}), known

    def _new_supplier(self, row: DocumentRow) -> SupplierIdentity | None:
        """The supplier of a document, if it is not known and new ones are checked."""
        if self._desk is None or row.invoice is None:
            return None
        is_new = standing(pay_to(row.invoice), self._approved_of(row)) == "unknown"
        return identity_of(row.invoice) if is_new else None

    def _approved_of(self, row: DocumentRow) -> dict[SupplierId, frozenset[str]]:
        stated = pay_to(row.invoice or InvoiceSummary()).ids
        return {supplier: self._accounts_of(supplier) for supplier in stated}

    def _accounts_of(self, supplier: SupplierId) -> frozenset[str]:
        if supplier not in self._approved:
            self._approved[supplier] = self._suppliers.accounts_of(supplier)
        return self._approved[supplier]

    def _request(
        self, reference: Reference, ruling: Ruling, chunk: int | None, match: GoodsMatch | None
    ) -> ApprovalRequest:
        row = ruling.row
        document = AskedDocument(
            name=row.name, sha256=row.sha256 or "", kind=row.kind, ref=reference, chunk=chunk
        )
        return ApprovalRequest(
            approval=self._free_approval(reference),
            ref=reference,
            created=self._now,
            sender=self._sender,
            facts=ruling.facts,
            rule=ruling.rule,
            stages=ruling.stages,
            document=document,
            row=row,
            comparison=ruling.comparison,
            match=match,
        )

    def _free_approval(self, reference: Reference) -> ApprovalId:
        """The id of the first approval of this document that has not ended: a later run gets a new one."""
        run = 1
        while True:
            approval = ApprovalId(names.approval_id(reference, run))
            if not _has_ended(self._blobs, approval):
                return approval
            run += 1


def _has_ended(blobs: Blobs, approval: ApprovalId) -> bool:
    try:
        if not has_entry(blobs, approval, 1):
            return False
        return Ledger.read(blobs, approval).state.closed
    except (ApprovalMissing, BlobMissing):
        return False
