"""An invoice waits for its goods: early, late, in parts, twice, never; what does not match has a person."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import pytest

from adapters import services
from adapters.channel_settings import ChannelSettings, SmtpServer
from adapters.channels import NotSent
from invoicing.approval import names
from invoicing.approval.policy import Policy
from invoicing.records.messages import Message
from invoicing.signals import offering
from orchestrators import signals
from stores import goods, orders, outbox
from stores import signals as signal_store
from stores.blobs import StorageUnavailable
from stores.invoices import InvoiceStore
from stores.orders import OrderStore
from tests.orchestrators.approval_kit import ANN, BOB, CARLA, DOCUMENT, INVOICE, policy_of
from tests.orchestrators.goods_kit import BILL, WAITS, Dock, policy_of_goods
from usecases import delivering, wait_for_signals
from usecases.approval_view import read_approval
from usecases.receipts import AMBIGUOUS
from usecases.sweep_signals import sweep
from usecases.take_in_order import read_order

APPROVAL = names.approval_id(INVOICE)
OTHER = names.invoice_id("2" * 64)


def test_invoice_goes_on_when_all_of_its_goods_have_come() -> None:
    """In parts, from several devices; it waits for as long as something is missing."""
    with Dock().at_work() as here:
        here.order()
        here.bring(BILL)
        assert here.phase() == "goods"
        here.goods("a", ("1", 6))
        here.goods("b", ("2", "4"))
        assert here.phase() == "goods"
        assert here.host.status(WAITS).custom_status["lines"] == 1
        here.goods("c", ("1", 4.0))
        assert here.status().output == {"status": "booked", "approval": None, "undone": []}
        assert here.state().ended == "matched"
        assert len(here.payables()) == 1


def test_goods_that_came_before_the_invoice_count() -> None:
    """Also before the order did: it does not wait at all."""
    with Dock().at_work() as here:
        here.goods("a", ("1", 10), ("2", 4))
        here.order()
        here.bring(BILL)
        assert here.status().output["status"] == "booked"
        assert "TimerCreated" not in str(here.host.status(WAITS, history=True).history)


@pytest.mark.parametrize("order_is_late", [False, True])
def test_goods_that_came_months_before_the_invoice_count(order_is_late: bool) -> None:
    """Their signals are too old by then, and gone: they are kept with the order first."""
    with Dock().at_work() as here:
        app = services.current()
        if not order_is_late:
            here.order()
        here.goods("a", ("1", 10), ("2", 4))
        here.order()
        later = replace(app, clock=lambda: app.clock() + timedelta(days=90))
        asyncio.run(sweep(later, here.client))
        assert signal_store.folder(here.blobs, "goods-received", "PO-1").came == {}
        here.bring(BILL)
        assert here.status().output["status"] == "booked"


def test_old_goods_whose_order_is_damaged_are_not_removed() -> None:
    """The sweep goes on with everything else."""
    with Dock().at_work() as here:
        app = services.current()
        order = here.order()
        here.goods("a", ("1", 10))
        here.goods("b", ("1", 10), key="PO-9")
        here.blobs.write(f"orders/{order.id}/revisions/0001.json", b"{")
        later = replace(app, clock=lambda: app.clock() + timedelta(days=90))
        assert asyncio.run(sweep(later, here.client)).removed == 1
        assert len(signal_store.folder(here.blobs, "goods-received", "PO-1").came) == 1


def test_goods_that_may_be_of_two_orders_count_for_neither() -> None:
    """Both orders have the number; a signal that says the id of one counts for that one."""
    with Dock().at_work() as here:
        other = here.order(supplier={"name": "Nordwind"})
        order = here.order()
        here.goods("a", ("1", 10), ("2", 4))
        here.bring(BILL)
        assert here.phase() == "goods"
        for one in (order, other):
            (told,) = read_order(here.blobs, one.id).receipts
            assert told.goods is None
            assert told.problem == AMBIGUOUS
        here.goods("b", ("1", 10), ("2", 4), order="PO-1")
        assert here.phase() == "goods"
        here.goods("c", ("1", 10), ("2", 4), order=order.id)
        assert here.status().output["status"] == "booked"
        assert set(read_order(here.blobs, other.id).received.quantities) == {0}


def test_goods_beyond_the_most_that_may_count_are_told(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """They were written again at each look, and were counted until their signals were removed."""
    monkeypatch.setattr(orders, "MOST_RECEIPTS", 2)
    with Dock().at_work() as here:
        order = here.order()
        for n in range(4):
            here.goods(f"part {n}", ("1", 2))
            here.host.advance(seconds=1)
        here.bring(BILL)
        assert here.phase() == "goods"
        assert read_order(here.blobs, order.id).received.quantities[0] == 4
        assert len(OrderStore(here.blobs).receipts(order.id)) == 2
        assert f"order {order.id} has 2 receipts" in caplog.text


def test_signal_that_comes_twice_counts_once() -> None:
    """By its id."""
    with Dock().at_work() as here:
        here.order()
        here.bring(BILL)
        for _ in range(3):
            here.goods("a", ("1", 5), ("2", 4))
        assert here.phase() == "goods"
        assert here.state().match is not None
        here.goods("b", ("1", 5))
        assert here.status().output["status"] == "booked"


def test_history_of_a_wait_has_a_bound_whatever_a_scale_says(monkeypatch: pytest.MonkeyPatch) -> None:
    """It continues as new: a scale that speaks each minute made it grow to 500,000 events in a month."""
    monkeypatch.setattr(signals, "LONG", 10)
    with Dock().at_work() as here:
        here.order()
        here.bring(BILL)
        longest = 0
        for n in range(100):
            here.goods(f"scale {n}", ("1", "0.1"))
            here.host.advance(minutes=1)
            longest = max(longest, len(here.host.status(WAITS, history=True).history or ()))
        assert longest < 10 * 16
        match = here.state().match
        assert match is not None
        assert {line.name: line.received for line in match.lines} == {"Oil": 10, "Salt": 0}
        here.goods("last", ("2", 4))
        assert here.status().output["status"] == "booked"
        here.host.check_invariants()


def test_wait_that_continues_is_given_only_what_is_new(monkeypatch: pytest.MonkeyPatch) -> None:
    """Else each part of it begins with all that came before, and has no room for the rest of the month."""
    monkeypatch.setattr(signals, "LONG", 10)
    monkeypatch.setattr(offering, "MOST_OF_A_WAIT", 30)
    monkeypatch.setattr(wait_for_signals, "MOST_OF_A_WAIT", 30)
    with Dock().at_work() as here:
        here.order()
        here.bring(BILL)
        looks = []
        for n in range(60):
            here.goods(f"scale {n}", ("1", "0.1"))
            here.host.advance(minutes=1)
            looks.append(len(here.host.calls_of("look_at_goods")))
        assert looks[-1] <= 80
        assert here.state().match is not None
        here.goods("rest", ("1", 4), ("2", 4))
        assert here.status().output["status"] == "booked"


def test_wait_of_an_older_version_goes_on_the_old_way(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its history may hold more readings than a new one makes, and its replay has to ask for all of them."""
    monkeypatch.setattr(signals, "LONG", 2)
    with Dock(default_version="1.2").at_work() as here:
        here.order()
        here.bring(BILL)
        for n in range(5):
            here.goods(f"scale {n}", ("1", 2))
        assert len(here.host.calls_of("open_signal_wait")) == 1
        here.goods("last", ("2", 4))
        assert here.status().output["status"] == "booked"
        assert len(here.host.calls_of("open_signal_wait")) == 1


def test_what_does_not_match_goes_to_a_person_with_the_three_numbers() -> None:
    """At once: more goods would not help."""
    with Dock().at_work() as here:
        here.order()
        here.goods("a", ("1", 10), ("2", 4))
        here.bring(BILL.replace("line:1:10:EA:50.00", "line:1:12:EA:60.00"))
        assert here.phase() == "approval"
        request = read_approval(here.blobs, APPROVAL).request
        assert request.rule == "goods"
        assert "SETTLE-MATCH-QUANTITY" in request.facts.findings
        assert request.match is not None
        line = request.match.lines[0]
        assert (line.ordered, line.received, line.billed) == (10, 10, 12)
        here.decide(BOB, "approve")
        assert here.status().output["status"] == "booked"


def test_goods_that_do_not_come_in_time_are_for_a_person() -> None:
    """After reminders to who is named in the policy; a rejected invoice bills no more."""
    with Dock().at_work() as here:
        order = here.order()
        here.bring(BILL)
        here.goods("a", ("1", 10), ("2", 3))
        here.host.advance(days=29)
        assert (here.phase(), here.state().reminders, here.state().told) == ("goods", 4, 4)
        sent, _ = outbox.messages(here.blobs)
        assert len(sent.found) == 4
        assert {message.to for message in sent.found} == {ANN}
        assert "Salt: ordered 4, received 3, billed 4 KGM" in sent.found[0].text
        here.host.advance(days=2)
        assert here.state().ended == "late"
        assert here.phase() == "approval"
        here.decide(BOB, "reject", comment="where is the salt")
        assert here.status().output["undone"] == ["goods", "claim"]
        (billing,) = OrderStore(here.blobs).billings(order.id)
        assert billing.withdrawn


def test_channel_that_does_not_work_holds_nothing_up() -> None:
    """What went wrong stands with the invoice."""
    here = Dock()
    nobody = SmtpServer("127.0.0.1", 9, "none")
    here.settings = replace(here.settings, channels=ChannelSettings(nobody, "settle@example.com"))
    with here.at_work():
        here.order()
        here.bring(BILL)
        here.host.advance(days=8)
        assert (here.state().reminders, here.state().told) == (1, 0)
        assert "refused" in (here.state().remind_error or "")
        here.goods("a", ("1", 10), ("2", 4))
        assert here.status().output["status"] == "booked"


def test_delivery_that_is_complete_and_short_does_not_wait() -> None:
    """The dock says that nothing more comes."""
    with Dock().at_work() as here:
        here.order()
        here.bring(BILL)
        here.goods("a", ("1", 10), ("2", 3), complete=True)
        assert here.phase() == "approval"


def test_earlier_invoice_counts_and_a_rejected_one_does_not() -> None:
    """Ten were ordered and came: two invoices over ten are one too many."""
    with Dock().at_work() as here:
        here.order()
        here.goods("a", ("1", 10), ("2", 4))
        here.bring(BILL.replace("60.00", "61.00", 1).replace("50.00", "51.00"))  # the price is wrong
        assert here.phase() == "approval"
        again = BILL.replace(" 17 ", " 18 ")
        here.bring(again, ref=OTHER)
        assert here.phase(OTHER) == "approval"  # the first one still counts
        here.decide(BOB, "reject", comment="wrong price")
        third = names.invoice_id("3" * 64)
        here.bring(BILL.replace(" 17 ", " 19 "), ref=third)
        assert here.phase(third) == "approval"  # so does the second
        here.decide(BOB, "reject", names.approval_id(OTHER), comment="twice")
        here.bring(BILL.replace(" 17 ", " 20 "), ref=names.invoice_id("4" * 64))
        assert here.phase(names.invoice_id("4" * 64)) == "approval"  # and the third


@pytest.mark.parametrize(
    ("required", "document", "phase"),
    [
        ("no", "valid ACME 17 60.00", "booked"),
        ("where_ordered", "valid ACME 17 60.00", "approval"),
        ("where_ordered", "valid Nordwind 17 60.00", "booked"),
        ("always", "valid Nordwind 17 60.00", "approval"),
    ],
)
def test_invoice_that_has_to_name_an_order_and_does_not_is_for_a_person(
    required: str, document: str, phase: str
) -> None:
    """Else a supplier could leave the order out, and nobody would compare."""
    with Dock({"order_required": required}).at_work() as here:
        here.order()
        here.bring(document)
        if phase == "booked":
            assert here.status().output["status"] == "booked"
            return
        assert here.phase() == "approval"
        assert read_approval(here.blobs, APPROVAL).request.facts.findings == {"SETTLE-ORDER-MISSING"}


def test_all_who_are_reminded_get_a_message_of_their_own() -> None:
    """In the outbox, too, where messages of one moment and one id are one."""
    with Dock({"remind": [ANN, CARLA]}).at_work() as here:
        here.order()
        here.bring(BILL)
        here.host.advance(days=8)
        found = outbox.messages(here.blobs)[0].found
        assert {message.to for message in found} == {ANN, CARLA}
        assert len({message.id for message in found}) == 2


def test_person_who_cannot_be_reached_holds_back_nobody_else(monkeypatch: pytest.MonkeyPatch) -> None:
    """The reminder of the next one goes out all the same."""
    reached: list[str] = []

    def send(_services: object, _channel: str, message: Message, _created: object) -> None:
        if message.to == ANN:
            raise NotSent("this address is refused")
        reached.append(message.to)

    monkeypatch.setattr(delivering, "send", send)
    with Dock({"remind": [ANN, CARLA]}).at_work() as here:
        here.order()
        here.bring(BILL)
        here.host.advance(days=8)
        assert reached == [CARLA]
        assert here.state().remind_error == "this address is refused"


def test_order_that_nobody_knows_is_a_finding() -> None:
    """Unless the policy says that it is waited for."""
    with Dock().at_work() as here:
        here.bring(BILL)
        assert here.phase() == "approval"
        request = read_approval(here.blobs, APPROVAL).request
        assert request.facts.findings == {"SETTLE-ORDER-UNKNOWN"}
        assert goods.state_of(here.blobs, INVOICE) is None
        here.decide(CARLA, "approve")
        assert here.status().output["status"] == "booked"


def test_order_that_nobody_knows_may_be_waited_for() -> None:
    """It comes, and wakes who waits for it; a changed one does so, too."""
    with Dock({"unknown_order": "wait"}).at_work() as here:
        here.bring(BILL)
        assert (here.phase(), here.state().order) == ("goods", None)
        here.goods("a", ("1", 10), ("2", 3))
        here.order()
        assert here.phase() == "goods"
        less = [{"id": "1", "quantity": 10, "unit": "EA"}, {"id": "2", "quantity": 3, "unit": "KGM"}]
        here.order(lines=less)
        assert here.phase() == "approval"
        assert here.state().ended == "mismatch"


def test_order_that_never_comes_ends_the_wait() -> None:
    """With the finding."""
    with Dock({"unknown_order": "wait"}).at_work() as here:
        here.bring(BILL)
        here.host.advance(days=31)
        assert here.state().ended == "unknown"
        assert here.phase() == "approval"


@pytest.mark.parametrize(
    ("policy", "document"),
    [(policy_of(), BILL), (policy_of_goods(), DOCUMENT)],
    ids=["no section", "no order"],
)
def test_nothing_changes_without_a_section_or_an_order(policy: Policy, document: str) -> None:
    """The steps are the same as before."""
    with Dock().at_work() as here:
        here.policy = policy
        here.order()
        here.bring(document)
        assert here.status().output["status"] == "booked"
        called = [name for name, _ in here.host.calls]
        assert called == ["assess_invoice", "claim_invoice", "route_invoice", "book_payable"]


def test_instance_of_an_older_version_waits_for_no_goods() -> None:
    """It goes the old way to its end."""
    with Dock(default_version="1.1").at_work() as here:
        here.order()
        here.bring(BILL)
        assert here.status().output["status"] == "booked"
        assert not here.host.instances(WAITS)


def test_tolerance_of_the_policy_counts() -> None:
    """A twentieth less salt."""
    with Dock({"quantity_percent": "5"}).at_work() as here:
        here.order()
        here.bring(BILL)
        here.goods("a", ("1", 10), ("2", "3.8"))
        assert here.status().output["status"] == "booked"
        match = here.state().match
        assert match is not None
        assert {line.received for line in match.lines} == {Decimal(10), Decimal("3.8")}


def test_section_that_is_taken_out_ends_the_wait() -> None:
    """At the next look: nobody wants it compared any more."""
    with Dock().at_work() as here:
        here.order()
        here.bring(BILL)
        here.policy = policy_of()
        here.goods("a", ("1", 1))
        assert here.status().output["status"] == "booked"


def test_storage_that_is_away_is_waited_for() -> None:
    """Nothing is lost meanwhile."""
    with Dock().at_work() as here:
        here.order()
        here.bring(BILL)
        here.blobs.fails = _goods_are_away
        here.host.advance(days=7, hours=1)
        here.blobs.fails = lambda verb, name: None
        here.host.advance(minutes=10)
        assert here.state().reminders == 1
        here.goods("a", ("1", 10), ("2", 4))
        assert here.status().output["status"] == "booked"


def test_run_that_was_lost_behind_its_wait_takes_back_what_it_bills() -> None:
    """Its goods had come and its route was not written: the next run does not wait, and compensates all."""
    with Dock().at_work() as here:
        order = here.order()
        here.goods("a", ("1", 10), ("2", 3), complete=True)
        here.blobs.fails = _approvals_are_away
        here.bring(BILL)
        here.host.advance(minutes=5)
        assert (here.phase(), here.state().ended) == ("routing", "mismatch")
        here.host.terminate(INVOICE)
        here.host.purge(INVOICE)
        here.blobs.come_back()
        for _ in range(4):
            here.supervise(gone=True)
            here.host.advance(seconds=30)
        assert here.phase() == "approval"
        here.decide(BOB, "reject", comment="too little salt")
        assert here.status().output["undone"] == ["goods", "claim"]
        (billing,) = OrderStore(here.blobs).billings(order.id)
        assert billing.withdrawn


def test_reader_that_is_away_is_waited_for() -> None:
    """The lines stand in the document alone; a process that reads it may be busy, or die."""
    with Dock().at_work() as here:
        here.order()
        here.goods("a", ("1", 10), ("2", 4))
        here.bring(f"{BILL} silent")
        here.host.advance(minutes=2)
        assert here.phase() == "goods"
        InvoiceStore(here.blobs).put_document(INVOICE, BILL.encode())
        here.host.advance(minutes=5)
        assert here.status().output["status"] == "booked"


def test_event_without_a_signal_does_no_harm() -> None:
    """Forged, lost or late ones: what is stored counts."""
    with Dock().at_work() as here:
        here.order()
        here.bring(BILL)
        for name in ("signal.x", "goods"):
            here.host.raise_event(WAITS, name, {"__class__": "x"})
        here.host.advance(timedelta(hours=1))
        assert here.phase() == "goods"


def _approvals_are_away(verb: str, name: str) -> None:
    if name.startswith("approvals/"):
        raise StorageUnavailable(f"{verb} {name}: no answer")


def _goods_are_away(verb: str, name: str) -> None:
    if name.startswith("goods/"):
        raise StorageUnavailable(f"{verb} {name}: no answer")
