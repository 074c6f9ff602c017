"""Archive and purge: what goes, what stays, and that a run may die at every call of the storage."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable
from datetime import timedelta

import pytest

from invoicing.approval import names
from invoicing.approval.ledger import verify
from invoicing.records.base import InvoiceId
from invoicing.records.retention import Hold, HoldEvent
from invoicing.records.supervision import Case, OpenWork
from invoicing.supervision import closed
from stores import approval_names, batch_names, holds, notices, supervised, tombstones
from stores.blobs import StorageRefused, StorageUnavailable
from stores.claims import Claim, ClaimStore
from stores.invoices import record_name
from tests.fakes.ledger_keys import LEDGER_KEYS
from tests.unit.old_things import FOR_GOOD, LATER, NOON, OldThings, batch_id
from tests.unit.report_rows import row


class Died(BaseException):
    """The process is gone: nothing of ours catches that."""


def _for_good(state: dict[str, bytes]) -> dict[str, bytes]:
    return {
        name: data
        for name, data in state.items()
        if name.startswith(FOR_GOOD) and "/notifications/" not in name
    }


def _filled() -> tuple[OldThings, str, str, str]:
    """Two batches and an invoice that are old; the second batch is young enough when it matters."""
    here = OldThings(SETTLE_ARCHIVE_DOCUMENTS="true")
    batch = here.batch(1)
    invoice = here.invoice(3)
    here.now = LATER - timedelta(days=10)
    young = here.batch(2)
    here.now = LATER
    return here, batch, invoice, young


def test_what_is_old_goes_and_what_is_young_stays() -> None:
    """Of what goes the ledgers, payables and claims stay, byte for byte."""
    here, batch, invoice, young = _filled()
    before = here.state()
    run = here.run()
    after = here.state()
    assert {name for name in after if batch in name or invoice in name} == {
        name for name in _for_good(before) if batch in name or invoice in name
    }
    assert {name: data for name, data in before.items() if young in name}.items() <= after.items()
    assert _for_good(after) == _for_good(before)
    gone = before.keys() - after.keys()
    counts = run.counts
    assert (counts.batches, counts.invoices, counts.documents) == (1, 1, 3)
    assert counts.blobs == len(gone)
    assert counts.bytes == sum(len(before[name]) for name in gone)
    assert run.kept == {}
    assert here.run().counts.blobs == 0


def test_the_archive_has_everything_that_matters() -> None:
    """Rows, routes, approvals with whole ledgers, what was told to whom, bookings, payables, documents."""
    here, batch, invoice, _ = _filled()
    before = here.state()
    here.run()
    (of_batch,) = here.records(batch)
    assert (of_batch["schema"], of_batch["kind"], of_batch["id"]) == (1, "batch", batch)
    assert of_batch["record"] == json.loads(before[batch_names.record(batch)])
    assert [row["n"] for row in of_batch["rows"]] == [1, 2]
    assert [route["n"] for route in of_batch["routes"]] == [1, 2]
    assert of_batch["settled"] == ["000001-rejected"]
    assert of_batch["approvals"][0]["messages"][0]["to"] == ["ann.roth@example.com"]
    files = {one["name"]: one for one in of_batch["documents"]}
    assert files[f"archive/{batch}/documents/upload.zip"]["sha256"] == hashlib.sha256(b"zip").hexdigest()

    (of_invoice,) = here.records(invoice)
    (approval,) = of_invoice["approvals"]
    (payable,) = of_invoice["payables"]
    assert payable["approval"] == approval["id"]
    assert of_invoice["result"]["n"] == 3
    assert of_invoice["route"]["approval"] == approval["id"]


def test_what_followed_a_wait_for_goods_is_archived() -> None:
    """The rule and the approval stand in a route of their own; the messages of the approval go as all do."""
    here = OldThings()
    batch = here.late_batch()
    approval = names.approval_id(f"{batch}/1")
    here.now = LATER
    here.run()
    (record,) = here.records(batch)
    assert [(route["rule"], route["approval"]) for route in record["routes"]] == [("goods", approval)]
    assert [one["id"] for one in record["approvals"]] == [approval]
    assert len(record["approvals"][0]["messages"]) == 1
    assert here.blobs.names(notices.blob_name(approval)) == []


def test_a_ledger_can_be_proved_from_the_archive_alone() -> None:
    """An entry that is written out again, keys sorted and without spaces, has the bytes that were signed."""
    here, _, invoice, _ = _filled()
    here.run()
    (record,) = here.records(invoice)
    (approval,) = record["approvals"]
    request = json.dumps(approval["request"], ensure_ascii=False, separators=(",", ":")).encode()
    entries = [
        (place, json.dumps(entry, ensure_ascii=False, sort_keys=True, separators=(",", ":")).encode())
        for place, entry in enumerate(approval["ledger"], 1)
    ]
    proven = verify(request, entries, LEDGER_KEYS)
    assert proven.flaw is None
    assert len(proven.entries) == len(entries) > 3


def test_the_proof_of_ledgers_and_anchors_holds_after_a_purge() -> None:
    """Before and after, with an anchor from before."""
    here, *_ = _filled()
    here.anchor("2029-05-01")
    assert here.all_flaws() == []
    assert here.run().counts.invoices == 1
    assert here.all_flaws() == []
    here.anchor("2029-05-02")
    assert here.all_flaws() == []


def test_removing_a_ledger_is_still_an_attack_after_a_purge() -> None:
    """Nobody can hide behind retention: it never takes a ledger away."""
    here, _, invoice, _ = _filled()
    here.anchor("2029-05-01")
    here.run()
    (record,) = here.records(invoice)
    here.wipe(record["approvals"][0]["id"])
    assert any(record["approvals"][0]["id"] in flaw for flaw in here.all_flaws())


def test_a_duplicate_is_found_after_its_first_copy_was_purged() -> None:
    """The claim stays."""
    here, batch, *_ = _filled()
    here.run()
    assert ClaimStore(here.blobs).claim(Claim(f"{1:030x}02", "b" + "9" * 24 + "/1")) == f"{batch}/2"


# ---------------------------------------------------------------- what stays


def test_case_keeps_a_thing_until_somebody_closes_it() -> None:
    """The task hub goes on telling that the run failed: nothing more is to be done about it."""
    here = OldThings()
    batch = here.batch()
    here.now = LATER
    case = Case(
        instance=batch, orchestrator="process_batch", input={}, reason="x", is_lost=False, failed=here.now
    )
    supervised.keep(here.blobs, case)
    assert here.run().kept == {"case": 1}
    supervised.keep(here.blobs, closed(case, here.now))
    assert here.run(id="r2").counts.batches == 1


def _held(here: OldThings, thing: str) -> None:
    event = HoldEvent(kind="placed", who="ann@example.com", why="court", at=here.now)
    holds.change(here.blobs, thing, lambda before: event)


def _under_way(here: OldThings, thing: str) -> None:
    supervised.note(here.blobs, OpenWork(instance=f"{thing}-approvals", orchestrator="x", input={}))


def _damaged(here: OldThings, thing: str) -> None:
    for name in (batch_names.rows(thing), record_name(thing)):
        if name in here.blobs.stored:
            here.blobs.write(name, b"{")


def _message_waits(here: OldThings, thing: str) -> None:
    for name in here.blobs.names("approvals/"):
        if "/notifications/" in name:
            notice = notices.from_json(name, here.blobs.read(name))
            notices.write(here.blobs, notice.changed(state="retrying", created=here.now))


@pytest.mark.parametrize(
    ("change", "why"),
    [(_held, "hold"), (_under_way, "run"), (_damaged, "fault"), (_message_waits, "message")],
)
def test_what_is_held_or_open_stays_and_is_named(change: Callable[[OldThings, str], None], why: str) -> None:
    """Nothing of it is deleted, nothing is marked, and the run says why."""
    here, batch, invoice, _ = _filled()
    for thing in (batch, invoice):
        change(here, thing)
    # A change that is new makes what it changed young; the old one is what is looked at.
    here.blobs.modified = dict.fromkeys(here.blobs.stored, NOON - timedelta(days=1))
    before = here.state()
    run = here.run()
    assert here.state() == before
    assert set(run.kept) == {why}
    assert {thing.id for thing in run.named} >= {batch, invoice}
    assert here.blobs.names("purged/") == []


def test_a_hold_on_one_document_holds_its_batch() -> None:
    """And when it has ended, the batch goes; the record of the hold stays."""
    here, batch, _, _ = _filled()
    _held(here, f"{batch}-2")
    assert here.run().kept == {"hold": 1}
    ended = HoldEvent(kind="ended", who="ann@example.com", why="settled", at=here.now)
    holds.change(here.blobs, f"{batch}-2", lambda before: ended)
    assert here.run(id="r2").counts.batches == 1
    kept = holds.of(here.blobs, f"{batch}-2")
    assert kept is not None
    assert [event.kind for event in kept.events] == ["placed", "ended"]


def test_a_payable_that_is_not_paid_keeps_its_invoice() -> None:
    """Without the setting, nothing ever counts as paid."""
    here = OldThings(SETTLE_PAID_AFTER_DAYS="")
    free = here.free_invoice(5)
    here.now = LATER
    assert [(one.id, one.why) for one in here.run().named] == [(free, "payable")]


def test_an_approval_that_is_open_keeps_its_invoice() -> None:
    """It is in the inbox; or its ledger is not closed, whatever the inbox says."""
    here = OldThings()
    approval = here.open(5)
    ref = here.ref(approval)
    here.take_in(InvoiceId(ref), row(5))
    here.now = LATER
    assert here.run().kept == {"approval": 1}
    here.blobs.delete(approval_names.inbox(approval))
    assert here.run().kept == {"approval": 1}


def test_somebody_who_holds_it_at_the_last_moment_is_in_time() -> None:
    """The hold is written while the archive is: the purge is called off, and nothing is gone."""
    here, batch, _, _ = _filled()
    before = here.state()

    def hold_meanwhile(verb: str, name: str) -> None:
        if verb == "write" and name == f"purged/{batch}.json" and not here.blobs.names("holds/"):
            held = Hold(id=batch, events=(HoldEvent(kind="placed", who="a@b.c", why="court", at=here.now),))
            here.blobs.stored[f"holds/{batch}.json"] = (held.as_json(), '"h"', {})

    here.blobs.fails = hold_meanwhile
    run = here.run()
    here.blobs.come_back()
    assert run.kept == {"hold": 1}
    assert {name: data for name, data in before.items() if batch in name}.items() <= here.state().items()
    assert tombstones.of(here.blobs, batch) is None


# ---------------------------------------------------------------- documents alone


def test_documents_go_first_where_their_term_is_shorter() -> None:
    """The results stay and are purged in their own time; the record names what was archived of documents."""
    here = OldThings(SETTLE_KEEP_DOCUMENTS_DAYS="30", SETTLE_ARCHIVE_DOCUMENTS="true")
    batch = here.batch(1)
    before = here.state()
    here.now += timedelta(days=60)
    run = here.run()
    gone = {name.removeprefix(f"batches/{batch}/") for name in before.keys() - here.state().keys()}
    assert gone == {"upload.zip", "places", "dead/000002"}
    assert (run.counts.batches, run.counts.documents, run.counts.blobs) == (0, 2, 3)
    assert here.run(id="r2").counts.blobs == 0

    here.now = LATER
    assert here.run(id="r3").counts.batches == 1
    (record,) = here.records(batch)
    assert f"archive/{batch}/documents/upload.zip" in {one["name"] for one in record["documents"]}


def test_documents_are_archived_only_where_the_setting_says_so() -> None:
    """The record is, always."""
    here = OldThings()
    batch = here.batch(1)
    here.now = LATER
    here.run()
    assert len(here.archive.names()) == 1
    (record,) = here.records(batch)
    assert record["documents"] == []


# ---------------------------------------------------------------- bad days


@pytest.mark.parametrize("way", ["dies", "away"])
@pytest.mark.parametrize("where", ["storage", "archive"])
def test_a_run_may_end_at_every_call_of_the_storage(way: str, where: str) -> None:
    """The second run completes: nothing but what may go is gone, and the archive is whole."""
    reference, *_ = _filled()
    reference.run()
    expected, archived = reference.state(), _archived(reference)
    n, ended = 0, True
    while ended:
        n += 1
        here, batch, invoice, _ = _filled()
        blobs = here.blobs if where == "storage" else here.archive
        blobs.fails = _at(n, Died if way == "dies" else StorageUnavailable)
        try:
            here.run()
            ended = False
        except (Died, StorageUnavailable):
            _nothing_half_is_shown(here, batch, invoice)
        blobs.come_back()
        here.run(id="r2")
        assert here.state() == expected, f"{way} at call {n}"
        assert _archived(here) == archived, f"{way} at call {n}"
    assert n > (8 if where == "archive" else 50), "so few calls cannot be all"


def _at(n: int, error: type[BaseException]) -> Callable[[str, str], None]:
    left = n

    def fails(verb: str, name: str) -> None:
        nonlocal left
        left -= 1
        if left == 0:
            raise error(f"{verb} {name}")

    return fails


def _nothing_half_is_shown(here: OldThings, *found: str) -> None:
    """Where something of a thing is gone, its record is gone, and the tombstone says so."""
    here.blobs.come_back()
    full, *_ = _filled()
    for thing in found:
        folder = [name for name in full.state() if f"/{thing}/" in name and not name.startswith(FOR_GOOD)]
        is_whole = all(name in here.blobs.stored for name in folder)
        record = batch_names.record(thing) if thing.startswith("b") else record_name(thing)
        assert is_whole or record not in here.blobs.stored
        assert is_whole or tombstones.of(here.blobs, thing) is not None
        if not is_whole:
            stone = tombstones.of(here.blobs, thing)
            assert stone is not None
            assert stone.record is not None
            kept = here.archive.stored[stone.record.name][0]
            assert hashlib.sha256(kept).hexdigest() == stone.record.sha256


def _archived(here: OldThings) -> dict[str, bytes]:
    return {name: value[0] for name, value in here.archive.stored.items()}


def test_an_archive_that_refuses_ends_the_run_and_nothing_is_deleted() -> None:
    """The next one begins with the same thing."""
    here, *_ = _filled()
    before = here.state()

    def refused(verb: str, name: str) -> None:
        if verb == "write":
            raise StorageRefused("HTTP 403")

    here.archive.fails = refused
    run = here.run()
    assert run.error == "HTTP 403"
    assert run.counts.blobs == 0
    assert here.state() == before
    here.archive.come_back()
    assert here.run(id="r2").counts.batches == 1


def test_an_archive_that_gives_back_something_else_is_not_believed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is deleted for what cannot be read back."""
    here, *_ = _filled()
    before = here.state()
    put = here.archive._put
    monkeypatch.setattr(here.archive, "_put", lambda name, data, *more: put(name, data[:-1], *more))
    run = here.run()
    assert "not what was written" in (run.error or "")
    assert here.state() == before


def test_thousands_of_old_batches_in_windows() -> None:
    """Each window keeps to its time, and each batch costs the same number of calls, however many there are.

    `SETTLE_OLD_BATCHES=10000` makes it larger.
    """
    many = int(os.environ.get("SETTLE_OLD_BATCHES", "2000"))
    few = many // 10
    assert _calls_for(many) / many == pytest.approx(_calls_for(few) / few, rel=0.02)


def _calls_for(batches: int) -> int:
    here = OldThings(many=True)
    for n in range(batches):
        here.small_batch(n)
    here.now = LATER
    here.blobs.calls.clear()
    here.tick = timedelta(seconds=1)
    run = here.run()
    assert run.counts.batches == batches
    assert batches / 25 < run.windows < batches / 8
    assert here.blobs.names("batches/") == here.blobs.names("index/") == []
    assert len(here.archive.names()) == batches
    assert tombstones.of(here.blobs, batch_id(batches // 2)) is not None
    assert len(here.blobs.calls) / batches < 30
    return len(here.blobs.calls)
