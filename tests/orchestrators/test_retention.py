"""Retention on the skipping clock: windows, outages, a time that is used up, and deaths at every commit."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from activities import retaining
from adapters import services
from devhost.testing import Host, HostCrash
from invoicing.records.retention import PurgeCounts, RetentionRun
from invoicing.records.retention_steps import RETENTION, RETENTION_INSTANCE
from invoicing.records.supervision import OpenWork
from orchestrators import retention
from stores import batch_names, retention_runs, supervised
from stores.blobs import StorageRefused, StorageUnavailable
from tests.app_versions import CURRENT
from tests.orchestrators.approval_kit import HostClient
from tests.unit.old_things import LATER, OldThings
from usecases import retain, supervise
from usecases.purge_hub import EndedRun, Hub
from usecases.start_retention import tick

APP = [retention.bp, retaining.bp]


@contextmanager
def old_things(host: Host, **environment: str) -> Iterator[OldThings]:
    """A storage with three old batches and an invoice, and services on it."""
    here = OldThings(many=False, **environment)
    host.advance(LATER - host.now)
    for n in (1, 2, 3):
        here.batch(n)
    here.invoice(4)
    here.now = host.now
    with services.replaced_by(here.services):
        yield here


@contextmanager
def three_batches(host: Host, **environment: str) -> Iterator[OldThings]:
    """A storage with three old batches that say little, so that histories do not change with rows."""
    here = OldThings(many=False, **environment)
    host.advance(LATER - host.now)
    for n in (1, 2, 3):
        here.blobs.write(batch_names.rows(here.small_batch(n)), b"{}\n")
    here.now = host.now
    with services.replaced_by(here.services):
        yield here


def hub_of(host: Host) -> Hub:
    """The task hub of the test's host, as retention sees it."""

    async def ended(start: Any, end: Any) -> list[EndedRun]:
        found = [
            one for one in host.instances() if start <= one.created <= end and one.runtime_status in _ENDED
        ]
        return [EndedRun(one.instance_id, one.updated) for one in found][:100]

    async def purge(instance: str) -> int:
        if not host.instances(instance):
            return 0
        host.purge(instance)
        return 1

    return Hub(ended=ended, purge=purge, now=lambda: host.now)


_ENDED = ("Completed", "Failed", "Terminated")


def begin(host: Host, here: OldThings) -> RetentionRun | None:
    """What the timer does."""
    here.now = host.now
    return asyncio.run(tick(here.services, cast(Any, HostClient(host)), hub_of(host)))


def newest(here: OldThings) -> RetentionRun:
    """What the last run kept of itself."""
    return retention_runs.newest(here.blobs, 1).found[0]


def test_run_purges_what_is_old_and_rests_for_a_day() -> None:
    """The timer comes each hour; the run is kept with what it did, and what comes next."""
    with Host(APP, default_version=CURRENT) as host, old_things(host) as here:
        here.now = host.now - timedelta(days=100)
        here.small_batch(9)
        assert begin(host, here) is not None
        assert host.finish(RETENTION_INSTANCE).output["outcome"] == "completed"
        run = newest(here)
        assert (run.counts.batches, run.counts.invoices) == (3, 1)
        assert run.outcome == "completed"
        assert run.next == host.now + timedelta(days=265)
        for hours, expected in ((1, False), (18, False), (2, True)):
            host.advance(hours=hours)
            assert (begin(host, here) is not None) is expected, hours


def test_nothing_is_begun_without_a_term() -> None:
    """Unset means for good; no call of the storage is made for it."""
    nothing = {"SETTLE_KEEP_BATCHES_DAYS": "", "SETTLE_KEEP_INVOICES_DAYS": "0"}
    with Host(APP, default_version=CURRENT) as host, old_things(host, **nothing) as here:
        here.blobs.calls.clear()
        assert begin(host, here) is None
        assert here.blobs.calls == []


@pytest.mark.parametrize("when", ["before", "after"])
def test_host_that_dies_at_any_commit_purges_each_thing_once(
    tmp_path: Path, when: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And counts it once."""
    monkeypatch.setattr(retain, "PAGE", 2)
    monkeypatch.setattr(retention, "STEPS", 2)
    crash, crashed = 0, True
    expected: dict[str, bytes] | None = None
    while crashed:
        crash += 1
        with (
            Host(APP, state=tmp_path / f"{when}-{crash}.db", default_version=CURRENT) as host,
            old_things(host) as here,
        ):
            if crash > 1:
                host.crash_at(crash - 1, when)
            crashed = _live(host, here) or crash == 1
            run = newest(here)
            assert run.counts == PurgeCounts(
                batches=3, invoices=1, documents=7, blobs=run.counts.blobs, bytes=run.counts.bytes
            ), f"{when} commit {crash - 1}"
            assert run.outcome == "completed"
            expected = expected or here.state()
            assert here.state() == expected, f"{when} commit {crash - 1}"
    assert crash > 12, "so few commits cannot be all"


def _live(host: Host, here: OldThings) -> bool:
    died = False
    for step in (lambda: begin(host, here), lambda: host.finish(RETENTION_INSTANCE)):
        try:
            step()
        except HostCrash:
            died = True
            host.restart()
            step()
    return died


@pytest.mark.parametrize("when", ["before", "after", "half"])
def test_run_whose_step_is_lost_is_started_again_and_counts_right(when: Any) -> None:
    """The supervisor knows it: it goes on from what the run kept of itself."""
    lost = 0
    while lost < 12:
        lost += 1
        with Host(APP, default_version=CURRENT) as host, old_things(host) as here:
            host.lose_orchestrator(lost, when)
            begin(host, here)
            host.advance(minutes=1)
            failed = host.status(RETENTION_INSTANCE).runtime_status == "Failed"
            if failed:
                _supervise(host, here)
                host.advance(minutes=1)
            counts = newest(here).counts
            assert (counts.batches, counts.invoices) == (3, 1), f"{when} step {lost}"
            assert newest(here).outcome == "completed"


def _supervise(host: Host, here: OldThings) -> None:
    status = host.status(RETENTION_INSTANCE)
    work = supervised.work_of(here.blobs, RETENTION_INSTANCE)
    assert isinstance(work, OpenWork)
    run = SimpleNamespace(work=work, failure=str(status.output))
    client = cast(Any, HostClient(host))
    started = asyncio.run(supervise.restart_failed(here.blobs, client, [cast(Any, run)], host.now))
    assert [case.instance for case in started] == [RETENTION_INSTANCE]


def test_storage_that_is_away_in_the_middle_is_waited_for() -> None:
    """For as long as the run may take, and nothing is counted twice."""
    with Host(APP, default_version=CURRENT) as host, old_things(host) as here:
        calls = 0

        def sometimes(verb: str, name: str) -> None:
            nonlocal calls
            calls += 1
            if calls % 40 == 0:
                raise StorageUnavailable(f"{verb} {name}: no answer")

        here.blobs.fails = sometimes
        run = RetentionRun(id="r1", began=host.now)
        job = {"run": run.as_plain(), "until": (host.now + timedelta(minutes=10)).isoformat(),
               "place": {"kind": "batch"}}  # fmt: skip
        host.start(RETENTION.name, job, instance_id=RETENTION_INSTANCE)
        output = host.finish(RETENTION_INSTANCE).output
        assert output["outcome"] == "completed"
        assert (output["counts"]["batches"], output["counts"]["invoices"]) == (3, 1)


def test_time_that_is_used_up_pauses_the_run_and_the_next_goes_on_there() -> None:
    """Here the storage is away for longer than a run may take."""
    with Host(APP, default_version=CURRENT) as host, old_things(host, SETTLE_RETENTION_SECONDS="60") as here:
        begin(host, here)
        host.finish(RETENTION_INSTANCE)
        supervised.forget(here.blobs, RETENTION_INSTANCE)
        here.small_batch(9)
        host.advance(days=400)
        begun = begin_while(host, here, away)
        host.advance(minutes=10)
        here.blobs.come_back()
        host.advance(minutes=10)
        run = newest(here)
        assert run.id == begun.id
        assert (run.outcome, run.rest and run.rest.kind, run.counts.batches) == ("paused", "batch", 0)
        host.advance(minutes=40)
        supervised.forget(here.blobs, RETENTION_INSTANCE)
        assert begin(host, here) is not None
        host.finish(RETENTION_INSTANCE)
        assert (newest(here).outcome, newest(here).counts.batches) == ("completed", 1)


def away(verb: str, name: str) -> None:
    """The storage does not answer."""
    raise StorageUnavailable(f"{verb} {name}: no answer")


def begin_while(host: Host, here: OldThings, fails: Any) -> RetentionRun:
    """The timer comes, and from then on the storage fails."""
    with host.held():
        begun = begin(host, here)
        here.blobs.fails = fails
    assert begun is not None
    return begun


def test_archive_that_cannot_be_written_fails_the_run_and_is_tried_again_with_the_next_tick() -> None:
    """Nothing is deleted, and the run says why."""
    with Host(APP, default_version=CURRENT) as host, old_things(host) as here:
        before = here.state()
        here.archive.fails = _read_only
        begin(host, here)
        output = host.finish(RETENTION_INSTANCE).output
        assert (output["outcome"], output["error"]) == ("failed", "HTTP 403")
        supervised.forget(here.blobs, RETENTION_INSTANCE)
        assert here.state() == before
        here.archive.come_back()
        host.advance(hours=1)
        assert begin(host, here) is not None
        assert host.finish(RETENTION_INSTANCE).output["outcome"] == "completed"


def _read_only(verb: str, name: str) -> None:
    if verb == "write":
        raise StorageRefused("HTTP 403")
