"""The batch workflow on the in-process host: order, windows, halving, outages, stops, crashes."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from devhost.testing import Host, HostCrash, Status, in_turn
from orchestrators import batch, chunk
from stores.blobs import StorageUnavailable

BATCH = "b" + "0" * 24
JOB = {"batch": BATCH, "source": {"kind": "upload", "name": "may.zip"}}
AWAY = StorageUnavailable("read x: no answer")


class Work:
    """Stand-ins for the activities: a batch of `chunks` chunks with 10 documents each.

    Documents in `poison` make any range that holds them fail; a call checks `at_once` documents and leaves
    the rest; `done` counts how often each was checked.
    """

    def __init__(self, chunks: int, poison: frozenset[int] = frozenset(), at_once: int = 10) -> None:
        self.chunks, self.poison, self.at_once = chunks, poison, at_once
        self.done: Counter[int] = Counter()
        self.set_aside: list[int] = []

    def activities(self, **others: Any) -> dict[str, Any]:
        """All of them, of which a test may replace some."""
        return {
            "unpack_batch": {
                "outcome": "ok",
                "documents": self.chunks * 10,
                "chunks": self.chunks,
            },
            "check_chunk": self.check,
            "find_chunk_bounds": lambda job: dict(zip(("first", "last"), self.bounds(job), strict=True)),
            "set_aside": self.put_aside,
            "count_results": lambda name: {"valid": sum(self.done.values())},
            "claim_invoices": lambda name: {"outcome": "ok", "counts": self.counts()},
            "write_report": lambda job: {"written": job["formats"]},
        } | others

    def bounds(self, job: dict[str, Any]) -> tuple[int, int]:
        first = job["chunk"] * 10 + 1
        return job.get("first", first), job.get("last", first + 9)

    def check(self, job: dict[str, Any]) -> dict[str, Any]:
        first, last = self.bounds(job)
        wanted = range(first, last + 1)[: self.at_once]
        if self.poison & set(wanted):
            raise MemoryError("the worker died")
        self.done.update(wanted)
        rest = {"rest": {"first": wanted[-1] + 1, "last": last}} if wanted[-1] < last else {}
        return {"outcome": "ok", "counts": {"valid": len(wanted)}, **rest}

    def put_aside(self, job: dict[str, Any]) -> dict[str, Any]:
        assert job["first"] == job["last"]
        assert "the worker died" in job["reason"]
        self.set_aside.append(job["first"])
        return {"outcome": "ok", "counts": {"set_aside": 1}}

    def counts(self) -> dict[str, int]:
        counts = {"valid": len(self.done)}
        return counts | ({"set_aside": len(set(self.set_aside))} if self.set_aside else {})


Start = Callable[..., tuple[Host, Status]]


@pytest.fixture
def run() -> Iterator[Start]:
    """Run a batch to its end on a host of its own; returns the host and the status."""
    hosts: list[Host] = []

    def start(activities: dict[str, Any]) -> tuple[Host, Status]:
        host = Host([batch.bp, chunk.bp], activities=activities)
        hosts.append(host)
        name = host.start(
            "process_batch",
            JOB,
            instance_id=BATCH,
        )
        return host, host.finish(name)

    yield start
    for host in hosts:
        host.close()


def test_steps_come_in_order(run: Start) -> None:
    """Unpack, check every chunk, claim, report; the output has the counts after the claims."""
    host, status = run(Work(3).activities())
    names = [name for name, _ in host.calls]
    assert names == [
        "unpack_batch",
        "check_chunk",
        "check_chunk",
        "check_chunk",
        "claim_invoices",
        "write_report",
        "write_report",
    ]
    assert status.output == {"status": "completed", "total": 30, "counts": {"valid": 30}}
    assert status.custom_status == {"phase": "done", "done": 30, "total": 30, "counts": {"valid": 30}}


def test_batch_that_is_quick_ends_without_waiting_for_its_timer(run: Start) -> None:
    """The timer of the progress is cancelled: an open one would keep the instance Running."""
    host, status = run(Work(1).activities())
    assert (status.updated - status.created).total_seconds() < 1
    assert host.calls_of("count_results") == []


def test_every_chunk_is_checked_once_in_windows(run: Start) -> None:
    """No orchestration has more than a window of children; a round is over before the next begins."""
    chunks = batch.WINDOW * batch.ROUND + batch.WINDOW + 3
    work = Work(chunks)
    host, status = run(work.activities())
    assert status.output["counts"] == {"valid": chunks * 10}
    assert set(work.done.values()) == {1}
    windows = [one for one in host.instances() if one.name == "batch_window"]
    assert len(windows) == batch.ROUND + 2
    assert all(len(json.dumps(one.input)) < 200 for one in windows)
    first_round = set(range(batch.WINDOW * batch.ROUND))
    order = [job["chunk"] for job in host.calls_of("check_chunk")]
    assert set(order[: len(first_round)]) == first_round


@pytest.mark.parametrize("poison", [{7}, {1, 10}, {25, 26}, {1, 2, 3, 4, 5, 6, 7, 8, 9, 10}])
def test_document_that_keeps_failing_is_found_and_set_aside(run: Start, poison: set[int]) -> None:
    """Its chunk is halved until it is alone; every other document is checked."""
    work = Work(3, frozenset(poison))
    _, status = run(work.activities())
    assert sorted(work.set_aside) == sorted(poison)
    assert set(work.done) == set(range(1, 31)) - poison
    assert status.output["counts"] == {"valid": 30 - len(poison), "set_aside": len(poison)}


@pytest.mark.parametrize("at_once", [3, 4])
@pytest.mark.parametrize("poison", [set(), {4}, {1, 10}, {9, 10, 25}])
def test_chunk_whose_documents_take_long_is_checked_in_several_calls(
    run: Start, poison: set[int], at_once: int
) -> None:
    """Each goes on where the one before ended, so that none comes near the host's time limit."""
    work = Work(3, frozenset(poison), at_once=at_once)
    host, status = run(work.activities())
    assert set(work.done) == set(range(1, 31)) - poison
    assert set(work.done.values()) == {1}
    counts = {"valid": 30 - len(poison)} | ({"set_aside": len(poison)} if poison else {})
    assert status.output == {"status": "completed", "total": 30, "counts": counts}
    if not poison and at_once == 4:
        ranges = [(job["first"], job["last"]) for job in host.calls_of("check_chunk") if "first" in job]
        assert sorted(ranges) == [(5, 10), (9, 10), (15, 20), (19, 20), (25, 30), (29, 30)]


def test_fault_that_passes_costs_no_document(run: Start) -> None:
    """A worker died once: the same chunk is tried again, whole."""
    work = Work(1)
    ok = {"outcome": "ok", "counts": {"valid": 10}}
    host, status = run(work.activities(check_chunk=in_turn(MemoryError("the worker died"), ok)))
    whole = {"batch", "chunk", "today", "again"}
    assert [set(job) for job in host.calls_of("check_chunk")] == [whole] * 2
    assert status.output["status"] == "completed"


def test_outage_is_waited_for_and_nobody_is_blamed(run: Start) -> None:
    """Hours without storage: nothing is halved or set aside, and the progress is shown meanwhile."""
    work = Work(1)
    failures = [AWAY] * 40
    ok = {"outcome": "ok", "counts": {"valid": 10}}
    host, status = run(work.activities(check_chunk=in_turn(*failures, ok)))
    assert status.output["status"] == "completed"
    assert host.calls_of("set_aside") == []
    assert (status.updated - status.created).total_seconds() > 2 * 3600
    looks = len(host.calls_of("count_results"))
    assert 10 < looks < 40, "progress is shown, and does not fill the history"


def test_unpacking_that_finds_nothing_fails_the_batch_with_its_reason(run: Start) -> None:
    """The instance completes: bad input is an outcome, no crash."""
    error = {"code": "empty_batch", "message": "nothing there"}
    _, status = run(Work(1).activities(unpack_batch={"outcome": "bad", "error": error}))
    assert (status.runtime_status, status.output) == ("Completed", {"status": "failed", "error": error})


def test_step_that_gives_up_fails_the_batch_with_its_reason(run: Start) -> None:
    """After three attempts of each part of the report; the text is the failure's first line."""
    host, status = run(Work(1).activities(write_report=in_turn(ValueError("no room\nat all"))))
    assert status.output["status"] == "failed"
    assert (
        status.output["error"]["message"] == "Activity function 'write_report' failed:  ValueError: no room"
    )
    assert len(host.calls_of("write_report")) == 6


def test_stopped_batch_claims_nothing(run: Start) -> None:
    """Whether the stop is seen by a chunk or by the claims."""
    stopped = {"outcome": "stopped", "counts": {}}
    host, status = run(Work(2).activities(check_chunk=stopped))
    assert (status.output["status"], status.custom_status["phase"]) == ("stopped", "stopped")
    assert host.calls_of("claim_invoices") == []
    host, status = run(Work(2).activities(claim_invoices=stopped))
    assert status.output["status"] == "stopped"
    assert host.calls_of("write_report") == []


def test_chunk_that_cannot_even_be_set_aside_fails_the_batch(run: Start) -> None:
    """The source blob is gone, say: the batch says so and does not pretend."""
    work = Work(1, frozenset({3}))
    _, status = run(work.activities(set_aside=in_turn(KeyError("gone"))))
    assert status.output["status"] == "failed"
    assert "set_aside" in status.output["error"]["message"]


@pytest.mark.parametrize("when", ["before", "after"])
def test_host_that_dies_at_any_commit_ends_with_the_same_output(tmp_path: Path, when: str) -> None:
    """Killed right before or after each commit in turn, and started again: every document once in the end."""
    expected = {"valid": 39, "set_aside": 1}
    crash, crashed = 0, True
    while crashed:
        crash += 1
        work = Work(4, frozenset({13}))
        state = tmp_path / f"{when}-{crash}.db"
        with Host([batch.bp, chunk.bp], activities=work.activities(), state=state) as host:
            host.crash_at(crash, when)
            crashed = _finish(host) is None
            if crashed:
                host.restart()
                if not host.instances(BATCH):  # it died before the start was written: the caller sends again
                    host.start(
                        "process_batch",
                        JOB,
                        instance_id=BATCH,
                    )
            assert host.finish(BATCH).output["counts"] == expected
            assert set(work.done) == set(range(1, 41)) - {13}
    assert crash > 20, "so few commits cannot be all"


def _finish(host: Host) -> Status | None:
    """The finished batch, or None when the host died on the way."""
    try:
        host.start(
            "process_batch",
            JOB,
            instance_id=BATCH,
        )
        return host.finish(BATCH)
    except HostCrash:
        return None


@pytest.mark.parametrize("seed", range(20))
def test_order_of_deliveries_does_not_matter(seed: int) -> None:
    """Instances that are ready run in another order for each seed; the output is the same."""
    work = Work(batch.WINDOW + 5, frozenset({13, 200}))
    with Host([batch.bp, chunk.bp], activities=work.activities(), seed=seed) as host:
        status = host.finish(host.start("process_batch", JOB))
        assert status.output["counts"] == {"valid": (batch.WINDOW + 5) * 10 - 2, "set_aside": 2}
