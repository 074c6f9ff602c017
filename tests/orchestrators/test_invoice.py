"""One invoice from end to end: ends without a person, late failures, and what is undone then."""

from __future__ import annotations

import json
from typing import Any

import pytest

from devhost.testing import Host, in_turn
from invoicing.approval import names
from invoicing.approval.policy import PolicyInvalid
from stores.invoices import row_name
from stores.payables import payable_name
from tests.orchestrators.approval_kit import ANN, APP, BOB, DOCUMENT, INVOICE, SUE, Office, clerk

APPROVAL = names.approval_id(INVOICE)
OTHER = names.invoice_id("2" * 64)
ACTIVITIES = ("assess_invoice", "claim_invoice", "route_invoice", "book_payable")


def _claims(here: Office) -> str:
    shards = (here.blobs.read(name) for name in here.blobs.names("claims/"))
    return b"".join(shards).decode()


def test_invoice_that_needs_nobody_is_booked_at_once() -> None:
    """A rule without stages: no approval, no ledger; and an account that no person saw is not known by it."""
    with Office().at_work() as here:
        here.bring("valid ACME 17 500.00 DE1 DE02")
        assert here.status().output == {"status": "booked", "approval": None, "undone": []}
        (payable,) = here.payables()
        assert (payable["approval"], payable["approved_by"], payable["rule"]) == (None, [], "all")
        assert here.blobs.names("approvals/") == []
        assert here.blobs.names("suppliers/") == []


def test_account_that_a_person_approved_is_known_from_now_on() -> None:
    """With the invoice, the person and the approval that it rests on."""
    with Office(clerk()).at_work() as here:
        here.bring("valid ACME 17 500.00 DE1 DE02")
        here.decide(ANN, "approve")
        (name,) = here.blobs.names("suppliers/")
        kept = json.loads(here.blobs.read(name))
        assert (kept["supplier"], kept["account"]) == ({"kind": "vat", "value": "de1"}, "DE02")
        assert (kept["ref"], kept["approval"], kept["approved_by"]) == (INVOICE, APPROVAL, [ANN])


def test_steps_come_in_order() -> None:
    """Assess, claim, route, approve, book."""
    with Office(clerk()).at_work() as here:
        here.bring()
        here.decide(ANN, "approve")
        called = [name for name, _ in here.host.calls if name in ACTIVITIES]
        assert called == list(ACTIVITIES)


@pytest.mark.parametrize("outcome", ["invalid ACME 17", "unreadable", "endless"])
def test_bad_document_ends_with_its_outcome_and_claims_nothing(outcome: str) -> None:
    """It is a result, not a failure: the corrected copy is no duplicate."""
    with Office(clerk()).at_work() as here:
        here.bring(outcome)
        expected = "set_aside" if outcome == "endless" else outcome.split()[0]
        assert here.status().output == {"status": expected, "undone": []}
        row = json.loads(here.blobs.read(row_name(INVOICE)))
        assert row["outcome"] == expected
        assert _claims(here) == ""


def test_duplicate_names_its_holder_and_takes_nothing_from_it() -> None:
    """The first one keeps its claim; the row says whose it is."""
    with Office(clerk()).at_work() as here:
        here.bring()
        here.bring(ref=OTHER)
        output = here.host.status(OTHER).output
        assert output == {"status": "duplicate", "holder": f"{INVOICE}/1", "undone": []}
        assert INVOICE in _claims(here)
        row = json.loads(here.blobs.read(row_name(OTHER)))
        assert row["outcome"] == "duplicate"
        assert INVOICE in row["findings"][-1]["text"]


def test_booking_that_fails_for_good_undoes_everything_in_reverse() -> None:
    """Payable, ledger, claim; the status says so, and the ledger does."""
    broken = in_turn(ValueError("no room"))
    with Office(clerk(), activities={"book_payable": broken}).at_work() as here:
        here.bring()
        here.decide(ANN, "approve")
        ended = here.host.finish(INVOICE)
        assert ended.output["status"] == "failed"
        assert "no room" in ended.output["error"]["message"]
        assert ended.output["undone"] == ["approval", "claim"], "there was no payable to take back"
        assert ended.custom_status == {"phase": "done", "approval": APPROVAL, "undone": ["approval", "claim"]}
        assert here.kinds()[-2:] == ["closed", "undone"]
        assert _claims(here) == ""
        undoing = [name for name, _ in here.host.calls][-3:]
        assert undoing == ["withdraw_payable", "record_compensation", "release_claim"]


def test_payable_that_was_written_by_half_is_taken_back() -> None:
    """It was written, but the step never answered: the payable must not stay behind."""
    with Office(clerk()).at_work() as here:
        here.bring("valid ACME 17 500.00 DE1 DE02")

        def suppliers_away(verb: str, name: str) -> None:
            if name.startswith("suppliers/") and verb == "create":
                raise ValueError("cut off")

        here.blobs.fails = suppliers_away
        here.decide(ANN, "approve")
        ended = here.host.finish(INVOICE)
        assert ended.output["undone"] == ["payable", "approval", "claim"]
        assert here.payables() == []


def test_undo_that_fails_does_not_keep_the_others_from_it() -> None:
    """The ledger cannot be told; the claim is given back all the same, and both is said."""
    with Office(clerk(), activities={"book_payable": in_turn(ValueError("no room"))}).at_work() as here:
        here.bring()

        def ledger_broken(verb: str, name: str) -> None:
            if verb == "create" and name.endswith("000005.json"):
                raise ValueError("broken")

        here.blobs.fails = ledger_broken
        here.decide(ANN, "approve")
        ended = here.host.finish(INVOICE)
        assert (ended.output["undone"], ended.output["not_undone"]) == (["claim"], ["approval"])


def test_payable_of_another_approval_is_never_overwritten() -> None:
    """Somebody's payable stands in the place: the invoice fails, and the payable stays as it is."""
    with Office(clerk()).at_work() as here:
        here.bring()
        other = {"ref": INVOICE, "approval": "another", "document": {}}
        here.blobs.write(payable_name(INVOICE), json.dumps(other).encode())
        here.decide(ANN, "approve")
        output = here.host.finish(INVOICE).output
        assert (output["status"], output["error"]["code"]) == ("failed", "payable_exists")
        assert output["undone"] == ["approval", "claim"]
        assert here.payables() == [other]


def test_invoice_sent_again_after_a_reject_gets_a_new_approval() -> None:
    """The same document, the same reference: the old ledger is closed and stays as it is."""
    with Office(clerk()).at_work() as here:
        here.bring()
        here.decide(ANN, "reject", comment="not ours")
        here.bring()
        second = names.approval_id(INVOICE, 2)
        assert here.status().custom_status["approval"] == second
        here.decide(BOB, "approve", second)
        assert here.status().output["status"] == "booked"
        assert here.payables()[0]["approval"] == second
        assert here.kinds()[-1] == "closed"
        assert here.kinds(second)[-1] == "booked"


def test_policy_that_is_broken_meanwhile_is_waited_for() -> None:
    """Somebody saves half a file while an invoice is on its way: an hour later it is mended."""
    answers: list[Any] = [PolicyInvalid(["half a file"])] * 10
    routed = {"outcome": "ok", "rule": "all", "approval": None}
    replaced = {"route_invoice": in_turn(*answers, routed), "book_payable": {"outcome": "ok"}}
    with Office(activities=replaced).at_work() as here:
        here.bring()
        assert here.host.finish(INVOICE).output["status"] == "booked"
        assert len(here.host.calls_of("route_invoice")) == 11


def test_ledger_without_the_approvals_books_nothing() -> None:
    """Even if a workflow said it was approved, the step that books asks the ledger."""
    said = {"outcome": "approved", "stage": "clerk", "by": ANN, "comment": ""}
    with Office(clerk()).at_work() as here:
        here.store(DOCUMENT, sender=SUE)
        here.host.close()
        here.host = Host(APP, orchestrators={"approval": said})
        here.host.start("process_invoice", {"invoice": INVOICE}, instance_id=INVOICE)
        output = here.host.finish(INVOICE).output
        assert (output["status"], output["error"]["code"]) == ("failed", "not_approved")
        assert here.payables() == []
