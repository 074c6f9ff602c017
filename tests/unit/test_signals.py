"""Signals: what may be sent, that none is lost, that each counts once, and who is woken."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Iterable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import azure.functions as func
import pytest

from invoicing.records.signals import CloseJob, ReadJob, WaitPlace
from invoicing.signals.errors import SignalInvalid, UnknownKind
from invoicing.signals.keys import id_hash, key_hash, normal_key
from invoicing.signals.kinds import KINDS
from invoicing.signals.reading import MOST_BYTES, checked, object_of
from invoicing.signals.taking_in import NewSignal, signal_of
from stores import signals as store
from stores.blobs import StorageUnavailable
from tests.fakes.memory_blobs import MemoryBlobs
from tests.unit.page_requests import BASE, Client, handler, local_run
from triggers import signals as api
from usecases import wait_for_signals as waits
from usecases.refusals import Misunderstood, NotAsAsked, Unknown
from usecases.signal import signal

NOW = datetime(2026, 5, 4, 12, tzinfo=UTC)
KIND = "goods-received"
LINE = {"line": "1", "quantity": 5, "unit": "KGM", "by": "dock 2, scale"}


def _place(instance: str = "w1", key: str = "PO-1", event: str = "signal.1") -> WaitPlace:
    return WaitPlace(kind=KIND, key=key, instance=instance, event=event, at=NOW)


def _job(
    given: Iterable[str] = (), instance: str = "w1", key: str = "PO-1", event: str = "signal.1"
) -> ReadJob:
    names = tuple(id_hash(signal_id) for signal_id in given)
    return ReadJob(**_place(instance, key, event).as_plain(), given=names)


def _end(
    given: Iterable[str] = (), instance: str = "w1", event: str = "signal.1", told: bool = False
) -> CloseJob:
    job = _job(given, instance, event=event).as_plain()
    return CloseJob(**job, told=told, now=NOW)


def _put(blobs: MemoryBlobs, signal_id: str, key: str = "PO-1", at: datetime = NOW, **more: Any) -> None:
    store.create(blobs, signal_of(NewSignal(KIND, key, LINE | more, signal_id), at))


def _ids(read: Any) -> list[str]:
    return [one.id for one in read.signals]


# ---------------------------------------------------------------- what may be sent


def test_what_a_device_and_a_person_say_is_kept_in_one_form() -> None:
    """Digits as they were written; what was not said is left out."""
    device = object_of(b'{"line": 1, "quantity": 12.50, "unit": "KGM", "place": "dock 2"}')
    said = signal_of(NewSignal(KIND, " PO  1 ", device, "7"), NOW)
    assert said.key == "PO 1"
    assert said.payload == {"lines": [{"line": "1", "quantity": "12.50", "unit": "KGM"}], "place": "dock 2"}
    person = {"lines": [{"line": "1", "quantity": "5"}, {"item": "A-7", "quantity": "-1"}], "complete": True}
    assert signal_of(NewSignal(KIND, "PO-1", person), NOW).payload == person


def test_signal_without_an_id_is_known_by_its_content() -> None:
    """The same content is the same signal; with an id each may be one of its own."""
    first, again = (signal_of(NewSignal(KIND, "PO-1", LINE), NOW) for _ in range(2))
    other = signal_of(NewSignal(KIND, "PO-1", LINE | {"quantity": 6}), NOW)
    assert first.id == again.id != other.id


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"no json",
        b"[]",
        b'"text"',
        b"\xff\xfe",
        b'{"a": NaN}',
        b'{"a": Infinity}',
        b'{"__class__": "x"}',
        b'{"lines": [{"__class__": "x"}]}',
        b'{"a": {"b": 1}}',
        b'{"a": [[1]]}',
        b'{"a": [{"b": [1]}]}',
        b'{"a": [{"b": {"c": 1}}]}',
        b'{"a": 1e999999999}',
        b'{"a": 1e-999999999}',
        b'{"a": 1' + b"0" * 20 + b"}",
        b'{"a": "\\ud800"}',
        b'{"a": "\\u0000"}',
        b'{"a\\n": 1}',
        b"[" * 5000,
        b'{"a":' * 2500,
        b'{"a": "' + b"x" * 1001 + b'"}',
        b'{"a": "' + b"x" * MOST_BYTES + b'"}',
        b"{" + b",".join(b'"f%d": 1' % n for n in range(51)) + b"}",
        b'{"a": [' + b",".join([b"1"] * 201) + b"]}",
    ],
)
def test_json_that_may_do_harm_is_refused_with_what_to_do(body: bytes) -> None:
    """Whatever door it comes in by."""
    with pytest.raises(SignalInvalid) as refused:
        object_of(body)
    assert refused.value.text.endswith(".")
    assert len(refused.value.text) < 300


def test_numbers_keep_their_digits() -> None:
    """A binary fraction has lost some."""
    assert object_of(b'{"a": 0.10}') == {"a": Decimal("0.10")}
    assert checked({"a": 0.1}) == {"a": Decimal("0.1")}


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"quantity": "many"}, "quantity"),
        ({"quantity": True}, "quantity"),
        ({"quantity": None}, "quantity"),
        ({"quantity": 10**13}, "quantity"),
        ({"unit": ""}, "unit"),
        ({"at": "yesterday"}, "at"),
        ({"at": "2026-05-04T12:00:00"}, "at"),
        ({"lines": [{"quantity": 1}]}, "either lines"),
        ({"colour": "red"}, "colour"),
        ({"by": "x" * 101}, "by"),
    ],
)
def test_what_its_kind_does_not_say_is_refused(change: dict[str, Any], says: str) -> None:
    """The text names the field."""
    with pytest.raises(SignalInvalid, match=says):
        signal_of(NewSignal(KIND, "PO-1", LINE | change), NOW)


def test_kind_that_nobody_knows_is_refused_with_those_that_are_known() -> None:
    """So that a typing error is seen at once."""
    with pytest.raises(UnknownKind, match=KIND):
        signal_of(NewSignal("goods-recieved", "PO-1", LINE), NOW)
    assert all(kind == kind.lower() for kind in KINDS)


@pytest.mark.parametrize("key", ["", "   ", "x" * 201, "x" * 2048, "a\nb", "a\x00b", "\ud800"])
def test_key_that_is_none_is_refused(key: str) -> None:
    """Also one of 2 KB."""
    with pytest.raises(SignalInvalid, match="key") as refused:
        normal_key(key)
    assert refused.value.code == "bad_key"


def test_one_key_is_written_in_many_ways() -> None:
    """Composed or not, with spaces, in capitals or not."""
    keys = ["PO-é 1", " PO-e\u0301  1 ", "po-É 1"]
    assert len({key_hash(normal_key(key)) for key in keys}) == 1


# ---------------------------------------------------------------- sending


async def _send(
    used: Any, client: Client, signal_id: str | None = "1", key: str = "PO-1", **more: Any
) -> Any:
    return await signal(used, client, NewSignal(KIND, key, LINE | more, signal_id))  # pyright: ignore


async def test_signal_is_stored_and_every_waiter_is_woken() -> None:
    """Those of its kind and key, and no other."""
    with local_run() as used:
        client = Client()
        for instance, key in (("w1", "PO-1"), ("w2", "po-1"), ("w3", "PO-2")):
            waits.open_wait(used.blobs, _place(instance, key, f"signal.{instance}"))
        taken = await _send(used, client)
        assert (taken.is_new, taken.waiting) == (True, 2)
        assert sorted(client.raised) == [("w1", "signal.w1"), ("w2", "signal.w2")]


async def test_signal_costs_two_calls_of_the_storage() -> None:
    """Each takes milliseconds: one to write it, one to see who waits."""
    with local_run() as used:
        waits.open_wait(used.blobs, _place())
        used.blobs.calls.clear()  # pyright: ignore[reportAttributeAccessIssue] - the fake has it
        await _send(used, Client())
        assert [verb for verb, _ in used.blobs.calls] == ["create", "list"]  # pyright: ignore


async def test_same_id_counts_once_and_wakes_again() -> None:
    """Who sent it first may have died before it woke anybody."""
    with local_run() as used:
        waits.open_wait(used.blobs, _place())
        client = Client()
        first, second = [await _send(used, client) for _ in range(2)]
        assert (first.is_new, second.is_new) == (True, False)
        assert first.signal == second.signal
        assert client.raised == [("w1", "signal.1")] * 2
        assert _ids(waits.read(used.blobs, _job())) == ["1"]


async def test_id_that_was_used_for_something_else_is_refused() -> None:
    """A device whose counter began again must not lose what it says in silence."""
    with local_run() as used:
        await _send(used, Client())
        with pytest.raises(NotAsAsked, match="id of its own"):
            await _send(used, Client(), quantity=6)


async def test_what_cannot_be_taken_leaves_nothing_behind() -> None:
    """And says whose fault it is."""
    with local_run() as used:
        for wrong, error in (
            (NewSignal("other", "PO-1", LINE), Unknown),
            (NewSignal(KIND, "", LINE), Misunderstood),
            (NewSignal(KIND, "PO-1", {"__class__": "x"}), Misunderstood),
            (NewSignal(KIND, "PO-1", LINE, ""), Misunderstood),
            (NewSignal(KIND, "PO-1", LINE, "x" * 256), Misunderstood),
        ):
            with pytest.raises(error):
                await signal(used, Client(), wrong)  # pyright: ignore[reportArgumentType]
        assert not used.blobs.stored  # pyright: ignore[reportAttributeAccessIssue]


async def test_workflow_that_cannot_be_woken_does_not_hold_the_others() -> None:
    """The sweep comes by; the signal is stored."""

    class Deaf(Client):
        async def raise_event(self, instance_id: str, name: str, data: Any = None) -> None:
            if instance_id == "w1":
                raise RuntimeError("Instance with ID w1 is gone: either completed or failed")
            await super().raise_event(instance_id, name, data)

    with local_run() as used:
        for instance in ("w1", "w2"):
            waits.open_wait(used.blobs, _place(instance, event=f"signal.{instance}"))
        client = Deaf()
        taken = await _send(used, client)
        assert taken.waiting == 2
        assert client.raised == [("w2", "signal.w2")]


async def test_storage_that_goes_away_in_the_middle_says_so_and_the_same_signal_is_sent_again() -> None:
    """Written and nobody woken: the second time finds it and wakes."""
    with local_run() as used:
        waits.open_wait(used.blobs, _place())
        client = Client()

        def away(verb: str, name: str) -> None:
            if verb == "list":
                raise StorageUnavailable("no answer")

        used.blobs.fails = away  # pyright: ignore[reportAttributeAccessIssue]
        with pytest.raises(StorageUnavailable):
            await _send(used, client)
        used.blobs.come_back()  # pyright: ignore[reportAttributeAccessIssue]
        assert not (await _send(used, client)).is_new
        assert client.raised == [("w1", "signal.1")]
        assert _ids(waits.read(used.blobs, _job())) == ["1"]


@pytest.mark.parametrize("keys", [1, 1000])
async def test_none_of_a_thousand_is_lost(keys: int) -> None:
    """To one key and to a thousand, each twice, all at the same time."""
    with local_run() as used:
        for key in range(keys):
            waits.open_wait(used.blobs, _place(f"w{key}", str(key)))
        sent = [_send(used, Client(), str(n), str(n % keys)) for n in range(1000) for _ in range(2)]
        taken = await asyncio.gather(*sent)
        assert sum(one.is_new for one in taken) == 1000
        found = [one for key in range(keys) for one in _all_of(used.blobs, f"w{key}", str(key))]
        assert sorted(found, key=int) == [str(n) for n in range(1000)]


def _all_of(blobs: Any, instance: str, key: str) -> list[str]:
    """All that a wait is given, page by page."""
    found: list[str] = []
    last: list[str] = []
    more = True
    while more:
        read = waits.read(blobs, _job(last, instance, key))
        last, more = _ids(read), read.more
        found += last
    return found


# ---------------------------------------------------------------- reading


def test_wait_is_given_what_came_before_it_the_oldest_first() -> None:
    """However the ids are called."""
    blobs = MemoryBlobs()
    for n, signal_id in enumerate(("z", "a", "m")):
        _put(blobs, signal_id, at=NOW + timedelta(seconds=n))
    assert _ids(waits.open_wait(blobs, _place())) == ["z", "a", "m"]


def test_reading_again_gives_all_that_was_not_told_of() -> None:
    """A step whose answer was lost is done again; what a wait tells of is not given any more."""
    blobs = MemoryBlobs()
    waits.open_wait(blobs, _place())
    _put(blobs, "2")
    first = waits.read(blobs, _job())
    _put(blobs, "1", at=NOW - timedelta(hours=1))
    again = waits.read(blobs, _job())
    assert (_ids(first), _ids(again)) == (["2"], ["1", "2"])
    for _ in range(2):
        assert _ids(waits.read(blobs, _job(["2"]))) == ["1"]
    assert _ids(waits.read(blobs, _job(["1"]))) == []


def test_answers_are_small() -> None:
    """Each replay reads them again: the rest comes with the next ones."""
    blobs = MemoryBlobs()
    for n in range(120):
        _put(blobs, str(n), note="ä" * 300)
    read = waits.open_wait(blobs, _place())
    assert read.more
    assert len(json.dumps(read.as_plain())) < 64 * 1024
    assert len(set(_all_of(blobs, "w1", "PO-1"))) == 120


def test_open_waits_are_each_given_all_and_a_later_one_only_what_nobody_was_given() -> None:
    """What a wait was given is its own when it has ended, and nobody's before."""
    blobs = MemoryBlobs()
    _put(blobs, "1")
    first, second = (waits.open_wait(blobs, _place(one, event=one)) for one in ("w1", "w2"))
    assert _ids(first) == _ids(second) == ["1"]
    for _ in range(2):
        assert waits.close_wait(blobs, _end(["1"], "w1", "w1")).taken == 1
    _put(blobs, "2")
    assert _ids(waits.open_wait(blobs, _place("w3", event="w3"))) == ["2"]


def test_end_counts_what_was_told_of_before_too() -> None:
    """Also where the step is repeated."""
    blobs = MemoryBlobs()
    for signal_id in ("1", "2"):
        _put(blobs, signal_id)
    waits.open_wait(blobs, _place())
    waits.read(blobs, _job(["1"]))
    for _ in range(2):
        assert waits.close_wait(blobs, _end(["2"], told=True)).taken == 2
    assert _ids(waits.open_wait(blobs, _place("w2", event="w2"))) == []


def test_damaged_note_of_a_wait_does_not_end_the_work_that_waited() -> None:
    """What it was given lately is known; the end is written over what cannot be read."""
    blobs = MemoryBlobs()
    _put(blobs, "1")
    waits.open_wait(blobs, _place())
    (note,) = [name for name in blobs.names() if "/waits/" in name]
    blobs.write(note, b"{")
    assert waits.close_wait(blobs, _end(["1"], told=True)).taken == 1
    assert waits.open_wait(blobs, _place("w2", event="w2")).signals == ()


def test_wait_that_was_given_nothing_leaves_nothing() -> None:
    """Its time was over."""
    blobs = MemoryBlobs()
    waits.open_wait(blobs, _place())
    assert waits.close_wait(blobs, _end()).taken == 0
    assert blobs.names() == []


def test_run_that_is_started_again_is_given_everything_again() -> None:
    """Also what it had before it was lost, and after it had ended its wait; nobody wakes the older one."""
    blobs = MemoryBlobs()
    _put(blobs, "1")
    waits.open_wait(blobs, _place(event="signal.old"))
    assert _ids(waits.open_wait(blobs, _place(event="signal.new"))) == ["1"]
    assert [wait.event for wait in store.waiting(blobs, KIND, "PO-1")] == ["signal.new"]
    waits.close_wait(blobs, _end(["1"], event="signal.new"))
    assert _ids(waits.open_wait(blobs, _place(event="signal.third"))) == ["1"]


def test_step_of_an_older_run_changes_nothing() -> None:
    """It may still be under way on a machine that was given up."""
    blobs = MemoryBlobs()
    waits.open_wait(blobs, _place(event="signal.new"))
    _put(blobs, "1")
    waits.close_wait(blobs, _end(["1"], event="signal.old"))
    assert _ids(waits.read(blobs, _job(event="signal.new"))) == ["1"]
    assert [wait.event for wait in store.waiting(blobs, KIND, "PO-1")] == ["signal.new"]


def test_wait_that_somebody_removed_is_noted_again() -> None:
    """By a hand in the storage, or by a sweep that took its run for gone."""
    blobs = MemoryBlobs()
    _put(blobs, "1")
    waits.open_wait(blobs, _place())
    (name,) = [name for name in blobs.names() if "/waits/" in name]
    blobs.delete(name)
    _put(blobs, "2")
    assert sorted(_ids(waits.read(blobs, _job(["1"])))) == ["2"]
    assert len(store.waiting(blobs, KIND, "PO-1")) == 1


def test_each_step_costs_one_or_two_calls_of_the_storage() -> None:
    """The listing says what is in the signals; what was given is told of when it reads again, or ends."""
    blobs = MemoryBlobs()

    def cost(step: Callable[[], object]) -> list[str]:
        blobs.calls.clear()
        step()
        return [verb for verb, _ in blobs.calls]

    assert cost(lambda: waits.open_wait(blobs, _place())) == ["write", "list"]
    _put(blobs, "1", note="Käse")
    assert waits.read(blobs, _job()).signals[0].payload["note"] == "Käse"
    assert cost(lambda: waits.read(blobs, _job())) == ["list"]
    assert cost(lambda: waits.close_wait(blobs, _end(["1"]))) == ["write"]
    assert cost(lambda: waits.read(blobs, _job(["2"]))) == ["list", "write"]
    assert cost(lambda: waits.close_wait(blobs, _end(["3"], told=True))) == ["read", "write"]


def test_signal_that_is_damaged_costs_nobody_the_others() -> None:
    """It is named in the log."""
    blobs = MemoryBlobs()
    _put(blobs, "1")
    _put(blobs, "2")
    name = next(name for name in blobs.names() if "/came/" in name)
    blobs.write(name, b"{}")
    assert len(waits.open_wait(blobs, _place()).signals) == 1


# ---------------------------------------------------------------- over HTTP


async def _post(
    body: bytes, kind: str = KIND, key: str = "PO-1", media: str = "application/json", **headers: str
) -> tuple[int, Any]:
    req = func.HttpRequest(
        "POST",
        f"{BASE}/api/signals/x/y",
        headers={"content-type": media} | {name.replace("_", "-"): value for name, value in headers.items()},
        route_params={"kind": kind, "key": key},
        body=body,
    )
    answer = await handler(api.post_signal)(req=req, client=Client())
    return answer.status_code, json.loads(answer.get_body())


GOOD = json.dumps(LINE).encode()


async def test_signal_is_taken_once_over_http() -> None:
    """202 the first time, 200 afterwards, by header, by field or by content."""
    with local_run():
        assert (await _post(GOOD, idempotency_key="1"))[0] == 202
        assert (await _post(GOOD, idempotency_key="1"))[0] == 200
        assert (await _post(json.dumps(LINE | {"id": "1"}).encode()))[0] == 200
        assert (await _post(GOOD))[0] == 202
        status, told = await _post(GOOD)
        assert (status, told["kind"], told["key"], told["waiting"]) == (200, KIND, "PO-1", 0)


async def test_slash_in_a_key_is_one() -> None:
    """Hosts leave it as it was written in the address."""
    with local_run():
        assert (await _post(GOOD, key="2026%2F17"))[1]["key"] == "2026/17"


@pytest.mark.parametrize(
    ("call", "status", "code"),
    [
        ({"body": b"no json"}, 400, "bad_json"),
        ({"body": b'{"__class__": "x"}'}, 400, "bad_signal"),
        ({"body": b"[]"}, 400, "bad_signal"),
        ({"body": b" " * (MOST_BYTES + 1)}, 413, "body_too_large"),
        ({"body": GOOD, "media": "text/plain"}, 415, "unsupported_media_type"),
        ({"body": GOOD, "kind": "other"}, 404, "unknown_kind"),
        ({"body": GOOD, "key": " "}, 400, "bad_key"),
        ({"body": GOOD, "key": "x" * 2048}, 400, "bad_key"),
        ({"body": GOOD, "idempotency_key": " "}, 400, "bad_id"),
        ({"body": GOOD, "idempotency_key": "x" * 300}, 400, "bad_id"),
        ({"body": json.dumps(LINE | {"id": 7}).encode()}, 400, "bad_id"),
        ({"body": json.dumps(LINE | {"id": "7"}).encode(), "idempotency_key": "8"}, 400, "bad_id"),
    ],
)
async def test_bad_request_is_told_what_to_do(call: dict[str, Any], status: int, code: str) -> None:
    """And leaves nothing behind."""
    with local_run() as used:
        answered, told = await _post(**call)
        assert (answered, told["error"]["code"]) == (status, code)
        assert not used.blobs.stored  # pyright: ignore[reportAttributeAccessIssue]


async def test_storage_that_is_away_is_503() -> None:
    """With when to try again."""
    with local_run() as used:
        used.blobs.go_away()  # pyright: ignore[reportAttributeAccessIssue]
        assert (await _post(GOOD))[0] == 503


async def test_clock_of_the_app_stamps_what_came() -> None:
    """Whatever a device says of the time."""
    with local_run() as used:
        taken = await _send(replace(used, clock=lambda: NOW), Client(), at="2020-01-01T00:00:00+00:00")
        assert taken.signal.received == NOW
