"""From `notify` to what arrives: messages per person and channel, their words, links, and states."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from activities import notify, send_notification
from adapters import approvals, messages, notices, outbox, services
from adapters.blobs import StorageUnavailable
from adapters.messages import KINDS, Occasion
from adapters.services import Services
from adapters.settings import Settings, from_environment
from invoicing.approval import names
from invoicing.approval.ledger import Draft, chain, request_sha256, to_bytes
from invoicing.approval.policy import Stage
from tests.fakes.ledger_keys import LEDGER_KEYS
from tests.fakes.mail_server import MailServer
from tests.fakes.memory_blobs import MemoryBlobs
from tests.fakes.webhook import Webhook

ANN, BOB, SUE = "ann.roth@example.com", "bob.lang@example.com", "sue.sender@example.com"
REF = "i" + "1" * 24
APPROVAL = names.approval_id(REF)
NOW = datetime.now(UTC)
DEADLINE = (NOW + timedelta(days=14)).isoformat()

_notify = notify.notify._function.get_user_function()  # type: ignore[attr-defined]
_send = send_notification.send_notification._function.get_user_function()  # type: ignore[attr-defined]


class World:
    """The app's container, the starts that were queued, and settings that a test can change."""

    def __init__(self, policy: Path) -> None:
        self.blobs, self.queued = MemoryBlobs(), []
        self.environment = {
            "AzureWebJobsStorage": "unused",
            "SETTLE_LINK_KEY": "k" * 32,
            "SETTLE_PUBLIC_URL": "https://settle.example",
            "SETTLE_MAIL_FROM": "settle@example.com",
            "SETTLE_POLICY": str(policy),
        }
        self.request: dict[str, Any] = {}

    def services(self) -> Services:
        settings = from_environment(self.environment)
        return Services(settings, self.blobs, _no_checker, self._enqueue)

    def _enqueue(self, settings: Settings, name: str, instance: str, value: Any) -> None:
        self.queued.append((name, instance, value))

    def open(self, **invoice: Any) -> None:
        """An approval with the stage `clerk` open, sent in by Sue."""
        values = {"number": "RE-1", "seller": "ACME", "payable": "1234.5", "currency": "EUR"} | invoice
        finding = {"rule": "SETTLE-IBAN", "severity": "warning", "text": "The IBAN <b>is</b> wrong."}
        self.request = {
            "approval": APPROVAL,
            "ref": REF,
            "created": NOW.isoformat(),
            "sender": SUE,
            "facts": {},
            "stages": [Stage("clerk", (ANN, BOB), timedelta(days=14)).as_dict()],
            "document": {"name": "re-1.xml", "sha256": "ab" * 32, "kind": "cii", "ref": REF},
            "row": {"invoice": values, "findings": [finding]},
        }
        self.blobs.write(names.request(APPROVAL), json.dumps(self.request).encode())
        self.add("opened")
        self.add("stage_opened", stage="clerk")

    def add(self, kind: Any, **fields: Any) -> None:
        """One more entry of the ledger."""
        entries = approvals.read(self.blobs, APPROVAL).entries
        data = self.blobs.read(names.request(APPROVAL))
        draft = Draft(kind=kind, at=NOW.isoformat(), **fields)
        last = entries[-1] if entries else None
        entry = chain(draft, last, request_sha256(data), LEDGER_KEYS)
        self.blobs.create(names.entry(APPROVAL, entry.seq), to_bytes(entry))

    def tell(self, kind: str = "request", to: tuple[str, ...] = (ANN,), **details: Any) -> dict[str, Any]:
        """Run `notify` as the approval does."""
        job = {"approval": APPROVAL, "kind": kind, "stage": "clerk", "to": list(to), "deadline": DEADLINE}
        with services.replaced_by(self.services()):
            return _notify(job | details)

    def send_all(self, *, last: bool = False) -> list[dict[str, Any]]:
        """Run what was queued, each once, as the orchestration does; returns the outcomes."""
        with services.replaced_by(self.services()):
            return [_send({**value, "last": last}) for _, _, value in self.queued]

    def outbox(self) -> list[outbox.OutboxMessage]:
        return outbox.messages(self.blobs)[0].found

    def notices(self) -> list[notices.Notice]:
        return notices.of_approval(self.blobs, APPROVAL).found


def _no_checker() -> Any:
    raise AssertionError("messages need no checker")


@pytest.fixture
def world(tmp_path: Path) -> World:
    """An open approval; no channel is set up. The policy knows Ann's name only."""
    policy = tmp_path / "policy.json"
    people = {ANN: {"name": "Ann Roth"}}
    stage = {"name": "clerk", "approvers": [ANN], "expire_after": "P14D"}
    rules = [{"name": "all", "when": {}, "stages": [stage]}]
    policy.write_text(json.dumps({"version": 1, "people": people, "rules": rules}))
    made = World(policy)
    made.open()
    return made


@pytest.fixture
def hook() -> Iterator[Webhook]:
    """A webhook that takes everything."""
    with Webhook() as running:
        yield running


def test_each_person_gets_a_message_of_their_own(world: World) -> None:
    """Queued as an instance of `notification` each, noted as queued, and nothing is sent yet."""
    assert world.tell(to=(ANN, BOB, ANN)) == {"queued": 2}
    assert [name for name, _, _ in world.queued] == ["notification", "notification"]
    assert {(one.to, one.state) for one in world.notices()} == {((ANN,), "queued"), ((BOB,), "queued")}
    assert {instance for _, instance, _ in world.queued} == {one.id for one in world.notices()}
    assert world.outbox() == []


def test_telling_again_tells_nobody_twice(world: World) -> None:
    """A repeated activity queues the same instances; what was sent is not even queued."""
    world.tell()
    world.tell()
    assert len({instance for _, instance, _ in world.queued}) == 1
    world.send_all()
    assert world.tell() == {"queued": 0}
    assert len(world.outbox()) == 1
    assert world.tell("reminder", number="reminder.clerk.1") == {"queued": 1}
    assert world.tell("reminder", number="reminder.clerk.2") == {"queued": 1}


def test_message_whose_start_got_lost_is_queued_again(world: World) -> None:
    """The process died between noting it and the queue: the repeated activity mends it."""
    broken = dataclasses.replace(world.services(), enqueue=_queue_that_is_away)
    job = {"approval": APPROVAL, "kind": "request", "stage": "clerk", "to": [ANN]}
    with services.replaced_by(broken), pytest.raises(StorageUnavailable):
        _notify(job)
    with services.replaced_by(world.services()):
        assert _notify(job) == {"queued": 1}
    assert len(world.notices()) == len(world.queued) == 1


def _queue_that_is_away(*_: Any) -> None:
    raise StorageUnavailable("send to queue: no answer")


def test_link_in_a_message_is_bound_to_person_stage_document_and_deadline(world: World) -> None:
    """And opens the page of the approval."""
    world.tell(to=(ANN, BOB))
    world.send_all()
    links = world.services().links
    for message in world.outbox():
        page, _, token = message.link.partition("?t=")
        assert page == f"https://settle.example/approvals/{APPROVAL}"
        claims = links.read(token, NOW, approval=APPROVAL)
        assert (claims.person, claims.stage, claims.sha256) == (message.to, "clerk", "ab" * 32)
        assert claims.purpose == "decide"
        assert abs(claims.expires - datetime.fromisoformat(DEADLINE)) < timedelta(seconds=1)
        assert message.link in message.text


def test_question_goes_to_the_sender_with_a_link_to_answer(world: World) -> None:
    """It repeats the comment; its link cannot approve."""
    world.add("ask", stage="clerk", who=ANN, comment="Which order?")
    world.tell("question", (SUE,), author=ANN, comment="Which order?", number=3)
    assert world.send_all() == [{"outcome": "sent"}]
    (message,) = world.outbox()
    assert "Ann Roth wrote:\n> Which order?" in message.text
    token = message.link.partition("?t=")[2]
    assert world.services().links.read(token, NOW).purpose == "answer"


def test_message_that_only_tells_has_no_signed_link(world: World) -> None:
    """Its reader has nothing to decide."""
    world.add("reject", stage="clerk", who=ANN, comment="Not ours")
    world.tell("decided", (SUE,), outcome="rejected", author=ANN, comment="Not ours")
    world.send_all()
    (message,) = world.outbox()
    assert message.link == f"https://settle.example/approvals/{APPROVAL}"
    assert message.subject.startswith("Rejected: invoice RE-1 of ACME")
    assert "for you alone" not in message.text


@pytest.mark.parametrize("kind", sorted(KINDS))
def test_every_kind_of_message_says_what_it_is_about(world: World, kind: str) -> None:
    """Supplier, number, amount and findings, in text and HTML; the HTML escapes strangers' words."""
    request = world.request | {"row": world.request["row"] | {"invoice": _nasty()}}
    occasion = Occasion(
        kind=kind, stage="clerk", request=request, author="A<i>", comment="Hm <script>", deadline=DEADLINE
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


@pytest.mark.parametrize("payable", [None, "", "a lot"])
def test_invoice_without_an_amount_still_makes_a_message(world: World, payable: Any) -> None:
    """It says that it does not know."""
    occasion = Occasion("request", "clerk", {"row": {"invoice": {"payable": payable}}})
    assert (
        "an unknown amount"
        in messages.render(occasion, id="n", to=ANN, to_name="", link="https://x", personal=False).text
    )


def test_mail_is_sent_where_a_server_is_set(world: World) -> None:
    """Over real SMTP; the outbox stays empty."""
    with MailServer() as server:
        world.environment["SETTLE_SMTP_URL"] = f"smtp://127.0.0.1:{server.port}"
        world.tell()
        assert world.send_all() == [{"outcome": "sent"}]
        (mail,) = server.received
    assert mail["To"] == "Ann Roth <ann.roth@example.com>"
    assert mail["Subject"] == "Please decide: invoice RE-1 of ACME, 1,234.50 EUR"
    assert world.outbox() == []


def test_teams_gets_one_card_for_all_without_anybodys_signed_link(world: World, hook: Webhook) -> None:
    """Everybody in the channel sees it: a signed link would let each decide for the other."""
    world.environment["SETTLE_TEAMS_WEBHOOK"] = hook.url
    assert world.tell(to=(ANN, BOB)) == {"queued": 1}
    world.send_all()
    (card,) = hook.received
    content = card["attachments"][0]["content"]
    assert content["actions"][0]["url"] == f"https://settle.example/approvals/{APPROVAL}"
    assert "?t=" not in json.dumps(card)
    assert {"title": "For", "value": "Ann Roth, bob.lang@example.com"} in content["body"][2]["facts"]


def test_channel_that_is_down_is_an_outcome_that_the_approval_shows(world: World, hook: Webhook) -> None:
    """Retried, then failed; the other channel has delivered meanwhile."""
    with MailServer() as server:
        world.environment["SETTLE_SMTP_URL"] = f"smtp://127.0.0.1:{server.port}"
        world.environment["SETTLE_TEAMS_WEBHOOK"] = hook.url
        hook.answer = (503, b"", {})
        world.tell()
        refused = {"error": "teams: the webhook answered 503"}
        assert world.send_all() == [{"outcome": "sent"}, {"outcome": "again", **refused}]
        assert world.send_all(last=True) == [{"outcome": "sent"}, {"outcome": "failed", **refused}]
        assert len(server.received) == 1, "what was sent is not sent again"
    states = {one.channel: (one.state, one.attempts, one.error) for one in world.notices()}
    assert states == {"mail": ("sent", 1, None), "teams": ("failed", 2, refused["error"])}


def test_address_that_does_not_exist_is_not_tried_for_days(world: World) -> None:
    """The server said so for good."""
    with MailServer() as server:
        server.answers = lambda command: "550 nobody here" if command == "RCPT" else None
        world.environment["SETTLE_SMTP_URL"] = f"smtp://127.0.0.1:{server.port}"
        world.tell()
        assert [one["outcome"] for one in world.send_all()] == ["failed"]


@pytest.mark.parametrize("missing", ["SETTLE_LINK_KEY", "SETTLE_PUBLIC_URL"])
def test_missing_setting_is_waited_for_and_named(world: World, missing: str) -> None:
    """Once it is set, the message goes out."""
    value = world.environment.pop(missing)
    world.tell()
    (outcome,) = world.send_all()
    assert outcome["outcome"] == "again"
    assert missing in outcome["error"]
    world.environment[missing] = value
    assert world.send_all() == [{"outcome": "sent"}]


def test_policy_that_is_broken_takes_no_message_away(world: World) -> None:
    """The person's name is unknown then, their address is not."""
    Path(world.environment["SETTLE_POLICY"]).write_text("{")
    world.tell()
    assert world.send_all() == [{"outcome": "sent"}]
    assert world.outbox()[0].text.startswith("Hello ann.roth@example.com,")


def test_nobody_is_asked_for_what_was_settled_meanwhile(world: World) -> None:
    """The mail server was down while somebody else decided; the decision itself is still told."""
    world.tell("reminder", number="r1")
    world.add("approve", stage="clerk", who=BOB)
    world.tell("decided", (SUE,), outcome="approved")
    assert sorted(one["outcome"] for one in world.send_all()) == ["obsolete", "sent"]
    assert [message.to for message in world.outbox()] == [SUE]


def test_question_that_was_answered_meanwhile_is_not_asked(world: World) -> None:
    """The sender would not find it any more."""
    world.tell("question", (SUE,), author=ANN, comment="?", number=3)
    assert world.send_all() == [{"outcome": "obsolete"}]


def test_approval_that_is_gone_needs_no_messages(world: World) -> None:
    """Retention removed it."""
    world.tell()
    world.blobs.delete(names.request(APPROVAL))
    assert [one["outcome"] for one in world.send_all()] == ["obsolete"]


def test_storage_that_is_away_is_not_taken_for_a_channel_that_is_down(world: World) -> None:
    """The activity raises, and the orchestration tries again."""
    world.tell()
    world.blobs.go_away()
    with pytest.raises(StorageUnavailable):
        world.send_all()


def test_outbox_shows_the_newest_first_and_one_message_once(world: World) -> None:
    """Also where a message was sent a second time because its state could not be noted."""
    world.tell()
    world.send_all()
    (first,) = world.notices()
    notices.write(world.blobs, dataclasses.replace(first, state="queued"))
    world.send_all()
    assert len(world.outbox()) == 1
    later = NOW + timedelta(days=1)
    message = messages.render(
        Occasion("decided", "", world.request), id="n2", to=SUE, to_name="", link="https://x", personal=False
    )
    outbox.put(world.blobs, message, "decided", APPROVAL, later)
    found, page = outbox.messages(world.blobs, top=1)
    assert [one.id for one in found.found] == ["n2"]
    rest, end = outbox.messages(world.blobs, top=1, page=page)
    assert [one.id for one in rest.found] == [first.id]
    assert end is None
