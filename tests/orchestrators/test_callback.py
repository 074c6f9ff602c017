"""Callbacks to a real small receiver, on a clock that skips: for days, and only who still wants it."""

from __future__ import annotations

import contextlib
import itertools
from datetime import timedelta
from email.utils import format_datetime
from pathlib import Path

import pytest

from adapters import services
from adapters.outgoing_settings import OutgoingSettings
from invoicing.callbacks.pauses import LONGEST, PATIENCE
from invoicing.outgoing.targets import CallPolicy
from invoicing.records.callbacks import CALLBACK
from stores.blobs import StorageUnavailable
from stores.invoices import record_name
from tests.fakes.receiver import Receiver
from tests.orchestrators import callback_kit as kit
from tests.orchestrators.approval_kit import INVOICE, Office
from usecases import send_callback, subscribe
from usecases.standing import every, tell_of_all

pytestmark = pytest.mark.usefixtures("quick_and_quiet")


def _result(here: Office) -> dict[str, object]:
    (one,) = [run for run in here.host.instances("callback-") if run.name == CALLBACK.name]
    assert one.runtime_status == "Completed"
    return one.output


def test_address_is_told_once_when_the_end_has_come() -> None:
    """Signed, with what the API says of the invoice; later looks find nothing to do."""
    with kit.office() as here, Receiver() as receiver:
        asked = kit.booked(here, receiver.url)
        assert receiver.came == []
        assert len(kit.look(here)) == 1
        for _ in range(3):
            assert kit.look(here) == []
            here.host.advance(hours=3)
        (came,) = receiver.came
        assert came.is_signed(kit.SECRET)
        assert not came.is_signed("whsec_" + "QUFB" * 8)
        assert came.id == came.json["id"] == f"{asked.id}-1"
        assert (came.json["type"], came.json["status"]) == ("invoice.ended", "booked")
        assert came.json["data"]["id"] == came.json["target"] == INVOICE
        assert came.json["links"]["self"] == f"https://settle.example/api/invoices/{INVOICE}"
        assert came.headers["content-type"] == "application/json"
        told = kit.as_stored(here, asked.id)
        assert (told.state, told.attempts, told.status, told.error) == ("delivered", 1, 200, None)
        assert kit.marks(here) == []
        assert _result(here) == {"outcome": "delivered", "attempts": 1}


def test_receiver_that_is_down_for_a_day_is_told_when_it_is_back() -> None:
    """The same message under the same id each time, with the time of the try. The state says what is wrong.

    The longest pause is two hours.
    """
    with kit.office() as here, Receiver() as receiver:
        receiver.answer = (503, {})
        asked = kit.booked(here, receiver.url)
        kit.look(here)
        here.host.advance(days=1)
        waiting = kit.as_stored(here, asked.id)
        assert (waiting.state, waiting.status) == ("sending", 503)
        assert waiting.error == "The receiver answered 503."
        assert 15 < waiting.attempts == len(receiver.came) < 30
        receiver.answer = (204, {})
        here.host.advance(LONGEST)
        assert kit.as_stored(here, asked.id).state == "delivered"
        assert len(receiver.ids) == 1
        assert len({came.body for came in receiver.came}) == 1
        assert all(came.is_signed(kit.SECRET) for came in receiver.came)
        stamps = [int(came.headers["webhook-timestamp"]) for came in receiver.came]
        pauses = [later - earlier for earlier, later in itertools.pairwise(stamps)]
        assert pauses[0] <= 10
        assert 0.75 * LONGEST.total_seconds() < max(pauses) <= LONGEST.total_seconds() + 1


def test_receiver_that_nobody_hears_of_is_given_up_after_three_days() -> None:
    """Nothing listens there. The last try is at the very end."""
    with kit.office() as here:
        with Receiver() as gone:
            url = gone.url
        asked = kit.booked(here, url)
        kit.look(here)
        here.host.advance(PATIENCE + timedelta(hours=1))
        ended = kit.as_stored(here, asked.id)
        assert (ended.state, ended.status) == ("failed", None)
        assert ended.error
        assert kit.marks(here) == []
        result = _result(here)
        assert result["outcome"] == "failed"
        assert result["attempts"] == ended.attempts


def test_receiver_that_is_gone_is_left_alone() -> None:
    """410 says so; any other refusal may be mended."""
    with kit.office() as here, Receiver() as receiver:
        receiver.answer = (404, {})
        asked = kit.booked(here, receiver.url)
        kit.look(here)
        receiver.answer = (410, {})
        tell_of_all(services.current(), "batch", receiver.url)
        here.host.advance(days=4)
        assert len(receiver.came) == 2
        assert every(here.blobs) == [], "it is not told of other ends either"
        assert kit.as_stored(here, asked.id).state == "gone"
        assert kit.marks(here) == []


@pytest.mark.parametrize("kind", ["seconds", "date"])
def test_receiver_says_when_to_come_back(kind: str) -> None:
    """`Retry-After` makes a pause longer, never shorter."""
    with kit.office() as here, Receiver() as receiver:
        asked = kit.booked(here, receiver.url)
        moment = here.host.now + timedelta(hours=3)
        wait = "10800" if kind == "seconds" else format_datetime(moment, usegmt=True)
        receiver.answer = (429, {"Retry-After": wait})
        kit.look(here)
        here.host.advance(hours=2, minutes=59)
        assert len(receiver.came) == 1
        receiver.answer = (200, {"Retry-After": "never"})
        here.host.advance(minutes=2)
        assert kit.as_stored(here, asked.id).state == "delivered"


@pytest.mark.parametrize("wait", ["Mon, 01 Jan 99999999999999999999 00:00:00 GMT", "9" * 5000, "soon"])
def test_odd_time_to_come_back_changes_nothing(wait: str) -> None:
    """What was answered is noted, and it is tried again as ever."""
    with kit.office() as here, Receiver() as receiver:
        asked = kit.booked(here, receiver.url)
        receiver.answer = (503, {"Retry-After": wait})
        kit.look(here)
        assert kit.as_stored(here, asked.id).status == 503
        receiver.answer = (200, {})
        here.host.advance(minutes=1)
        assert kit.as_stored(here, asked.id).state == "delivered"


def test_redirect_is_not_followed() -> None:
    """What was allowed is that one address; the other one gets nothing."""
    with kit.office() as here, Receiver() as receiver, Receiver() as other:
        receiver.answer = (307, {"Location": other.url})
        asked = kit.booked(here, receiver.url)
        kit.look(here)
        here.host.advance(minutes=1)
        waiting = kit.as_stored(here, asked.id)
        assert (waiting.state, waiting.status, waiting.attempts > 1) == ("sending", 307, True)
        assert other.came == []


def test_host_that_is_not_allowed_any_more_gets_nothing() -> None:
    """A person may mend the list meanwhile: it is tried like any other failure."""
    with kit.office() as here, Receiver() as receiver:
        asked = kit.booked(here, receiver.url)
        settings = services.current().settings
        closed = OutgoingSettings(CallPolicy(hosts=("hooks.example.com",), http=True, loopback=True))
        object.__setattr__(settings, "outgoing", closed)
        kit.look(here)
        here.host.advance(minutes=5)
        waiting = kit.as_stored(here, asked.id)
        assert (waiting.state, receiver.came) == ("sending", [])
        assert "SETTLE_CALL_HOSTS" in (waiting.error or "")
        object.__setattr__(settings, "outgoing", OutgoingSettings(kit.OPEN))
        here.host.advance(hours=1)
        assert kit.as_stored(here, asked.id).state == "delivered"


def test_receiver_that_hangs_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    """It may have taken the message all the same, and knows the next one for a double."""
    monkeypatch.setattr(send_callback, "PATIENCE", 0.1)
    with kit.office() as here, Receiver() as receiver:
        receiver.hang = 0.4
        asked = kit.booked(here, receiver.url)
        kit.look(here)
        waiting = kit.as_stored(here, asked.id)
        assert (waiting.state, waiting.attempts) == ("sending", 1)
        receiver.hang = 0.0
        here.host.advance(minutes=1)
        assert kit.as_stored(here, asked.id).state == "delivered"
        assert (len(receiver.came), len(receiver.ids)) == (2, 1)


def test_nothing_is_sent_after_unsubscribing() -> None:
    """Not before the end, and not between two tries."""
    with kit.office() as here, Receiver() as early, Receiver() as receiver:
        receiver.answer = (500, {})
        here.bring()
        subscribe.unsubscribe(services.current(), kit.ask(here, early.url).id)
        asked = kit.ask(here, receiver.url)
        here.decide(kit.ANN, "approve")
        assert len(kit.look(here)) == 1
        here.host.advance(seconds=5)
        tries = len(receiver.came)
        assert tries >= 1
        assert subscribe.unsubscribe_url(services.current(), receiver.url) == [asked.id]
        receiver.answer = (200, {})
        here.host.advance(days=4)
        assert (len(receiver.came), early.came) == (tries, [])
        assert kit.as_stored(here, asked.id).state == "cancelled"
        assert _result(here)["outcome"] == "cancelled"
        assert kit.marks(here) == []


def test_what_is_gone_from_the_storage_is_told_to_nobody() -> None:
    """It was removed by hand while it ran."""
    with kit.office() as here, Receiver() as receiver:
        here.bring()
        asked = kit.ask(here, receiver.url)
        here.blobs.delete(record_name(INVOICE))
        assert kit.look(here) == []
        ended = kit.as_stored(here, asked.id)
        assert (ended.state, receiver.came, kit.marks(here)) == ("failed", [], [])
        assert ended.error == "There is no invoice of this id."


def test_one_that_cannot_be_looked_at_does_not_hold_back_the_others() -> None:
    """A damaged record costs its own callback."""
    with kit.office() as here, Receiver() as broken, Receiver() as receiver:
        here.bring()
        bad, good = kit.ask(here, broken.url), kit.ask(here, receiver.url)
        here.decide(kit.ANN, "approve")
        here.blobs.write(f"callbacks/{INVOICE}/{bad.id[-16:]}/subscription.json", b"{}")
        assert len(kit.look(here)) == 1
        assert (len(receiver.came), broken.came) == (1, [])
        assert kit.as_stored(here, good.id).state == "delivered"


def test_end_that_is_there_already_is_told_at_once() -> None:
    """And to an address that was told, and asks again about the same end, nothing more."""
    with kit.office() as here, Receiver() as receiver:
        here.bring()
        here.decide(kit.ANN, "approve")
        kit.ask(here, receiver.url, runs=False)
        kit.look(here)
        kit.ask(here, receiver.url, runs=False)
        assert kit.look(here) == []
        assert len(receiver.came) == 1


def test_new_run_has_an_end_of_its_own() -> None:
    """What is started again is told again, under another id."""
    with kit.office() as here, Receiver() as receiver:
        asked = kit.booked(here, receiver.url)
        kit.look(here)
        again = kit.ask(here, receiver.url, runs=True)
        assert (again.id, again.round) == (asked.id, 2)
        kit.look(here)
        assert [came.id for came in receiver.came] == [f"{asked.id}-1", f"{asked.id}-2"]


# ---------------------------------------------------------------- deaths


@pytest.mark.parametrize("when", ["before", "after"])
def test_host_that_dies_at_any_commit_tells_at_least_once(tmp_path: Path, when: str) -> None:
    """One success is noted, and all that came is one message."""
    crash, crashed = 0, True
    while crashed:
        crash += 1
        state = tmp_path / f"{when}-{crash}.db"
        with kit.office(state=state) as here, Receiver() as receiver:
            receiver.answer = (500, {})
            asked = kit.booked(here, receiver.url)
            here.host.crash_at(here.host.commits + crash, when)
            steps = [
                lambda here=here: kit.look(here),
                lambda here=here: here.host.advance(seconds=25),
                lambda receiver=receiver: setattr(receiver, "answer", (200, {})),
                lambda here=here: here.host.advance(hours=1),
            ]
            crashed = here.live(steps)
            kit.recover(here)
            assert kit.as_stored(here, asked.id).state == "delivered", f"crash {when} commit {crash}"
            assert (len(receiver.ids), len(receiver.came) >= 3) == (1, True)
            assert kit.marks(here) == []
    assert crash > 6, "so few commits cannot be all"


@pytest.mark.parametrize("when", ["before", "after", "half"])
def test_lost_step_of_the_workflow_is_taken_again(tmp_path: Path, when: str) -> None:
    """Its worker process died; the supervisor starts the run again, which goes on from storage."""
    for step in range(1, 6):
        with kit.office(state=tmp_path / f"{when}-{step}.db") as here, Receiver() as receiver:
            receiver.answer = (500, {})
            asked = kit.booked(here, receiver.url)
            here.host.lose_orchestrator(here.host.steps + step, when)
            kit.look(here)
            here.host.advance(seconds=25)
            receiver.answer = (200, {})
            for _ in range(8):
                kit.recover(here)
                here.host.advance(minutes=2)
            assert kit.as_stored(here, asked.id).state == "delivered", f"{when} step {step}"
            assert len(receiver.ids) == 1
            assert [run for run in here.host.instances() if run.runtime_status == "Failed"] == []


def test_process_that_dies_at_any_call_of_the_storage_is_repeated() -> None:
    """In the timer's look and in the tries: the end is the same each time."""
    call, died = 0, True
    while died:
        call, died = call + 1, False
        with kit.office() as here, Receiver() as receiver:
            asked = kit.booked(here, receiver.url)
            left = call

            def fails(verb: str, name: str) -> None:
                nonlocal left, died
                if name.startswith(("callbacks/", "open-callbacks/", "open/callback-")):
                    left -= 1
                    if left == 0:
                        died = True
                        raise StorageUnavailable(f"{verb} {name}: no answer")

            here.blobs.fails = fails
            for _ in range(4):
                with contextlib.suppress(StorageUnavailable):  # the listing: the whole look ends
                    kit.look(here)
                here.host.advance(seconds=30)
            here.blobs.come_back()
            assert kit.as_stored(here, asked.id).state == "delivered", f"call {call}"
            assert len(receiver.ids) == 1, f"call {call}"
            assert kit.marks(here) == [], f"call {call}"
    assert call > 8, "so few calls cannot be all"
