"""A supplier is known by an id together with an account that people approved, never by a claim alone."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from activities import routing
from invoicing.approval import names
from invoicing.approval.ledger import Draft
from invoicing.approval.suppliers import (
    PayTo,
    account_key,
    approved_accounts,
    pay_to,
    standing,
)
from invoicing.model import MAX_ACCOUNTS, Invoice, PaymentMeans
from invoicing.records.base import InvoiceId
from invoicing.records.document import InvoiceSummary
from invoicing.records.ledger import EntryDetail
from invoicing.records.supplier import IdKind, SupplierId
from stores import approval_names
from stores.blobs import StorageUnavailable
from stores.invoices import InvoiceStore
from stores.payables import PayableStore
from stores.suppliers import SupplierStore
from tests.unit.approvals_on_paper import ANN, add_entries
from tests.unit.books import LATER, Books
from tests.unit.report_rows import invoice, row

VAT, OTHER_VAT, LEGAL = "DE690593538", "DE136695976", "HRB 4711"
HOME, OTHER = "DE89894245451824849205", "DE75512108001245126199"
SMALL = "small and clean, from a supplier we know"
CHANGED = "the account to pay to is wrong, or new for a supplier we know"


class Desk:
    """Invoices that come in alone, and the shipped policy."""

    def __init__(self) -> None:
        self.books = Books()
        self._number = 0

    def bring(self, *accounts: str, vat: str | None = VAT, legal: str | None = None, **more: Any) -> str:
        """An invoice of 119 euros comes in and is routed; returns its reference."""
        self._number += 1
        ref = InvoiceId(names.invoice_id(f"{self._number:024x}"))
        fields = {"seller_vat_id": vat, "seller_legal_id": legal, "accounts": list(accounts)} | more
        shown = invoice(number=f"K-{self._number}", iban=next(iter(accounts), None), **fields)
        self.books.take_in(ref, row(self._number, invoice=shown))
        self.routed = self.books.call(routing.route_invoice, {"invoice": ref, "run": "1", "now": LATER})
        return ref

    def book(self, ref: str) -> None:
        """It is booked: by what the policy said, or after a clerk approved it."""
        route = InvoiceStore(self.books.blobs).route(ref)
        assert route
        approval = route.approval
        if approval:
            drafts = [Draft("opened", LATER)]
            for stage in self._stages(approval):
                drafts.append(Draft("stage_opened", LATER, stage["name"]))
                drafts.append(Draft("approve", LATER, stage["name"], stage["approvers"][0]))
            drafts.append(Draft("closed", LATER, detail=EntryDetail(outcome="approved")))
            add_entries(self.books.blobs, approval, *drafts)
        assert self.books.book(ref) == {"outcome": "ok"}

    def approve(self, *accounts: str, **more: Any) -> None:
        """An invoice comes in, a person approves it, and it is booked."""
        ref = self.bring(*accounts, **more)
        assert self.routed["approval"]
        self.book(ref)

    @property
    def rule(self) -> str:
        """What the policy said of the last invoice."""
        return self.routed["rule"]

    @property
    def findings(self) -> list[str]:
        """The findings that the approvers of the last invoice are shown."""
        request = json.loads(self.books.blobs.read(approval_names.request(self.routed["approval"])))
        return [one["rule"] for one in request["row"]["findings"]]

    def _stages(self, approval: str) -> list[dict[str, Any]]:
        return json.loads(self.books.blobs.read(approval_names.request(approval)))["stages"]


def test_account_that_was_approved_needs_nobody_the_next_time() -> None:
    """The first invoice goes to a clerk, the second is small, clean, and of a supplier whom we know."""
    desk = Desk()
    desk.approve(HOME)
    desk.bring(HOME)
    assert desk.routed == {"outcome": "ok", "rule": SMALL, "approval": None}


def test_claimed_vat_id_with_another_account_goes_to_people() -> None:
    """Another name, another valid IBAN, 119 euros: with a finding that says what is new, in two stages."""
    desk = Desk()
    desk.approve(HOME)
    desk.bring(OTHER, seller="Neue Firma GmbH")
    assert (desk.rule, desk.findings) == (CHANGED, ["SETTLE-ACCOUNT-NEW"])
    request = json.loads(desk.books.blobs.read(approval_names.request(desk.routed["approval"])))
    assert [stage["name"] for stage in request["stages"]] == ["purchasing", "finance"]
    assert request["facts"]["supplier_known"] is False
    assert OTHER in request["row"]["findings"][0]["text"]


def test_new_account_that_was_approved_is_known_beside_the_old_one() -> None:
    """Each for itself."""
    desk = Desk()
    desk.approve(HOME)
    desk.approve(OTHER)
    for account in (HOME, OTHER):
        desk.bring(account)
        assert desk.rule == SMALL


def test_all_accounts_of_an_invoice_have_to_be_known() -> None:
    """One that is known does not bring another along."""
    desk = Desk()
    desk.approve(HOME)
    desk.bring(HOME, OTHER)
    assert (desk.rule, desk.findings) == (CHANGED, ["SETTLE-ACCOUNT-NEW"])
    desk.book(desk.bring(HOME, OTHER))
    desk.bring(OTHER, HOME)
    assert desk.rule == SMALL


@pytest.mark.parametrize("accounts", [(), tuple(f"DE{n:020}" for n in range(MAX_ACCOUNTS))])
def test_invoice_without_an_account_or_with_dozens_is_of_no_known_supplier(
    accounts: tuple[str, ...],
) -> None:
    """Whatever was approved before: there is nothing to hold against it."""
    desk = Desk()
    for _ in range(2):
        desk.approve(*accounts)
    desk.bring(*accounts)
    assert desk.routed["approval"]


def test_every_id_of_an_invoice_has_to_be_known() -> None:
    """Somebody with an account of their own, known by their legal id, claims another's VAT id."""
    desk = Desk()
    desk.approve(HOME, vat=VAT)
    desk.approve(OTHER, vat=None, legal=LEGAL)
    desk.bring(OTHER, vat=VAT, legal=LEGAL)
    assert (desk.rule, desk.findings) == (CHANGED, ["SETTLE-ACCOUNT-NEW"])
    desk.bring(OTHER, vat=None, legal=LEGAL)
    assert desk.rule == SMALL


@pytest.mark.parametrize(("vat", "legal"), [(None, None), ("", " "), ("-", None)])
def test_invoice_without_an_id_is_of_nobody_whom_we_know(vat: str | None, legal: str | None) -> None:
    """A name is what anybody may call themselves."""
    desk = Desk()
    desk.approve(HOME, vat=vat, legal=legal)
    desk.bring(HOME, vat=vat, legal=legal)
    assert desk.routed["approval"]


def test_spaces_and_capitals_make_no_other_supplier() -> None:
    """A VAT id is written in many ways."""
    desk = Desk()
    desk.approve(HOME, vat="DE690593538")
    desk.bring(HOME, vat="de 690 593 538")
    assert desk.rule == SMALL


def test_account_is_not_known_by_an_invoice_that_no_person_saw() -> None:
    """Booked by a rule without people, or approved by the end of its time."""
    desk = Desk()
    alone = desk.bring(HOME)
    desk.books.route(alone, None)
    assert desk.books.book(alone) == {"outcome": "ok"}
    desk.bring(HOME)
    assert desk.routed["approval"]
    booked = PayableStore(desk.books.blobs).payable(alone)
    assert booked
    by_time = booked.model_copy(update={"approval": "a1", "approved_by": ()})
    assert list(approved_accounts(by_time)) == []


def test_pack_of_a_batch_makes_no_account_known() -> None:
    """Nobody has to approve any of it."""
    books = Books()
    books.put_batch(3)
    assert books.book_pack() == {"booked": 3}
    assert books.blobs.names("suppliers/") == []


def test_first_invoice_with_an_account_stays_the_one_that_is_told_of_it() -> None:
    """A second approval of the same writes nothing over it."""
    desk = Desk()
    desk.approve(HOME, seller="Muster Handel GmbH")
    desk.books.route(desk.bring(HOME, seller="Muster Handel Nord", payable="900.00"), None)
    desk.approve(HOME, seller="Muster Handel Nord", payable="900.00")
    (name,) = desk.books.blobs.names("suppliers/")
    kept = json.loads(desk.books.blobs.read(name))
    assert (kept["name"], kept["account"], kept["approved_by"]) == ("Muster Handel GmbH", HOME, [ANN])


def test_storage_that_is_away_makes_no_supplier_new() -> None:
    """The step is repeated; nothing is decided without looking."""
    desk = Desk()
    desk.approve(HOME)
    desk.books.blobs.go_away()
    with pytest.raises(StorageUnavailable):
        SupplierStore(desk.books.blobs).accounts_of(SupplierId(kind="vat", value="de690593538"))


# ---------------------------------------------------------------- the rule itself

_STATED: tuple[tuple[IdKind, str], ...] = (("vat", "1"), ("vat", "2"), ("legal", "1"))
_SOME_IDS = [SupplierId(kind=kind, value=value) for kind, value in _STATED]
_ids = st.lists(st.sampled_from(_SOME_IDS), unique=True, max_size=2).map(tuple)
_accounts = st.lists(st.sampled_from("ABC"), unique=True, max_size=3).map(tuple)
_approved = st.dictionaries(st.sampled_from(_SOME_IDS), st.frozensets(st.sampled_from("ABC")))


@given(_ids, _accounts, _approved)
def test_known_means_every_id_with_every_account(
    ids: tuple[SupplierId, ...], accounts: tuple[str, ...], approved: dict[SupplierId, frozenset[str]]
) -> None:
    """Held against all pairs, one by one."""
    keys = {one: frozenset(map(account_key, found)) for one, found in approved.items()}
    pairs = [account in approved.get(one, ()) for one in ids for account in accounts]
    found = standing(PayTo(ids, accounts), keys)
    assert (found == "known") == (bool(pairs) and all(pairs))
    if found == "account_new":
        assert any(approved.get(one) for one in ids)
        assert not all(pairs)


def test_accounts_are_all_that_an_invoice_names() -> None:
    """IBAN or not, each once, without spaces; what a direct debit takes from is the buyer's."""
    means = (
        PaymentMeans(account="de89 8942 4545 1824 8492 05"),
        PaymentMeans(account="DE89894245451824849205"),
        PaymentMeans(account="60 12 34 / 7"),
        PaymentMeans(debited_account="DE75512108001245126199"),
        PaymentMeans(),
    )
    assert Invoice(kind="cii", payment_means=means).accounts == ("DE89894245451824849205", "601234/7")


def test_row_without_an_invoice_says_nothing() -> None:
    """It never gets here, and costs nothing if it does."""
    assert pay_to(InvoiceSummary()) == PayTo((), ())
    assert pay_to(InvoiceSummary(**invoice())).ids
