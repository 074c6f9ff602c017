"""The activities of a batch, on blobs in memory: what each writes, and that repeating it changes nothing."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any

import pytest

from activities import check_chunk, claim_invoices, count_results, set_aside, unpack_batch, write_report
from adapters import services
from adapters.services import Services
from adapters.settings import from_environment
from invoicing.duplicates import shard_of
from invoicing.records.base import BatchId
from invoicing.records.batch import BatchRecord, BatchSource
from stores import batch_names
from stores.batch_sources import open_source
from stores.batches import BatchStore
from stores.blobs import BlobMissing, StorageUnavailable
from stores.results import ResultStore, row_of
from tests.fakes.memory_blobs import MemoryBlobs
from tests.fakes.saying_checker import SayingChecker
from usecases import claim_batch

DAY = "2026-05-01"
LATER = "2026-05-01T10:01:00+00:00"
ONE, TWO = "b" + "1" * 24, "b" + "2" * 24


def _function(builder: Any) -> Callable[[Any], Any]:
    """The plain function behind a decorated activity."""
    return builder._function.get_user_function()


unpack = _function(unpack_batch.unpack_batch)
check = _function(check_chunk.check_chunk)
_claim = _function(claim_invoices.claim_invoices)
write = _function(write_report.write_report)
_count = _function(count_results.count_results)
aside = _function(set_aside.set_aside)
bounds = _function(set_aside.find_chunk_bounds)


def claim(batch: str) -> Any:
    """Claim a batch."""
    return _claim({"batch": batch})


def count(batch: str) -> Any:
    """Count what is checked of a batch."""
    return _count({"batch": batch})


def report(job: dict[str, Any]) -> Any:
    """Write every format of the report."""
    return write({**job, "formats": ["json", "csv", "xlsx", "html"]})


@pytest.fixture
def blobs() -> Iterator[MemoryBlobs]:
    """The app's container, with a checker that believes the documents; chunks hold three of them."""
    memory = MemoryBlobs()
    settings = from_environment({"AzureWebJobsStorage": "unused", "SETTLE_CHUNK_DOCUMENTS": "3"})
    with services.replaced_by(Services(settings, memory, SayingChecker)):
        yield memory


def _upload(blobs: MemoryBlobs, batch: str, *documents: str, names: tuple[str, ...] = ()) -> dict[str, Any]:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for n, text in enumerate(documents):
            archive.writestr(names[n] if names else f"{n}.txt", text)
    source = BatchSource("upload", "may.zip")
    BatchStore(blobs).create(
        BatchRecord(BatchId(batch), datetime(2026, 5, 1, 10, tzinfo=UTC), "0" * 64, source)
    )
    blobs.write(batch_names.upload(batch), buffer.getvalue())
    return {"batch": batch, "source": {"kind": "upload", "name": "may.zip"}}


def _run(blobs: MemoryBlobs, batch: str, *documents: str) -> dict[str, Any]:
    """All activities in order, as the orchestration calls them; returns the report."""
    unpacked = unpack(_upload(blobs, batch, *documents))
    for number in range(unpacked["chunks"]):
        check({"batch": batch, "chunk": number, "today": DAY})
    claim(batch)
    report({"batch": batch, "finished": "2026-05-01T10:01:00+00:00"})
    return json.loads(blobs.read(batch_names.report(batch, "json")))


def test_unpacking_divides_what_was_sent(blobs: MemoryBlobs) -> None:
    """Documents are numbered in the order they came in; the zip stays, and nothing is copied."""
    job = _upload(blobs, ONE, *(["valid A 1"] * 7))
    assert unpack(job) == {"outcome": "ok", "documents": 7, "chunks": 3}
    assert blobs.names(f"batches/{ONE}/source/") == []
    manifest = BatchStore(blobs).manifest(ONE)
    spans = [manifest.span(chunk) for chunk in range(manifest.chunks)]
    assert [(span.first, span.last) for span in spans] == [(1, 3), (4, 6), (7, 7)]


def test_unpacking_again_writes_the_same_bytes(blobs: MemoryBlobs) -> None:
    """An activity may run twice."""
    job = _upload(blobs, ONE, "valid A 1", "valid A 2", "", "x")
    unpack(job)
    before = {name: blobs.read(name) for name in blobs.names()}
    unpack(job)
    assert {name: blobs.read(name) for name in blobs.names()} == before


def test_broken_upload_is_an_outcome(blobs: MemoryBlobs) -> None:
    """No exception: a retry would not mend it."""
    job = _upload(blobs, ONE, "valid A 1")
    blobs.write(batch_names.upload(ONE), b"PK\x03\x04 cut off")
    assert unpack(job)["outcome"] == "bad"
    assert unpack(job)["error"]["code"] == "not_a_zip"


def test_refused_document_keeps_its_number(blobs: MemoryBlobs) -> None:
    """It is a row of the report, and it is counted."""
    job = _upload(blobs, ONE, "valid A 1", "valid A 2", names=("a.txt", "../b.txt"))
    assert unpack(job) == {"outcome": "ok", "documents": 2, "chunks": 1}
    assert check({"batch": ONE, "chunk": 0, "today": DAY})["counts"] == {"valid": 1, "unreadable": 1}
    claim(ONE)
    report({"batch": ONE, "finished": LATER})
    rows = json.loads(blobs.read(batch_names.report(ONE, "json")))["documents"]
    assert [(row["n"], row["outcome"]) for row in rows] == [(1, "valid"), (2, "unreadable")]


def test_part_of_a_chunk_is_checked_alone(blobs: MemoryBlobs) -> None:
    """After a failure the halves are checked one by one."""
    unpack(_upload(blobs, ONE, "valid A 1", "invalid A 2", "unreadable"))
    assert bounds({"batch": ONE, "chunk": 0, "today": DAY}) == {"first": 1, "last": 3}
    assert check({"batch": ONE, "chunk": 0, "today": DAY, "first": 2, "last": 3})["counts"] == {
        "invalid": 1,
        "unreadable": 1,
    }
    assert count(ONE) == {"invalid": 1, "unreadable": 1}


def test_documents_of_a_part_that_was_written_twice_count_once(blobs: MemoryBlobs) -> None:
    """A worker that dies after it has written leaves rows of which the halves write some again."""
    unpack(_upload(blobs, ONE, "valid A 1", "invalid A 2", "unreadable"))
    job = {"batch": ONE, "chunk": 0, "today": DAY}
    seen = []
    for first, last in ((3, 3), (2, 3), (1, 1), (2, 2)):
        check({**job, "first": first, "last": last})
        seen.append(sum(count(ONE).values()))
    assert seen == [1, 2, 3, 3]
    check(job)
    assert count(ONE) == {"valid": 1, "invalid": 1, "unreadable": 1}


def test_fault_in_a_document_is_raised_for_the_orchestrator(blobs: MemoryBlobs) -> None:
    """It cannot know which of the documents it was: halving finds out."""
    unpack(_upload(blobs, ONE, "valid A 1", "crash"))
    with pytest.raises(RuntimeError, match="cannot digest"):
        check({"batch": ONE, "chunk": 0, "today": DAY})
    assert count(ONE) == {}


def test_document_over_its_budget_is_a_row_among_those_of_its_neighbours(blobs: MemoryBlobs) -> None:
    """In the same call: its bytes lie in `dead/`, its row says why, and nothing is tried again."""
    unpack(_upload(blobs, ONE, "valid A 1", "endless", "valid A 3"))
    answer = check({"batch": ONE, "chunk": 0, "today": DAY})
    assert answer == {"outcome": "ok", "counts": {"valid": 2, "set_aside": 1}}
    rows = [row_of(line) for _, line in ResultStore(blobs).checked(ONE)]
    assert [row.outcome for row in rows] == ["valid", "set_aside", "valid"]
    assert (rows[1].name, rows[1].size) == ("1.txt", 7)
    [found] = rows[1].findings
    assert found.rule == "SETTLE-SET-ASIDE"
    assert "more than 20 seconds of processor time" in found.text
    assert blobs.read(batch_names.dead(ONE, 2)) == b"endless"
    assert claim(ONE)["counts"] == {"valid": 2, "set_aside": 1}


def test_call_whose_time_is_over_leaves_the_rest_to_the_next(blobs: MemoryBlobs) -> None:
    """Each writes the rows of what it checked; together they are those of the chunk, the refused ones too."""
    names = ("../x.txt", "1.txt", "2.txt", "../y.txt", "4.txt", "../z.txt")
    settings = from_environment({"AzureWebJobsStorage": "unused"})
    slow = Services(settings, blobs, lambda: SayingChecker(at_once=1))
    with services.replaced_by(slow):
        unpack(_upload(blobs, ONE, "x", "valid A 1", "valid A 2", "y", "valid A 4", "z", names=names))
        job: dict[str, Any] = {"batch": ONE, "chunk": 0, "today": DAY}
        answers = []
        while True:
            answers.append(check(job))
            if "rest" not in answers[-1]:
                break
            job |= answers[-1]["rest"]
    assert answers == [
        {"outcome": "ok", "counts": {"unreadable": 1, "valid": 1}, "rest": {"first": 3, "last": 6}},
        {"outcome": "ok", "counts": {"valid": 1, "unreadable": 1}, "rest": {"first": 5, "last": 6}},
        {"outcome": "ok", "counts": {"valid": 1, "unreadable": 1}},
    ]
    assert [row.n for row, _ in ResultStore(blobs).checked(ONE)] == [1, 2, 3, 4, 5, 6]
    assert count(ONE) == {"unreadable": 3, "valid": 3}


def test_document_that_was_set_aside_is_kept_and_named(blobs: MemoryBlobs) -> None:
    """Its bytes lie in `dead/`, its row says why, and the batch is complete with it."""
    unpack(_upload(blobs, ONE, "valid A 1", "crash", "valid A 3"))
    job = {"batch": ONE, "chunk": 0, "today": DAY}
    check({**job, "first": 1, "last": 1})
    aside({**job, "first": 2, "last": 2, "reason": "RuntimeError: cannot digest"})
    check({**job, "first": 3, "last": 3})
    assert claim(ONE)["counts"] == {"valid": 2, "set_aside": 1}
    report({"batch": ONE, "finished": LATER})
    row = json.loads(blobs.read(batch_names.report(ONE, "json")))["documents"][1]
    assert (row["outcome"], row["findings"][0]["rule"]) == ("set_aside", "SETTLE-SET-ASIDE")
    assert "cannot digest" in row["findings"][0]["text"]
    assert blobs.read(batch_names.dead(ONE, 2)) == b"crash"


def test_refused_document_is_not_set_aside_a_second_time(blobs: MemoryBlobs) -> None:
    """Its row was written when it was unpacked."""
    unpack(_upload(blobs, ONE, "x", names=("../b.txt",)))
    job = {"batch": ONE, "chunk": 0, "today": DAY, "first": 1, "last": 1, "reason": "fault"}
    assert aside(job)["counts"] == {"unreadable": 1}


def test_rows_of_a_whole_attempt_and_of_its_halves_count_once(blobs: MemoryBlobs) -> None:
    """An attempt wrote its rows and died before it answered; the halves wrote them again."""
    unpack(_upload(blobs, ONE, "valid A 1", "valid A 2"))
    check({"batch": ONE, "chunk": 0, "today": DAY})
    check({"batch": ONE, "chunk": 0, "today": DAY, "first": 1, "last": 1})
    check({"batch": ONE, "chunk": 0, "today": DAY, "first": 2, "last": 2})
    assert claim(ONE)["counts"] == {"valid": 2}


def test_first_document_of_a_number_holds_it(blobs: MemoryBlobs) -> None:
    """Within a batch the lower number, across batches the earlier batch; however it is written."""
    first = _run(blobs, ONE, "valid ACME 17", "valid Acme 18", "valid acme 17")
    assert [row["outcome"] for row in first["documents"]] == ["valid", "valid", "duplicate"]
    assert "document 1 of this batch" in first["documents"][2]["findings"][0]["text"]
    second = _run(blobs, TWO, "valid ACME 18", "valid ACME 19")
    assert [row["outcome"] for row in second["documents"]] == ["duplicate", "valid"]
    assert f"document 2 of batch {ONE}" in second["documents"][0]["findings"][0]["text"]


def test_rejected_invoice_does_not_hold_its_number(blobs: MemoryBlobs) -> None:
    """The corrected copy is no duplicate: it is what everyone waits for."""
    _run(blobs, ONE, "invalid ACME 17")
    assert _run(blobs, TWO, "valid ACME 17")["documents"][0]["outcome"] == "valid"


def test_claiming_again_changes_nothing(blobs: MemoryBlobs) -> None:
    """The batch finds its own claims, and they are its own."""
    before = _run(blobs, ONE, "valid A 1", "valid A 1", "valid B 1")
    shards = {name: blobs.stored[name] for name in blobs.names("claims/")}
    assert claim(ONE) == {"outcome": "ok", "counts": {"valid": 2, "duplicate": 1}}
    assert {name: blobs.stored[name] for name in blobs.names("claims/")} == shards
    report({"batch": ONE, "finished": "2026-05-01T10:01:00+00:00"})
    assert json.loads(blobs.read(batch_names.report(ONE, "json"))) == before


@pytest.mark.parametrize("many", [0, 8])
def test_two_batches_cannot_both_own_a_number(
    blobs: MemoryBlobs, monkeypatch: pytest.MonkeyPatch, many: int
) -> None:
    """Another batch writes the shard between this one's read and write: the loser starts from its result.

    Whether the shard was fetched while the results were read, or alone.
    """
    monkeypatch.setattr(claim_batch, "_MANY", many)
    unpack(_upload(blobs, ONE, "valid A 1"))
    check({"batch": ONE, "chunk": 0, "today": DAY})
    row, _ = next(ResultStore(blobs).checked(ONE))
    key = row.claim
    assert key is not None
    shard = batch_names.claim_shard(shard_of(key))
    rival = [f"{key} {TWO}/9\n".encode()]

    def interrupt(verb: str, name: str) -> None:
        if verb == "create" and name == shard and rival:
            blobs.write(shard, rival.pop())

    blobs.fails = interrupt
    assert claim(ONE) == {"outcome": "ok", "counts": {"duplicate": 1}}
    assert f"document 9 of batch {TWO}" in blobs.read(batch_names.rows(ONE)).decode()


def test_shard_that_others_keep_writing_is_an_outage(blobs: MemoryBlobs) -> None:
    """The orchestrator comes back later, with a pause."""
    unpack(_upload(blobs, ONE, "valid A 1"))
    check({"batch": ONE, "chunk": 0, "today": DAY})

    def busy(verb: str, name: str) -> None:
        if verb in ("create", "replace"):
            blobs.write(name, b"")

    blobs.fails = busy
    with pytest.raises(StorageUnavailable, match="other batches"):
        claim(ONE)


def test_stop_is_seen_before_a_chunk_and_before_the_claims(blobs: MemoryBlobs) -> None:
    """Nothing is checked and nothing is claimed any more."""
    unpack(_upload(blobs, ONE, "valid A 1"))
    blobs.write(batch_names.stop_mark(ONE), b"")
    assert check({"batch": ONE, "chunk": 0, "today": DAY})["outcome"] == "stopped"
    assert claim(ONE)["outcome"] == "stopped"
    assert blobs.names("claims/") == []


def test_report_has_the_same_bytes_when_it_is_written_again(blobs: MemoryBlobs) -> None:
    """In every format: a repeated activity is no second report."""
    _run(blobs, ONE, "valid A 1", "unreadable", "valid A 1")
    before = {kind: blobs.read(batch_names.report(ONE, kind)) for kind in ("json", "csv", "xlsx", "html")}
    report({"batch": ONE, "finished": "2026-05-01T10:01:00+00:00"})
    assert {kind: blobs.read(batch_names.report(ONE, kind)) for kind in before} == before


def test_half_of_a_report_reads_what_it_needs_and_adds_nothing_up(blobs: MemoryBlobs) -> None:
    """Two halves are written at the same time: the totals were added up when the rows became final."""
    _run(blobs, ONE, "valid A 1", "unreadable", "valid A 1")
    blobs.calls.clear()
    write({"batch": ONE, "finished": LATER, "formats": ["xlsx"]})
    needed = [batch_names.record(ONE), batch_names.totals(ONE), batch_names.rows(ONE)]
    assert blobs.calls == [*(("read", name) for name in needed), ("write", batch_names.report(ONE, "xlsx"))]


def test_nothing_is_claimed_over_missing_results(blobs: MemoryBlobs) -> None:
    """A result blob was removed from outside: better no report than one that lost a document."""
    unpack(_upload(blobs, ONE, "valid A 1", "valid A 2", "valid A 3", "valid A 4"))
    check({"batch": ONE, "chunk": 0, "today": DAY})
    with pytest.raises(claim_batch.ResultsIncomplete, match="4 documents and the results 3"):
        claim(ONE)
    assert blobs.names("claims/") == []
    assert not blobs.exists(batch_names.rows(ONE))


@pytest.mark.parametrize("activity", [unpack, check, claim, report, count, aside])
def test_outage_is_raised_as_one(blobs: MemoryBlobs, activity: Callable[[Any], Any]) -> None:
    """The orchestrator tells by the name that waiting will mend it."""
    blobs.go_away()
    job = {
        "batch": ONE,
        "chunk": 0,
        "today": DAY,
        "first": 1,
        "last": 1,
        "reason": "",
        "source": {"kind": "upload", "name": "may.zip"},
    }
    with pytest.raises(StorageUnavailable):
        activity(ONE if activity in (claim, count) else {**job, "finished": LATER})


def test_container_is_read_in_order_and_under_the_limits(
    blobs: MemoryBlobs, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A blob that is too large is not fetched; one that vanished since the listing is an empty file."""
    inbox = MemoryBlobs()
    for name in ("in/b.xml", "in/a.xml", "in/gone.xml", "in/huge.xml", "out/c.xml"):
        inbox.write(name, b"valid A 1")
    inbox.stored["in/huge.xml"] = (bytes(21 * 1024 * 1024), "e", {})

    def vanish(verb: str, name: str) -> None:
        if (verb, name) == ("read", "in/gone.xml"):
            raise BlobMissing(name)

    inbox.fails = vanish
    monkeypatch.setattr(Services, "source", lambda self, container: inbox)
    source = {"kind": "container", "name": "inbox/in/", "container": "inbox", "prefix": "in/"}
    assert unpack({"batch": ONE, "source": source}) == {
        "outcome": "ok",
        "documents": 4,
        "chunks": 2,
    }
    source_of_batch = open_source(blobs, ONE)
    listed = [(d.name, len(d.content)) for chunk in range(2) for d in source_of_batch.read(chunk).documents]
    assert listed == [("in/a.xml", 9), ("in/b.xml", 9), ("in/gone.xml", 0)]
    assert ("read", "in/huge.xml") not in inbox.calls
    nothing = source | {"prefix": "none/"}
    assert unpack({"batch": TWO, "source": nothing})["error"]["code"] == "empty_batch"
