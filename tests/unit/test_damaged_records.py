"""A stored record that cannot be read costs its own line: every list still shows the others, and names it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import azure.functions as func
import pytest
from azure.durable_functions import OrchestrationRuntimeStatus as Runtime
from pydantic import TypeAdapter

from adapters.services import Services
from invoicing.approval.delegation import stand_ins_by_person
from invoicing.approval.gathering import Slot
from invoicing.records.absence import Absence
from invoicing.records.base import BatchId, Record
from invoicing.records.batch import BatchRecord, BatchSource
from invoicing.records.message_steps import DIGEST
from invoicing.records.messages import Message, MessageItem, Notice, StatedWish
from invoicing.records.supervision import OpenWork
from stores import absences, approval_names, batch_names, notices, outbox, records, supervised, wishes
from stores.batches import BatchStore
from stores.records import RecordDamaged
from tests.fakes.memory_blobs import MemoryBlobs
from tests.unit.approvals_on_paper import ANN, BOB, CARLA, put_approval
from tests.unit.message_world import World
from tests.unit.page_requests import Client, get, handler, local_run, status, text
from tests.unit.report_rows import invoice, row
from triggers import approvals as approvals_api
from triggers import batches as batches_api
from triggers import pages_absences, pages_approval, pages_batches, pages_inbox, pages_outbox, pages_runs

NOW = datetime.now(UTC)
#: Bytes that are no record of ours, each in another way.
BROKEN = [
    b"",
    b"{",
    b"null",
    b"[]",
    b'"text"',
    b"\xff\xfe",
    b"[" * 20_000,
    b'{"a": ' * 20_000,
    b"{}",
    b"1" * 5000,
]
_each_break = pytest.mark.parametrize("broken", BROKEN, ids=[repr(one[:12]) for one in BROKEN])


@pytest.fixture
def here() -> Iterator[Services]:
    """A local run with nothing in it."""
    with local_run() as made:
        yield made


def _variants(whole: bytes) -> list[bytes]:
    """A whole record, each time with one field that is missing, of another kind, or half a character."""
    value = json.loads(whole)
    odd: tuple[Any, ...] = (None, 5, "\ud800", [], {"a": {}}, "0001-01-01")
    changed = [{**value, name: one} for name in value for one in odd]
    shorter = [{key: one for key, one in value.items() if key != name} for name in value]
    return [json.dumps(one).encode() for one in [*changed, *shorter]]


async def _api(builder: Any, **client: Any) -> dict[str, Any]:
    req = func.HttpRequest("GET", "http://localhost:7071/api/batches", params={}, body=b"")
    answer = await handler(builder)(req, **client)
    assert answer.status_code == 200, answer.get_body()
    return json.loads(answer.get_body())


async def _shows(builder: Any, path: str, *words: str, **more: Any) -> None:
    answer = await get(builder, path, ANN, **more)
    shown = text(answer)
    assert answer.status_code == 200
    for word in words:
        assert word in shown


# ---------------------------------------------------------------- batches


def _batch(here: Services, n: int) -> str:
    batch = f"b{n:024x}"
    record = BatchRecord(
        BatchId(batch), NOW + timedelta(seconds=n), "0" * 64, BatchSource("upload", f"may-{n}.zip", 9)
    )
    BatchStore(here.blobs).create(record)
    here.blobs.write(batch_names.index(batch, record.created), b"")
    return batch


@_each_break
async def test_damaged_batch_costs_its_own_line(here: Services, broken: bytes) -> None:
    """In the API and on the page; the batch itself says what is wrong."""
    one, bad, other = (_batch(here, n) for n in (1, 2, 3))
    here.blobs.write(batch_names.record(bad), broken)
    client = Client()
    listed = await _api(batches_api.list_batches, client=client)
    assert ([found["id"] for found in listed["batches"]], listed["damaged"]) == ([other, one], [bad])
    await _shows(pages_batches.page_batches, "/batches", "may-1.zip", "may-3.zip", bad, client=client)
    alone = await get(pages_batches.page_batch, f"/batches/{bad}", client=client)
    assert (alone.status_code, batch_names.record(bad) in text(alone)) == (500, True)


async def test_any_change_to_a_batch_leaves_the_list(here: Services) -> None:
    """A field that is missing, of another kind, or half a character."""
    good, odd = _batch(here, 1), _batch(here, 2)
    for data in _variants(here.blobs.read(batch_names.record(odd))):
        here.blobs.write(batch_names.record(odd), data)
        listed = await _api(batches_api.list_batches, client=Client())
        assert good in [found["id"] for found in listed["batches"]]
        await _shows(pages_batches.page_batches, "/batches", "may-1.zip", client=Client())


async def test_odd_name_in_the_index_costs_its_own_line(here: Services) -> None:
    """It is not looked up anywhere."""
    good = _batch(here, 1)
    here.blobs.write(batch_names.INDEX + "somebody's note", b"")
    listed = await _api(batches_api.list_batches, client=Client())
    assert [found["id"] for found in listed["batches"]] == [good]
    assert len(listed["damaged"]) == 1
    await _shows(pages_batches.page_batches, "/batches", "may-1.zip", client=Client())


@pytest.mark.parametrize(
    "said", ["text", 5, [], {"counts": "x"}, {"counts": {"valid": "many"}}, {"phase": 5}, "[" * 20_000]
)
async def test_odd_status_of_a_batch_costs_nothing_else(here: Services, said: Any) -> None:
    """What an orchestration said is no reason either."""
    good, odd = _batch(here, 1), _batch(here, 2)
    client = Client(status(odd, runtime_status=Runtime.Running, custom_status=said))
    listed = await _api(batches_api.list_batches, client=client)
    assert [found["id"] for found in listed["batches"]] == [odd, good]
    await _shows(pages_batches.page_batches, "/batches", "may-1.zip", "may-2.zip", client=client)


# ---------------------------------------------------------------- approvals


def _approval(here: Services, number: str) -> str:
    return put_approval(here.blobs, row(name=f"{number}.xml", invoice=invoice(number=number, seller="ACME")))


@_each_break
async def test_damaged_line_of_the_inbox_costs_itself(here: Services, broken: bytes) -> None:
    """The page names the approval, which can be opened all the same."""
    _approval(here, "RE-1")
    bad = _approval(here, "RE-2")
    here.blobs.write(approval_names.inbox(bad), b"", {"item": broken.decode("latin-1")})
    listed = await _api(approvals_api.get_approvals)
    assert ([one["number"] for one in listed["approvals"]], listed["damaged"]) == (["RE-1"], [bad])
    await _shows(pages_inbox.page_inbox, "/inbox", "RE-1", bad)
    await _shows(pages_approval.page_approval, f"/approvals/{bad}", "RE-2")


async def test_any_change_to_a_line_of_the_inbox_leaves_the_list(here: Services) -> None:
    """A field that is missing, of another kind, or half a character; metadata that is missing altogether."""
    _approval(here, "RE-1")
    odd = _approval(here, "RE-2")
    for data in _variants(here.blobs.read(approval_names.inbox(odd))):
        here.blobs.write(approval_names.inbox(odd), b"", {"item": data.decode()})
        listed = await _api(approvals_api.get_approvals)
        assert "RE-1" in [one["number"] for one in listed["approvals"]], data
        await _shows(pages_inbox.page_inbox, "/inbox", "RE-1")
    here.blobs.write(approval_names.inbox(odd), b"")
    assert (await _api(approvals_api.get_approvals))["damaged"] == [odd]


# ---------------------------------------------------------------- absences


def _away(here: Services, who: str, to: str) -> str:
    absence = Absence(who, to, NOW + timedelta(days=3), NOW)
    absences.note(here.blobs, absence)
    return approval_names.absence(who)


@_each_break
async def test_damaged_absence_costs_its_own_line(here: Services, broken: bytes) -> None:
    """Nobody stands in by it, and approvals go on as without it."""
    _away(here, ANN, BOB)
    bad = _away(here, BOB, CARLA)
    here.blobs.write(bad, broken)
    listed = await _api(approvals_api.get_delegations)
    assert ([one["who"] for one in listed["delegations"]], listed["damaged"]) == ([ANN], [bad])
    await _shows(pages_absences.page_absences, "/absences", ANN, bad)
    assert stand_ins_by_person(absences.all_of(here.blobs).found, NOW) == {ANN: (BOB,)}


async def test_any_change_to_an_absence_leaves_the_list(here: Services) -> None:
    """A field that is missing, of another kind, a time without a zone."""
    _away(here, ANN, BOB)
    odd = _away(here, BOB, CARLA)
    for data in _variants(here.blobs.read(odd)):
        here.blobs.write(odd, data)
        assert ANN in [one["who"] for one in (await _api(approvals_api.get_delegations))["delegations"]]
        await _shows(pages_absences.page_absences, "/absences", ANN)


# ---------------------------------------------------------------- messages


def _message(here: Services, n: int) -> str:
    link = "https://x/approvals/a1?t=x"
    items = (MessageItem("a1", "request", "An invoice", link),)
    message = Message(f"n{n}", ANN, "Ann", f"Subject {n}", "text", "<p>", link, items)
    created = NOW + timedelta(seconds=n)
    outbox.put(here.blobs, message, created)
    return outbox.blob_name(message.id, created)


@_each_break
async def test_damaged_message_costs_its_own_line(here: Services, broken: bytes) -> None:
    """In the API and on the page."""
    _message(here, 1)
    bad = _message(here, 2)
    here.blobs.write(bad, broken)
    listed = await _api(approvals_api.get_outbox)
    assert ([one["subject"] for one in listed["messages"]], listed["damaged"]) == (["Subject 1"], [bad])
    await _shows(pages_outbox.page_outbox, "/outbox", "Subject 1", bad)


async def test_digest_that_was_begun_with_something_else_is_left_out(here: Services) -> None:
    """Another version, or a hand, noted it: the page shows the others that are gathered."""
    ends = (NOW + timedelta(minutes=5)).isoformat()
    for slot, to in ((["x"], [ANN]), ("a" * 24 + "-1", [BOB])):
        job = {"slot": slot, "ends": ends, "channel": "outbox", "to": to}
        instance = f"digest-{to[0]}"
        supervised.note(here.blobs, OpenWork(instance=instance, orchestrator=DIGEST.name, input=job))
    await _shows(pages_outbox.page_outbox, "/outbox", "goes out on", "Bob Lang")


async def test_any_change_to_a_message_leaves_the_list(here: Services) -> None:
    """A field that is missing, of another kind, half a character, a link that is none."""
    _message(here, 1)
    odd = _message(here, 2)
    whole = here.blobs.read(odd)
    for data in [*_variants(whole), whole.replace(b"https://x/", b"http://[")]:
        here.blobs.write(odd, data)
        assert "Subject 1" in [one["subject"] for one in (await _api(approvals_api.get_outbox))["messages"]]
        await _shows(pages_outbox.page_outbox, "/outbox", "Subject 1")


@_each_break
async def test_damaged_state_of_a_message_costs_its_own_line(here: Services, broken: bytes) -> None:
    """The approval that it is about is shown, and what became of its other messages."""
    approval = _approval(here, "RE-1")
    for n in "12":
        notices.write(here.blobs, _notice("n" + n * 24, approval))
    here.blobs.write(notices.blob_name(approval, "n" + "2" * 24), broken)
    req = func.HttpRequest(
        "GET", "http://localhost:7071/api/approvals", params={}, route_params={"id": approval}, body=b""
    )
    answer = json.loads((await handler(approvals_api.get_approval)(req)).get_body())
    assert [one["id"] for one in answer["notifications"]] == ["n" + "1" * 24]
    assert answer["damaged_notifications"] == ["n" + "2" * 24]
    await _shows(pages_approval.page_approval, f"/approvals/{approval}", "RE-1")


def _notice(id: str, approval: str) -> Notice:
    slot = Slot("a" * 24, 1_970_000, 900)
    to, created = (ANN,), NOW
    return Notice(
        id=id,
        approval=approval,
        entry=2,
        kind="request",
        stage="clerk",
        channel="mail",
        to=to,
        created=created,
        slot=slot,
    )


async def test_any_change_to_the_state_of_a_message_leaves_the_approval(here: Services) -> None:
    """A field that is missing, of another kind, half a character, a slot that there is not."""
    approval = _approval(here, "RE-1")
    notice = _notice("n" + "1" * 24, approval)
    whole = json.loads(notice.as_json())
    slots = [json.loads(one) for one in _variants(json.dumps(whole["slot"]).encode())]
    odd = [json.dumps({**whole, "slot": slot}).encode() for slot in [*slots, {**whole["slot"], "seconds": 0}]]
    for data in [*_variants(json.dumps(whole).encode()), *odd]:
        here.blobs.write(notices.blob_name(approval, notice.id), data)
        await _shows(pages_approval.page_approval, f"/approvals/{approval}", "RE-1")


def test_damaged_state_of_a_message_is_written_anew_when_it_is_asked_for_again(tmp_path: Path) -> None:
    """And a run that finds it damaged ends instead of trying for two days."""
    world = World(tmp_path)
    world.wish("single", ANN)
    approval = world.open(approvers=(ANN,))
    world.tell(approval)
    (notice,) = world.notices(approval)
    blob = notices.blob_name(approval, notice.id)
    world.blobs.write(blob, b"{")
    (sent,) = world.send_alone()
    assert (sent["outcome"], blob in sent["error"]) == ("failed", True)
    world.tell(approval)
    assert [one.state for one in world.notices(approval)] == ["queued"]


@pytest.mark.parametrize("record", ["members.json", "sent-0000"])
def test_digest_that_finds_its_records_damaged_ends(tmp_path: Path, record: str) -> None:
    """It says which one."""
    world = World(tmp_path)
    for n in (1, 2):
        world.tell(world.open(n, approvers=(ANN,)))
    world.send_digests()
    (name,) = [name for name in world.blobs.names() if name.endswith(record)]
    world.blobs.write(name, b"{")
    if record == "members.json":
        with pytest.raises(RecordDamaged, match=record):
            world.send_digests()
    else:
        (ended,) = world.send_digests()
        assert (ended["outcome"], name in ended["error"]) == ("failed", True)


def test_message_that_cannot_be_read_is_left_out_of_its_digest(tmp_path: Path) -> None:
    """The others go out."""
    world = World(tmp_path)
    for n in (1, 2, 3):
        world.tell(world.open(n, approvers=(ANN,)))
    name = next(name for name in world.blobs.names() if "/waiting/" in name)
    world.blobs.write(name, b"{", {"notice": "{"})
    assert world.send_digests() == [{"outcome": "sent"}]
    assert len(world.outbox()[0].items) == 2


@_each_break
async def test_damaged_wish_counts_as_none(here: Services, broken: bytes) -> None:
    """The page shows what the policy says, and the wishes of the others count."""
    for person in (ANN, BOB):
        wishes.state(here.blobs, StatedWish(who=person, messages="single", said=NOW))
    here.blobs.write(wishes.blob_name(ANN), broken, {"wish": broken.decode("latin-1")})
    assert wishes.stated(here.blobs) == {BOB: "single"}
    await _shows(pages_absences.page_absences, "/absences", 'value="digest" checked')


# ---------------------------------------------------------------- runs


@pytest.mark.parametrize(
    "changes",
    [
        {"output": "[" * 20_000},
        {"output": {"status": ["x"]}},
        {"custom_status": "\ud800"},
        {"input_": {"prefix": "\ud800"}},
        {"name": None},
        {"created_time": None},
        {"last_updated_time": "nonsense"},
    ],
    ids=lambda changes: next(iter(changes)),
)
async def test_odd_run_leaves_the_list(here: Services, changes: dict[str, Any]) -> None:
    """And its own page says what can be said."""
    client = Client(status("good", name="process_batch"), status("odd", **changes))
    await _shows(pages_runs.page_runs, "/runs", "good", client=client)
    answer = await get(pages_runs.page_run, "/runs/odd", client=client)
    assert answer.status_code in (200, 404)


def test_record_that_is_written_is_read() -> None:
    """The inverse of each other."""
    record = BatchRecord(
        BatchId("b1"), NOW.replace(microsecond=0), "0" * 64, BatchSource("upload", "may.zip", 9)
    )
    blobs = MemoryBlobs()
    BatchStore(blobs).create(record)
    assert BatchStore(blobs).record("b1") == record
    assert json.loads(blobs.read(batch_names.record("b1")))["source"] == asdict(record.source)


def test_field_of_a_damaged_record_is_named_and_its_value_is_not() -> None:
    """Who mends it finds the place; a key that came with the data is left out."""
    written = b'{"rule": "all", "stages": [{"quorum": "DE89"}], "counts": {"DE89370400": "x"}}'

    class Stage(Record):
        quorum: int

    class Asked(Record):
        rule: str
        stages: tuple[Stage, ...]

    class Counted(Record):
        counts: dict[str, int]

    with pytest.raises(RecordDamaged, match=r"request\.json cannot be read at stages\.0\.quorum:") as raised:
        records.from_json(TypeAdapter(Asked), "request.json", written)
    assert "DE89" not in str(raised.value)
    with pytest.raises(RecordDamaged, match=r"cannot be read at counts:"):
        records.from_json(TypeAdapter(Counted), "request.json", written)
    with pytest.raises(RecordDamaged, match=r"request\.json cannot be read: "):
        records.from_json(TypeAdapter(Counted), "request.json", b"{")
