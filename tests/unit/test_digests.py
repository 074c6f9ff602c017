"""Digests: what is gathered, what one says, and that no message is lost or sent twice."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest

from adapters import digest_messages, services
from adapters.digest_messages import DigestLine
from invoicing.approval import names
from invoicing.records.messages import InvoiceLine
from stores import approval_names, digests, notices, supervised
from stores.blobs import StorageUnavailable
from tests.fakes.mail_server import MailServer
from tests.fakes.webhook import Webhook
from tests.unit.message_world import ANN, BOB, NOW, SUE, Dies, DyingBlobs, World, close_slot, send_part


@pytest.fixture
def world(tmp_path: Path) -> World:
    """No channel is set up; all have their messages gathered."""
    return World(tmp_path)


@pytest.fixture
def hook() -> Iterator[Webhook]:
    """A webhook that takes everything."""
    with Webhook() as running:
        yield running


def _open(world: World, count: int, **invoice: Any) -> list[str]:
    """Approvals that are told of, as one process does it."""
    here = world.services()
    approvals = [world.open(n, **invoice) for n in range(1, count + 1)]
    for approval in approvals:
        world.tell(approval, here=here)
    return approvals


def _digest_jobs(world: World) -> list[dict[str, Any]]:
    return [value for name, _, value in world.queued if name == "deliver_digest"]


# ---------------------------------------------------------------- one message for many invoices


def test_many_approvals_are_one_message_to_each_person(world: World) -> None:
    """Started once for each person, sent when the slot is over, with a link to each invoice."""
    approvals = _open(world, 29)
    assert len(world.queued) == 2
    assert world.states(*approvals) == {(ANN, "queued"), (BOB, "queued")}
    assert world.outbox() == []

    assert world.send_digests() == [{"outcome": "sent"}] * 2
    found = {message.to: message for message in world.outbox()}
    assert set(found) == {ANN, BOB}
    for person, message in found.items():
        assert message.subject == "29 invoices wait for you"
        assert {item.approval for item in message.items} == set(approvals)
        for item in message.items:
            token = item.link.partition("?t=")[2]
            claims = world.services().links.read(token, NOW, approval=item.approval)
            assert (claims.person, claims.purpose) == (person, "decide")
            assert item.link in message.text
            assert item.link in message.html
    assert world.states(*approvals) == {(ANN, "sent"), (BOB, "sent")}


def test_message_that_is_alone_is_sent_as_one_that_always_was(world: World) -> None:
    """With all that a message about one invoice says."""
    _open(world, 1)
    world.send_digests()
    assert {message.subject for message in world.outbox()} == {
        "Please decide: invoice RE-1 of ACME, 1,234.50 EUR"
    }


def test_what_was_decided_meanwhile_is_left_out(world: World) -> None:
    """By somebody else, or by the person in a stage that needs two; all decided: no message at all."""
    first, second, third = _open(world, 3, approvers=(ANN, BOB))
    world.end(first)
    world.send_digests()
    message = world.outbox()[0]
    assert message.subject == "2 invoices wait for you"
    assert world.states(first) == {(ANN, "obsolete"), (BOB, "obsolete")}
    assert world.states(second, third) == {(ANN, "sent"), (BOB, "sent")}


def test_who_has_approved_in_a_stage_that_needs_two_is_not_asked_again(world: World) -> None:
    """Ann has said yes in one of three; Bob is asked for all."""
    approvals = _open(world, 3)
    request = json.loads(world.blobs.read(approval_names.request(approvals[0])))
    request["stages"][0]["quorum"] = 2
    world.blobs.write(approval_names.request(approvals[0]), json.dumps(request).encode())
    world.add(approvals[0], "approve", stage="clerk", who=ANN)
    world.put_in_inbox(approvals[0])
    world.send_digests()
    assert {one.to: len(one.items) for one in world.outbox()} == {ANN: 2, BOB: 3}


def test_nothing_is_sent_where_all_was_decided(world: World) -> None:
    """The slot ends quietly, and nothing is left to be started."""
    approvals = _open(world, 2)
    for approval in approvals:
        world.end(approval)
    assert world.send_digests() == [{"outcome": "obsolete"}] * 2
    assert world.outbox() == []
    assert list(supervised.work_under_way(world.blobs)) == []


def test_one_that_is_left_is_looked_up_in_the_ledger(world: World) -> None:
    """The inbox may be a moment behind; who is asked about one invoice is not asked in vain."""
    first, second = _open(world, 2, approvers=(ANN,))
    world.end(first)
    world.add(second, "approve", stage="clerk", who=BOB)
    world.add(second, "closed")
    assert world.send_digests() == [{"outcome": "obsolete"}]


def test_what_was_decided_is_told_to_the_sender_in_one_message(world: World) -> None:
    """With the outcome, who, and why."""
    approvals = _open(world, 3)
    world.queued.clear()
    for approval, kind in zip(approvals, ("approve", "approve", "reject"), strict=True):
        world.end(approval, kind, BOB, "wrong price" if kind == "reject" else "")
        world.tell(approval, after=2)
    world.send_digests()
    (message,) = world.outbox()
    assert (message.to, message.subject) == (SUE, "3 invoices were decided")
    assert "(Rejected by bob.lang@example.com: wrong price)" in message.text
    assert message.text.count("(Approved by bob.lang@example.com)") == 2
    assert "?t=" not in message.text


def test_urgent_ones_come_within_a_minute_and_still_together(world: World) -> None:
    """An invoice that is due in two days; the others wait for the quarter of an hour."""
    calm = world.open(1)
    urgent = [world.open(n, due_date=(NOW + timedelta(days=2)).date().isoformat()) for n in (2, 3)]
    for approval in (calm, *urgent):
        world.tell(approval)
    ends = {notice.goes_out - NOW for notice in world.notices(*urgent)}
    assert max(ends) <= timedelta(minutes=1)
    assert len({notice.slot for notice in world.notices(calm, *urgent)}) == 4
    world.send_digests()
    assert sorted(len(message.items) for message in world.outbox()) == [1, 1, 2, 2]


def test_people_get_messages_as_they_want_them(world: World) -> None:
    """Ann said one by one; Bob said nothing, so his are gathered."""
    world.wish("single", ANN)
    _open(world, 2)
    assert world.send_alone() == [{"outcome": "sent"}] * 2
    assert world.send_digests() == [{"outcome": "sent"}]
    assert sorted(message.to for message in world.outbox()) == [ANN, ANN, BOB]


def test_policy_says_how_somebody_gets_messages_who_said_nothing(world: World) -> None:
    """And the person's own word counts more."""
    policy = Path(world.environment["SETTLE_POLICY"])
    value = json.loads(policy.read_text())
    value["people"][ANN]["messages"] = "single"
    policy.write_text(json.dumps(value))
    world.tell(world.open(1, approvers=(ANN,)))
    assert [name for name, _, _ in world.queued] == ["deliver_notification"]
    world.wish("digest", ANN)
    world.tell(world.open(2, approvers=(ANN,)))
    assert [name for name, _, _ in world.queued] == ["deliver_notification", "deliver_digest"]


def test_thousand_invoices_come_in_mails_that_can_be_read(world: World, monkeypatch: Any) -> None:
    """Each says which of how many it is; none is left out, none is in two."""
    monkeypatch.setattr(digests, "PART", 4)
    approvals = _open(world, 10, approvers=(ANN,))
    assert world.send_digests() == [{"outcome": "sent"}] * 3
    assert sorted(message.subject for message in world.outbox()) == [
        "2 invoices wait for you (3 of 3)",
        "4 invoices wait for you (1 of 3)",
        "4 invoices wait for you (2 of 3)",
    ]
    listed = [item.approval for message in world.outbox() for item in message.items]
    assert sorted(listed) == sorted(approvals)
    assert list(supervised.work_under_way(world.blobs)) == []


# ---------------------------------------------------------------- over each channel


def test_digest_goes_by_mail(world: World) -> None:
    """Over real SMTP; the same digest has the same Message-ID however often it is tried."""
    with MailServer() as server:
        world.environment["SETTLE_SMTP_URL"] = f"smtp://127.0.0.1:{server.port}"
        _open(world, 3, approvers=(ANN,))
        server.answers = lambda command: "451 later" if command == "RCPT" else None
        assert [one["outcome"] for one in world.send_digests()] == ["again"]
        server.answers = lambda command: None
        assert world.send_digests() == [{"outcome": "sent"}]
        (mail,) = server.received
        (job,) = _digest_jobs(world)
        assert mail["Message-ID"] == f"<digest-{job['slot']}-0@example.com>"
        assert mail["Subject"] == "3 invoices wait for you"


def test_teams_gets_one_card_for_all_without_anybodys_signed_link(world: World, hook: Webhook) -> None:
    """Everybody in the channel sees it: a signed link would let each decide for the other."""
    world.environment["SETTLE_TEAMS_WEBHOOK"] = hook.url
    world.wish("single", ANN, BOB)
    _open(world, 25)
    assert len(world.queued) == 1, "a channel is no person"
    world.send_digests()
    (card,) = hook.received
    content = card["attachments"][0]["content"]
    assert content["body"][0]["text"] == "25 invoices wait for you"
    assert "The first 20" in content["body"][1]["text"]
    assert len(content["body"][2]["facts"]) == 20
    assert "For Ann Roth, bob" in content["body"][2]["facts"][0]["value"].replace("\\", "")
    assert content["actions"][0]["url"] == "https://settle.example/inbox"
    assert "?t=" not in json.dumps(card)
    assert len(json.dumps(card)) < 28 * 1024, "a card is at most so large"


def test_card_about_one_invoice_is_about_that_one(world: World, hook: Webhook) -> None:
    """With its own page as the link."""
    world.environment["SETTLE_TEAMS_WEBHOOK"] = hook.url
    (approval,) = _open(world, 1)
    world.send_digests()
    content = hook.received[0]["attachments"][0]["content"]
    assert content["actions"][0]["url"] == f"https://settle.example/approvals/{approval}"
    assert {"title": "For", "value": "Ann Roth, bob.lang@example.com"} in content["body"][2]["facts"]


def test_channel_that_is_down_is_shown_with_each_message(world: World, hook: Webhook) -> None:
    """Retried, then failed; the other channel has delivered meanwhile, and does so once."""
    with MailServer() as server:
        world.environment["SETTLE_SMTP_URL"] = f"smtp://127.0.0.1:{server.port}"
        world.environment["SETTLE_TEAMS_WEBHOOK"] = hook.url
        hook.answer = (503, b"", {})
        approvals = _open(world, 2, approvers=(ANN,))
        assert sorted(one["outcome"] for one in world.send_digests()) == ["again", "sent"]
        shown = digests.as_it_is(world.blobs, world.notices(*approvals))
        states = {(one.channel, one.state, one.attempts, one.error) for one in shown}
        refused = "teams: the webhook answered 503"
        assert states == {("mail", "sent", 1, None), ("teams", "retrying", 1, refused)}
        assert sorted(one["outcome"] for one in world.send_digests(last=True)) == ["failed", "sent"]
        assert len(server.received) == 1, "what was sent is not sent again"
    states = {(one.channel, one.state, one.attempts, one.error) for one in world.notices(*approvals)}
    assert states == {("mail", "sent", 1, None), ("teams", "failed", 2, refused)}


def test_missing_setting_is_waited_for_and_named(world: World) -> None:
    """Once it is set, the digest goes out."""
    key = world.environment.pop("SETTLE_LINK_KEY")
    _open(world, 2, approvers=(ANN,))
    (ended,) = world.send_digests()
    assert ended["outcome"] == "again"
    assert "SETTLE_LINK_KEY" in ended["error"]
    world.environment["SETTLE_LINK_KEY"] = key
    assert world.send_digests() == [{"outcome": "sent"}]


# ---------------------------------------------------------------- bad moments


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
def test_process_that_dies_at_any_call_while_it_notes_loses_and_doubles_nothing(
    tmp_path: Path, after: bool
) -> None:
    """The step is repeated by a new process; each person is told once of each invoice."""
    at, died = 0, True
    while died:
        at += 1
        world = World(tmp_path)
        approvals = [world.open(n) for n in (1, 2)]
        died = False
        for approval in approvals:
            blobs = DyingBlobs(world.blobs, at, after)
            try:
                world.tell(approval, here=world.services(blobs))  # type: ignore[arg-type]
            except Dies:
                died = True
                world.tell(approval)
        world.send_digests()
        listed = [(one.to, item.approval) for one in world.outbox() for item in one.items]
        assert sorted(listed) == sorted((who, one) for who in (ANN, BOB) for one in approvals), at
    assert at >= 8, "so few calls cannot be all"


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
def test_process_that_dies_at_any_call_while_it_sends_ends_the_same(tmp_path: Path, after: bool) -> None:
    """All is noted in the end, and what was sent twice is the same message: same id, same links."""
    at, died, sent_twice = 0, True, 0
    while died:
        at += 1
        world = World(tmp_path)
        with MailServer() as server:
            world.environment["SETTLE_SMTP_URL"] = f"smtp://127.0.0.1:{server.port}"
            approvals = _open(world, 3, approvers=(ANN,))
            world.end(approvals[0])
            (job,) = _digest_jobs(world)
            died = _sending_dies(world, job, DyingBlobs(world.blobs, at, after))
            if died:
                world.send_digest(job)
            assert len(server.received) in (1, 2)
            assert len({(mail["Message-ID"], _text(mail)) for mail in server.received}) == 1
            sent_twice += len(server.received) - 1
        assert world.states(*approvals) == {(ANN, "obsolete"), (ANN, "sent")}, at
        assert list(supervised.work_under_way(world.blobs)) == []
    assert at >= 8, "so few calls cannot be all"
    assert sent_twice <= 1, "only where it could not be noted that it was sent"


def _sending_dies(world: World, job: dict[str, Any], blobs: DyingBlobs) -> bool:
    with services.replaced_by(world.services(blobs)):  # type: ignore[arg-type]
        try:
            parts = close_slot(job)["parts"]
            send_part({**job, "part": 0, "parts": parts, "last": False})
        except Dies:
            return True
    return False


def _text(mail: Any) -> str:
    return mail.get_body(("plain",)).get_content()


def test_message_noted_after_its_slot_was_closed_goes_out_with_a_later_one(world: World) -> None:
    """It was noted in time, by a process that then stood still until the digest was gone."""
    first = world.open(1, approvers=(ANN,))
    world.tell(first)
    (job,) = _digest_jobs(world)
    second = world.open(2, approvers=(ANN,))

    def stands_still(verb: str, name: str) -> None:
        if verb == "write" and "/waiting/" in name:
            world.blobs.fails = lambda verb, name: None
            (slot,) = [notice.slot for notice in world.notices(second)]
            assert slot is not None
            world.now = slot.ends + timedelta(seconds=5)
            assert world.send_digest(job) == [{"outcome": "sent"}]

    world.blobs.fails = stands_still
    world.tell(second)
    (notice,) = world.notices(second)
    assert notice.slot is not None
    assert notice.slot.name != job["slot"]
    assert notice.state == "queued"
    world.queued = [one for one in world.queued if one[2] != job]
    assert world.send_digests() == [{"outcome": "sent"}]
    assert sorted(item.approval for one in world.outbox() for item in one.items) == sorted([first, second])


@pytest.mark.parametrize("closed_at", ["the entry", "the look", "the members"])
def test_message_noted_while_its_slot_is_closed_is_sent_once(world: World, closed_at: str) -> None:
    """Whichever comes first of: the message is added, the slot is marked, its messages are listed."""
    first, second = world.open(1, approvers=(ANN,)), world.open(2, approvers=(ANN,))
    world.tell(first)
    (job,) = _digest_jobs(world)
    (slot,) = [notice.slot for notice in world.notices(first)]
    assert slot is not None
    world.now = slot.ends - timedelta(seconds=1)
    moments = {
        "the entry": lambda verb, name: verb == "write" and "/waiting/" in name,
        "the look": lambda verb, name: verb == "exists" and name.endswith("/closing"),
        "the members": lambda verb, name: verb == "create" and name.endswith("/members.json"),
    }

    def meanwhile(verb: str, name: str) -> None:
        if moments[closed_at](verb, name):
            world.blobs.fails = lambda verb, name: None
            if closed_at == "the members":
                with pytest.raises(StorageUnavailable):  # the step is told to come again
                    world.tell(second)
            else:
                digests.close(world.blobs, job["slot"])

    world.blobs.fails = meanwhile
    if closed_at == "the members":
        digests.close(world.blobs, job["slot"])
    world.tell(second)
    world.send_digest(job)
    others = [other for other in _digest_jobs(world) if other["slot"] != job["slot"]]
    for other in {other["slot"]: other for other in others}.values():
        world.send_digest(other)
    listed = [item.approval for one in world.outbox() for item in one.items]
    assert sorted(listed) == sorted([first, second])


def test_slot_that_is_never_looked_at_near_its_end_would_lose_a_message(
    world: World, monkeypatch: Any
) -> None:
    """The look at the mark is worth something: without it the message of the test before is lost."""
    monkeypatch.setattr(digests, "CLOCKS_DIFFER", timedelta(days=-1))
    with pytest.raises(AssertionError):
        test_message_noted_while_its_slot_is_closed_is_sent_once(world, "the entry")


def test_steps_that_run_twice_send_one_message(world: World) -> None:
    """An activity may be delivered twice, also when it has ended."""
    _open(world, 3, approvers=(ANN,))
    for _ in range(3):
        assert world.send_digests() == [{"outcome": "sent"}]
    assert len(world.outbox()) == 1
    (job,) = _digest_jobs(world)
    assert digests.close(world.blobs, job["slot"]) == digests.members(world.blobs, job["slot"])


def test_digest_whose_start_was_lost_is_left_to_the_supervisor(world: World) -> None:
    """The queue did not take it: what has to be started is noted as work under way."""
    world.queue_fails = StorageUnavailable("send to queue: no answer")
    _open(world, 2, approvers=(ANN,))
    assert world.queued == []
    (work,) = supervised.work_under_way(world.blobs)
    world.now += timedelta(minutes=16)
    assert world.send_digest(work.input) == [{"outcome": "sent"}]
    assert list(supervised.work_under_way(world.blobs)) == []


def test_digest_is_started_once_by_a_process_and_again_by_the_next(world: World) -> None:
    """A process remembers what it has started; another one starts the same instance."""
    here, other = world.services(), world.services()
    for n, process in enumerate((here, here, other, other), start=1):
        world.tell(world.open(n, approvers=(ANN,)), here=process)
    assert len(world.queued) == 2
    assert len({instance for _, instance, _ in world.queued}) == 1


# ---------------------------------------------------------------- limits and words


def test_message_that_is_too_large_for_metadata_is_read_from_its_blob(world: World) -> None:
    """A long comment in a script of many bytes."""
    approval = world.open(1, seller="\U0001f600" * 300)
    world.end(approval, "reject", BOB, "\U0001f600" * 500)
    world.tell(approval, after=2)
    world.end(world.open(2))
    world.tell(names.approval_id(f"i{2:024x}"), after=2)
    waiting = [name for name in world.blobs.stored if "/waiting/" in name]
    assert [bool(world.blobs.stored[name][2]) for name in waiting].count(False) == 1
    assert world.send_digests() == [{"outcome": "sent"}]
    assert "\U0001f600" * 100 in world.outbox()[0].text


def test_strangers_words_stay_words() -> None:
    """Markup, line breaks and control characters in an invoice."""
    invoice = InvoiceLine(supplier="<script>alert(1)</script>\x1b[2J", number="1\n\n- 2", amount="x")
    lines = [DigestLine(f"a{n}", "request", invoice, f"https://x/?t=a&b={n}") for n in range(2)]
    message = digest_messages.render(lines, id="d", to=ANN, to_name="Ann", link="https://x/inbox")
    assert "<script" not in message.html
    assert 'href="https://x/?t=a&amp;b=1"' in message.html
    assert "\x1b" not in message.text
    assert "invoice 1 - 2, an unknown amount" in message.text


def test_lines_stand_by_kind_and_what_is_due_first() -> None:
    """Each kind has its heading."""
    lines = [
        DigestLine("a1", "decided", InvoiceLine(), "l1", outcome="approved", author="Bob"),
        DigestLine("a2", "request", InvoiceLine(due="2026-06-01"), "l2"),
        DigestLine("a3", "request", InvoiceLine(due="2026-05-01"), "l3"),
        DigestLine("a4", "escalation", InvoiceLine(), "l4"),
        DigestLine("a5", "expired", InvoiceLine(), "l5"),
        DigestLine("a6", "reminder", InvoiceLine(findings=1), "l6"),
    ]
    message = digest_messages.render(lines, id="d", to=ANN, to_name="Ann", link="https://x/inbox")
    assert message.subject == "4 invoices wait for you, 1 was decided, 1 was not decided in time"
    assert [item.approval for item in message.items] == ["a4", "a3", "a2", "a6", "a5", "a1"]
    headings = [message.text.index(heading) for heading in digest_messages.HEADINGS.values()]
    assert headings == sorted(headings)


def test_date_of_an_invoice_that_is_none_is_not_due() -> None:
    """Invoices say many things."""
    assert InvoiceLine(due="soon").due_date is None
    assert InvoiceLine(due="2026-05-01").due_date == date(2026, 5, 1)


def test_every_kind_that_is_gathered_has_a_heading() -> None:
    """Questions and answers are read by themselves."""
    from adapters.messages import KINDS

    assert set(digest_messages.HEADINGS) == set(KINDS) - {"question", "answer"}


def test_notice_of_an_approval_says_when_it_goes_out(world: World) -> None:
    """With the end of its slot, or at once."""
    approval = world.open(1, approvers=(ANN,))
    world.tell(approval)
    world.add(approval, "ask", stage="clerk", who=ANN, comment="?")
    world.tell(approval, after=2)
    gathered, asked = notices.of_approval(world.blobs, approval).found
    assert gathered.slot is not None
    assert gathered.goes_out == gathered.slot.ends > NOW
    assert asked.goes_out == NOW
