"""Messages that go out alone: what is noted, their words, their links, and what becomes of them."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from adapters import messages, wording
from adapters.messages import KINDS, Occasion
from invoicing.approval.policy import Stage
from invoicing.records.approval import ApprovalRequest
from invoicing.records.messages import MessageKind
from stores import approval_names, notices, outbox, supervised
from stores.blobs import StorageUnavailable
from stores.records import RecordDamaged
from tests.fakes.mail_server import MailServer
from tests.fakes.webhook import Webhook
from tests.unit.asked import asked
from tests.unit.message_world import ANN, BOB, LIFETIME, NOW, SUE, World
from tests.unit.report_rows import finding, row

DEADLINE = NOW + LIFETIME


@pytest.fixture
def world(tmp_path: Path) -> World:
    """No channel is set up; all want each message by itself."""
    made = World(tmp_path)
    made.wish("single", ANN, BOB, SUE)
    return made


@pytest.fixture
def hook() -> Iterator[Webhook]:
    """A webhook that takes everything."""
    with Webhook() as running:
        yield running


def test_each_person_gets_a_message_of_their_own(world: World) -> None:
    """Queued as an instance of `deliver_notification` each, noted as queued, and nothing is sent yet."""
    approval = world.open()
    world.tell(approval)
    assert [name for name, _, _ in world.queued] == ["deliver_notification", "deliver_notification"]
    assert world.states(approval) == {(ANN, "queued"), (BOB, "queued")}
    assert {instance for _, instance, _ in world.queued} == {one.id for one in world.notices(approval)}
    assert world.outbox() == []


def test_telling_again_tells_nobody_twice(world: World) -> None:
    """A repeated step queues the same instances; what was sent is not even queued."""
    approval = world.open(approvers=(ANN,))
    world.tell(approval)
    world.tell(approval)
    assert len({instance for _, instance, _ in world.queued}) == 1
    world.send_alone()
    world.queued.clear()
    world.tell(approval)
    assert world.queued == []
    assert len(world.outbox()) == 1
    for _ in range(2):
        world.add(approval, "reminder", stage="clerk")
    world.tell(approval)
    assert len(world.queued) == 2, "each reminder is told"


def test_message_whose_start_got_lost_is_queued_again(world: World) -> None:
    """The process died between noting it and the queue: the repeated step mends it."""
    approval = world.open(approvers=(ANN,))
    world.queue_fails = KeyboardInterrupt()
    with pytest.raises(KeyboardInterrupt):
        world.tell(approval)
    world.queue_fails = None
    world.tell(approval)
    assert len(world.notices(approval)) == len(world.queued) == 1


def test_message_that_the_queue_does_not_take_is_left_to_the_supervisor(world: World) -> None:
    """The step goes on: an approval does not wait for a queue."""
    approval = world.open(approvers=(ANN,))
    world.queue_fails = StorageUnavailable("send to queue: no answer")
    world.tell(approval)
    (work,) = supervised.work_under_way(world.blobs)
    (notice,) = world.notices(approval)
    assert (work.orchestrator, work.instance) == ("deliver_notification", notice.id)
    assert work.input == {"approval": approval, "notice": notice.id}


def test_link_in_a_message_is_bound_to_person_stage_document_and_deadline(world: World) -> None:
    """And opens the page of the approval."""
    approval = world.open()
    world.tell(approval)
    world.send_alone()
    links = world.services().links
    assert len(world.outbox()) == 2
    for message in world.outbox():
        page, _, token = message.link.partition("?t=")
        assert page == f"https://settle.example/approvals/{approval}"
        claims = links.read(token, NOW, approval=approval)
        assert (claims.person, claims.stage, claims.sha256) == (message.to, "clerk", "ab" * 32)
        assert claims.purpose == "decide"
        assert abs(claims.expires - DEADLINE) < timedelta(seconds=1)
        assert message.link in message.text


def test_question_goes_to_the_sender_with_a_link_to_answer(world: World) -> None:
    """It repeats the comment; its link cannot approve."""
    approval = world.open()
    world.add(approval, "ask", stage="clerk", who=ANN, comment="Which order?")
    world.tell(approval, after=2)
    assert world.send_alone() == [{"outcome": "sent"}]
    (message,) = world.outbox()
    assert message.to == SUE
    assert "Ann Roth wrote:\n> Which order?" in message.text
    token = message.link.partition("?t=")[2]
    assert world.services().links.read(token, NOW).purpose == "answer"


def test_message_that_only_tells_has_no_signed_link(world: World) -> None:
    """Its reader has nothing to decide."""
    approval = world.open()
    world.end(approval, "reject", ANN, "Not ours")
    world.tell(approval, after=2)
    world.send_alone()
    (message,) = world.outbox()
    assert message.link == f"https://settle.example/approvals/{approval}"
    assert message.subject.startswith("Rejected: invoice RE-1 of ACME")
    assert "for you alone" not in message.text


@pytest.mark.parametrize("kind", sorted(KINDS))
def test_every_kind_of_message_says_what_it_is_about(kind: MessageKind) -> None:
    """Supplier, number, amount and findings, in text and HTML; the HTML escapes strangers' words."""
    findings = [finding("SETTLE-IBAN", "warning", "The IBAN <b>is</b> wrong.", "settle")]
    occasion = Occasion(
        kind=kind,
        stage="clerk",
        request=_request(invoice=_nasty(), findings=findings),
        author="A<i>",
        comment="Hm <script>",
        deadline=DEADLINE,
    )
    message = messages.render(
        occasion, id="n1", to=ANN, to_name="Ann", link="https://x/?t=a&b", personal=True
    )
    for said in (message.subject, message.text):
        assert "RE <1>" in said
        assert "1,234.50 EUR" in said
    assert "\n" not in message.subject
    assert "&lt;script&gt;alert" in message.html
    assert "<script" not in message.html
    assert "The IBAN &lt;b&gt;is&lt;/b&gt; wrong." in message.html
    assert 'href="https://x/?t=a&amp;b"' in message.html
    assert "https://x/?t=a&b" in message.text
    assert "Hm <script>" in message.text
    assert "Hm &lt;script&gt;" in message.html


def _nasty() -> dict[str, Any]:
    return {
        "number": "RE <1>\n\x1b[2J",
        "seller": "<script>alert(1)</script>" + "x" * 5000,
        "payable": "1234.5",
        "currency": "EUR",
    }


def _request(**row_changes: Any) -> ApprovalRequest:
    stage = Stage("clerk", (ANN,), timedelta(days=14))
    return asked("i" + "1" * 24, stage, row=row(**row_changes))


@pytest.mark.parametrize("payable", [None, "", "a lot"])
def test_amount_that_is_none_is_said_to_be_unknown(payable: Any) -> None:
    """Whatever stands there."""
    assert wording.amount(payable, "EUR") == "an unknown amount"


@pytest.mark.parametrize("invoice", [None, {"number": "1", "payable": None}])
def test_invoice_without_an_amount_still_makes_a_message(invoice: Any) -> None:
    """It says that it does not know."""
    occasion = Occasion("request", "clerk", _request(invoice=invoice))
    message = messages.render(occasion, id="n", to=ANN, to_name="", link="https://x", personal=False)
    assert "an unknown amount" in message.text


def test_mail_is_sent_where_a_server_is_set(world: World) -> None:
    """Over real SMTP; the outbox stays empty."""
    with MailServer() as server:
        world.environment["SETTLE_SMTP_URL"] = f"smtp://127.0.0.1:{server.port}"
        world.tell(world.open(approvers=(ANN,)))
        assert world.send_alone() == [{"outcome": "sent"}]
        (mail,) = server.received
    assert mail["To"] == "Ann Roth <ann.roth@example.com>"
    assert mail["Subject"] == "Please decide: invoice RE-1 of ACME, 1,234.50 EUR"
    assert world.outbox() == []


def test_address_that_does_not_exist_is_not_tried_for_days(world: World) -> None:
    """The server said so for good."""
    with MailServer() as server:
        server.answers = lambda command: "550 nobody here" if command == "RCPT" else None
        world.environment["SETTLE_SMTP_URL"] = f"smtp://127.0.0.1:{server.port}"
        world.tell(world.open(approvers=(ANN,)))
        assert [one["outcome"] for one in world.send_alone()] == ["failed"]


@pytest.mark.parametrize("missing", ["SETTLE_LINK_KEY", "SETTLE_PUBLIC_URL"])
def test_missing_setting_is_waited_for_and_named(world: World, missing: str) -> None:
    """Once it is set, the message goes out."""
    value = world.environment.pop(missing)
    world.tell(world.open(approvers=(ANN,)))
    (outcome,) = world.send_alone()
    assert outcome["outcome"] == "again"
    assert missing in outcome["error"]
    world.environment[missing] = value
    assert world.send_alone() == [{"outcome": "sent"}]


def test_channel_that_stays_down_fails_the_message_at_its_last_try(world: World) -> None:
    """Until when it is tried is told with each try; the approval shows the error."""
    with MailServer() as server:
        server.answers = lambda command: "451 later" if command == "RCPT" else None
        world.environment["SETTLE_SMTP_URL"] = f"smtp://127.0.0.1:{server.port}"
        approval = world.open(approvers=(ANN,))
        world.tell(approval)
        assert [one["outcome"] for one in world.send_alone()] == ["again"]
        assert world.states(approval) == {(ANN, "retrying")}
        assert [one["outcome"] for one in world.send_alone(last=True)] == ["failed"]
    (notice,) = world.notices(approval)
    assert (notice.state, notice.attempts, notice.error) == ("failed", 2, "mail: 451 later")


def test_policy_that_is_broken_takes_no_message_away(world: World) -> None:
    """The person's name is unknown then, their address is not."""
    Path(world.environment["SETTLE_POLICY"]).write_text("{")
    world.tell(world.open(approvers=(ANN,)))
    assert world.send_alone() == [{"outcome": "sent"}]
    assert world.outbox()[0].text.startswith("Hello ann.roth@example.com,")


def test_nobody_is_asked_for_what_was_settled_meanwhile(world: World) -> None:
    """The mail server was down while somebody else decided; the decision itself is still told."""
    approval = world.open(approvers=(ANN, BOB))
    world.tell(approval)
    world.end(approval, "approve", BOB)
    world.tell(approval, after=2)
    assert sorted(one["outcome"] for one in world.send_alone()) == ["obsolete", "obsolete", "sent"]
    assert [message.to for message in world.outbox()] == [SUE]


def test_question_that_was_answered_meanwhile_is_not_asked(world: World) -> None:
    """The sender would not find it any more."""
    approval = world.open()
    world.add(approval, "ask", stage="clerk", who=ANN, comment="?")
    world.tell(approval, after=2)
    world.add(approval, "answer", stage="clerk", who=SUE, comment="!")
    assert world.send_alone() == [{"outcome": "obsolete"}]


def test_approval_that_is_gone_needs_no_messages(world: World) -> None:
    """Retention removed it."""
    approval = world.open(approvers=(ANN,))
    world.tell(approval)
    world.blobs.delete(approval_names.request(approval))
    assert [one["outcome"] for one in world.send_alone()] == ["obsolete"]


def test_storage_that_is_away_is_not_taken_for_a_channel_that_is_down(world: World) -> None:
    """The activity raises, and the orchestration tries again."""
    world.tell(world.open())
    world.blobs.go_away()
    with pytest.raises(StorageUnavailable):
        world.send_alone()


def test_outbox_shows_the_newest_first_and_one_message_once(world: World) -> None:
    """Also where a message was sent a second time because its state could not be noted."""
    approval = world.open(approvers=(ANN,))
    world.tell(approval)
    world.send_alone()
    (first,) = world.notices(approval)
    notices.write(world.blobs, first.changed(state="queued"))
    world.send_alone()
    assert len(world.outbox()) == 1
    later = NOW + timedelta(days=1)
    message = messages.render(
        Occasion("decided", "", _request()), id="n2", to=SUE, to_name="", link="https://x", personal=False
    )
    outbox.put(world.blobs, message, later)
    found, page = outbox.messages(world.blobs, top=1)
    assert [one.id for one in found.found] == ["n2"]
    rest, end = outbox.messages(world.blobs, top=1, page=page)
    assert [one.id for one in rest.found] == [first.id]
    assert end is None


def test_message_is_read_back_as_it_was_written(world: World) -> None:
    """What is stored is typed: what is no message of ours is said to be none."""
    approval = world.open(approvers=(ANN,))
    world.tell(approval)
    (notice,) = world.notices(approval)
    assert notices.from_json("n", notice.as_json()) == notice
    assert isinstance(notice.created, datetime)
    with pytest.raises(RecordDamaged):
        notices.from_json("n", b'{"id": "n1"}')
