"""Invoices by mail on the in-process host: what is taken, pauses, outages, a wrong password, crashes."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from adapters.mailbox import MailboxAway, MailboxRefused
from stores import mails
from stores.blobs import StorageUnavailable
from tests.fakes.memory_mailbox import away
from tests.orchestrators.mailbox_kit import DONE, FAILED, NONE, RARELY, REFUSED, SUE, PostOffice, mail


@pytest.fixture
def office() -> Any:
    """A post office at work."""
    with PostOffice().at_work() as made:
        yield made


def test_timer_starts_one_watch_where_a_mailbox_is_named(office: PostOffice) -> None:
    """The second time it finds it."""
    assert office.tick()
    assert not office.tick()
    assert office.watch.runtime_status == "Running"


def test_without_the_settings_nothing_runs() -> None:
    """The timer does nothing, and a watch that runs still ends by itself."""
    with PostOffice({"SETTLE_MAILBOX_HOST": ""}).at_work() as office:
        assert not office.tick()
        assert office.host.instances() == []
        office.start()
        assert office.watch.output == {"reason": "off"}
        assert office.server.signed_in == 0


def test_mail_becomes_a_batch_and_is_moved(office: PostOffice) -> None:
    """Its sender is the batch's, so they may not approve what they sent."""
    office.server.put(mail(1))
    office.start()
    (record,) = office.records()
    assert (record.outcome, record.sender, record.files, record.moved) == ("batch", SUE, 1, DONE)
    assert office.batches() == [record.batch]
    assert (office.server.count("INBOX"), office.server.count(DONE)) == (0, 1)
    start = next(value for name, _, value in office.queue if name == "process_batch")
    assert (start["sender"], start["approval"]) == (SUE, True)


def test_mails_go_to_folders_by_what_became_of_them(office: PostOffice) -> None:
    """Without an attachment, from a stranger, too large by the server's word: that one is never fetched."""
    office.server.put(mail(1, ("a.txt", b"hello")))
    office.server.put(mail(2, sender="eve@elsewhere.example"))
    large = office.server.put(mail(3))
    office.server.sizes[large] = 60 * 1024 * 1024
    office.start()
    assert office.outcomes() == ["no_invoices", "refused", "failed"]
    assert [office.server.count(name) for name in ("INBOX", NONE, REFUSED, FAILED)] == [0, 1, 1, 1]
    assert office.records()[2].code == "too_large"
    assert "60.0 MiB" in office.records()[2].reason
    assert office.server.calls.count("read") == 1


def test_pauses_grow_while_nothing_comes(office: PostOffice) -> None:
    """From half a minute by half each time to five minutes; a mail brings them back."""
    office.start()
    looks = [office.server.calls.count("oldest")]
    for _ in range(6):
        office.host.advance(minutes=5)
        looks.append(office.server.calls.count("oldest"))
    grown = [after - before for before, after in pairwise(looks)]
    assert grown[0] >= 3
    assert grown[-1] == 1
    assert office.watch.custom_status["pause"] == 300
    office.server.put(mail(1))
    office.host.advance(minutes=5)
    office.host.advance(seconds=1)
    assert office.outcomes() == ["batch"]


def test_watch_keeps_no_history(office: PostOffice) -> None:
    """Two hours of looks leaves the history of one."""
    office.start()
    office.host.advance(hours=2)
    assert office.watch.runtime_status == "Running"
    status = office.host.engine.status("mailbox", show_history=True)
    assert status is not None
    assert len(status.payload()["historyEvents"]) < 20


def test_many_mails_are_taken_at_once(office: PostOffice) -> None:
    """45 mails: three looks, a second apart."""
    for number in range(45):
        office.server.put(mail(number))
    office.start()
    office.host.advance(seconds=5)
    assert office.outcomes() == ["batch"] * 45
    assert office.server.count(DONE) == 45


def test_server_that_is_away_is_tried_again_with_growing_pauses(office: PostOffice) -> None:
    """A minute, then twice the one before, up to a quarter of an hour; then all goes on."""
    office.server.fails = away
    office.server.put(mail(1))
    office.start()
    assert office.watch.custom_status == {"condition": "away", "taken": 0, "pause": 60}
    office.host.advance(hours=1)
    assert 5 <= office.server.signed_in <= 9
    state = mails.state(office.blobs)
    assert state is not None
    assert (state.condition, state.failures) == ("away", office.server.signed_in)
    office.server.fails = lambda verb: None
    office.host.advance(minutes=15)
    assert office.outcomes() == ["batch"]
    state = mails.state(office.blobs)
    assert state is not None
    assert (state.condition, state.error) == ("watching", "")


@pytest.mark.parametrize("verb", ["size", "head", "read", "move"])
def test_server_that_goes_in_the_middle_of_a_mail(office: PostOffice, verb: str) -> None:
    """The mail is taken with a later look, once."""
    office.server.put(mail(1))
    gone = [verb]

    def fails(said: str) -> None:
        if said in gone:
            gone.remove(said)
            raise MailboxAway(f"{said}: ConnectionResetError")

    office.server.fails = fails
    office.start()
    assert office.server.count("INBOX") == 1
    office.host.advance(minutes=2)
    assert office.outcomes() == ["batch"]
    assert (len(office.batches()), office.server.count(DONE)) == (1, 1)


def test_wrong_password_is_not_tried_into_a_lock_out(office: PostOffice) -> None:
    """Four times in six hours, whoever starts the watch again; a person's word tries at once."""
    office.server.password = "changed"
    office.server.put(mail(1))
    office.start()
    assert office.server.signed_in == 1
    office.host.advance(minutes=14)
    assert office.server.signed_in == 1
    office.host.terminate("mailbox", "test")
    office.host.start("watch_mailbox", {}, instance_id="mailbox")
    assert office.server.signed_in == 1, "the time stands in the storage"
    office.host.advance(hours=6)
    assert office.server.signed_in == 4
    state = mails.state(office.blobs)
    assert state is not None
    assert state.condition == "refused"
    assert "password" in state.error
    office.server.password = "secret"
    from adapters import services
    from usecases import mailbox

    mailbox.try_again(services.current())
    office.host.advance(minutes=5)
    assert office.outcomes() == ["batch"]


def test_storage_that_is_away_holds_back_the_mail_and_loses_nothing(office: PostOffice) -> None:
    """It stays in the folder; the step waits."""
    office.server.put(mail(1))

    def fails(verb: str, name: str) -> None:
        if name.startswith("batches/"):
            raise StorageUnavailable(f"{verb} {name}: no answer")

    office.blobs.fails = fails
    office.start()
    office.host.advance(hours=1)
    assert office.server.count("INBOX") == 1
    office.blobs.come_back()
    office.host.advance(minutes=6)
    assert office.outcomes() == ["batch"]


def test_mail_that_breaks_its_step_is_set_aside(office: PostOffice, monkeypatch: pytest.MonkeyPatch) -> None:
    """After three tries; the one behind it is taken."""
    from usecases import take_in_mail

    whole = take_in_mail.parse

    def broken(raw: bytes) -> Any:
        if b"Invoice 1\r\n" in raw:
            raise KeyError("x")
        return whole(raw)

    monkeypatch.setattr(take_in_mail, "parse", broken)
    office.server.put(mail(1))
    office.server.put(mail(2))
    office.start()
    office.host.advance(minutes=1)
    assert office.outcomes() == ["failed", "batch"]
    assert "KeyError" in office.records()[0].trouble or office.records()[0].code == "broken"
    assert office.server.count(FAILED) == 1


def test_new_numbers_of_the_server_take_no_mail_twice(office: PostOffice) -> None:
    """It could not be moved, and then the UIDVALIDITY changed: it is known by its headers."""
    office.server.put(mail(1))

    def fails(said: str) -> None:
        if said == "move":
            raise MailboxAway("move: quota")

    office.server.fails = fails
    office.start()
    assert (office.outcomes(), office.server.count("INBOX")) == (["batch"], 1)
    office.server.renumber()
    office.server.put(mail(2))
    office.server.fails = lambda verb: None
    office.host.advance(minutes=3)
    assert office.outcomes() == ["batch", "known", "batch"]
    assert len(office.batches()) == 2
    assert office.server.count("INBOX") == 0


def test_mail_that_somebody_puts_back_is_decided_anew(office: PostOffice) -> None:
    """Its sender may be listed by now; one that made a batch is known for good."""
    office.server.put(mail(1, sender="eve@elsewhere.example"))
    office.server.put(mail(2))
    office.start()
    assert office.outcomes() == ["refused", "batch"]
    office.server.renumber()
    for folder in (REFUSED, DONE):
        office.server.folders["INBOX"].update(office.server.folders.pop(folder))
    office.host.advance(minutes=2)
    assert office.outcomes() == ["refused", "batch", "refused", "known"]
    assert len(office.batches()) == 1


def test_mail_that_was_noted_and_not_read_is_taken_under_its_new_number(office: PostOffice) -> None:
    """Its older self was never read, so nothing is known of it but its number."""
    office.server.put(mail(1))

    def fails(said: str) -> None:
        if said == "read":
            raise MailboxRefused("no")

    office.server.fails = fails
    office.start()
    office.server.renumber()
    office.server.fails = lambda verb: None
    office.host.advance(minutes=30)
    assert office.outcomes() == [None, "batch"]


def test_mail_that_is_taken_away_meanwhile_is_gone(office: PostOffice) -> None:
    """Somebody moved it between the look and the fetch; when it comes back, it is taken."""
    uid = office.server.put(mail(1))
    raw = office.server.folders["INBOX"][uid]

    def fails(said: str) -> None:
        if said == "size":
            office.server.folders["INBOX"].pop(uid, None)

    office.server.fails = fails
    office.start()
    assert office.outcomes() == ["gone"]
    office.server.fails = lambda verb: None
    office.server.folders["INBOX"][uid] = raw
    office.host.advance(minutes=2)
    assert (office.outcomes(), office.server.count(DONE)) == (["batch"], 1)


def test_answer_goes_out_once_with_the_report(office: PostOffice) -> None:
    """When the batch is reported, not before."""
    office.server.put(mail(1))
    office.start()
    office.deliver()
    office.host.advance(minutes=10)
    assert office.answers() == []
    office.finish_batches()
    office.host.advance(minutes=11)
    (answer,) = office.answers()
    assert b"sue@supplier.example" in office.blobs.read(answer)


def test_machines_get_no_answer(office: PostOffice) -> None:
    """And nobody who may not send does: a forged mail must not make us write to others."""
    office.server.put(mail(1, Auto_Submitted="auto-replied"))
    office.server.put(mail(2, Precedence="bulk"))
    office.server.put(mail(3, List_Id="<x.example>"))
    office.server.put(mail(4, Return_Path="<>"))
    office.server.put(mail(5, sender="eve@elsewhere.example"))
    office.server.put(mail(6, sender="settle@example.com"))
    office.start()
    assert [name for name, _, _ in office.queue] == ["process_batch"] * 4
    assert all(record.silent for record in office.records())
    assert office.records()[5].code == "own_mail"


def test_sender_gets_so_many_answers_a_day() -> None:
    """Two of three."""
    with PostOffice({"SETTLE_MAILBOX_ANSWERS_A_DAY": "2"}).at_work() as office:
        for number in range(3):
            office.server.put(mail(number, ("a.txt", b"x")))
        office.start()
        office.deliver()
        office.host.advance(minutes=1)
        # The outbox keeps no count: what was sent is noted.
        assert len(office.blobs.names("mailbox/answers/")) == 2
        assert len(office.answers()) == 2


def test_answer_goes_out_without_a_report_after_a_day(office: PostOffice) -> None:
    """The sender is told that the documents could not be checked yet."""
    office.server.put(mail(1))
    office.start()
    office.deliver()
    office.host.terminate("mailbox", "its looks are not needed here")
    office.host.advance(hours=25)
    (answer,) = office.answers()
    assert b"could not be checked yet" in office.blobs.read(answer)


@pytest.mark.parametrize("when", ["before", "after"])
def test_host_that_dies_at_any_commit_makes_one_batch_and_one_answer_of_each_mail(
    tmp_path: Path, when: str
) -> None:
    """Also where it died between the fetch and the move."""
    crash, crashed = 0, True
    while crashed:
        crash += 1
        with PostOffice(RARELY, state=tmp_path / f"{when}-{crash}.db").at_work() as office:
            office.server.put(mail(1))
            office.server.put(mail(2))
            office.host.crash_at(crash, when)
            crashed = office.live(
                [
                    office.start,
                    lambda: office.host.advance(minutes=2),
                    office.deliver,
                    office.finish_batches,
                    lambda: office.host.advance(minutes=2),
                ]
            )
            assert office.outcomes() == ["batch", "batch"]
            assert (len(office.batches()), len(office.answers())) == (2, 2)
            assert (office.server.count("INBOX"), office.server.count(DONE)) == (0, 2)
    assert crash > 15, "so few commits cannot be all"
