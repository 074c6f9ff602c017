"""The sweep on the in-process host: once each, overlaps, deaths, changes meanwhile, and what is deleted."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest

from adapters import services
from adapters.sweep_settings import SweepSettings
from devhost.testing import HostCrash
from invoicing.archive import Limits
from invoicing.sweeps import batch_of
from orchestrators import sweep
from stores.blobs import StorageUnavailable
from stores.swept import TakenStore, sweeps_kept
from tests.fakes.memory_blobs import MemoryBlobs
from tests.orchestrators.sweep_kit import Yard
from usecases import supervise, sweep_window
from usecases.standing import tell_of_all
from usecases.subscribe import told_of

CLEARING = SweepSettings(clear=True)


@pytest.fixture(autouse=True)
def small_windows(monkeypatch: pytest.MonkeyPatch) -> None:
    """A few blobs make several windows and pages."""
    monkeypatch.setattr(sweep_window, "WINDOW", 4)
    monkeypatch.setattr(sweep_window, "PAGE", 3)


def names(count: int, folder: str = "may") -> list[str]:
    """Names of blobs."""
    return [f"{folder}/{number:04d}.xml" for number in range(count)]


def said(*blobs: str) -> dict[tuple[str, str], int]:
    """What is taken where each of these is taken once."""
    return {(name, f"valid ACME {name}"): 1 for name in blobs}


def test_what_lies_in_the_container_is_one_batch() -> None:
    """The next sweep takes what has come since, and the third finds nothing."""
    with Yard().at_work() as yard:
        yard.put(*names(10))
        first = yard.sweep()
        result = yard.finish(first)
        assert (result["status"], result["documents"], result["rest"]) == ("stored", 10, False)
        assert yard.batches() == [result["batch"]] == [batch_of(first or "")]
        assert yard.taken() == said(*names(10))

        yard.put("june/1.xml")
        assert yard.finish(yard.sweep())["documents"] == 1
        third = yard.finish(yard.sweep())
        assert (third["status"], "batch" in third) == ("empty", False)
        assert yard.taken() == said(*names(10), "june/1.xml")
        assert len(yard.inbox.names()) == 11
        assert sweeps_kept(yard.blobs) == {}


def test_who_is_told_of_every_batch_is_told_of_those_of_sweeps() -> None:
    """A standing subscription is for all that begins."""
    with Yard().at_work() as yard:
        tell_of_all(services.current(), "batch", "https://example.com/told")
        yard.put("a.xml")
        batch = yard.finish(yard.sweep())["batch"]
        assert [one.state for one in told_of(yard.blobs, batch)] == ["waiting"]


def test_blob_that_was_overwritten_is_a_new_document() -> None:
    """The version counts, not the name; the same bytes written again are another version too."""
    with Yard().at_work() as yard:
        yard.put("a.xml", "b.xml")
        yard.finish(yard.sweep())
        yard.put("a.xml", text="valid ACME corrected")
        yard.finish(yard.sweep())
        assert yard.taken() == {**said("a.xml", "b.xml"), ("a.xml", "valid ACME corrected"): 1}


def test_window_that_is_never_packed_is_for_the_next_sweep(monkeypatch: pytest.MonkeyPatch) -> None:
    """The run failed in the middle of it, and somebody starts it again after the time of the sweep."""
    monkeypatch.setattr(sweep, "WINDOWS", 1)
    with Yard().at_work() as yard:
        yard.put(*names(10))
        yard.inbox.fails = _one_breaks
        first = yard.sweep() or ""
        yard.host.advance(hours=2)
        assert yard.host.status(first).runtime_status == "Failed"
        yard.inbox.come_back()
        yard.supervise()
        asyncio.run(supervise.restart_now(yard.blobs, yard.client, first, yard.host.now))
        assert yard.finish(first)["documents"] == 4
        assert yard.finish(yard.sweep())["documents"] == 6
        assert yard.taken() == said(*names(10))


def _one_breaks(verb: str, name: str) -> None:
    if verb.startswith("read") and name == "may/0005.xml":
        raise KeyError(name)


def test_empty_container_makes_no_batch() -> None:
    """It is made where it is missing, so that people have a place to put blobs into."""
    with Yard().at_work() as yard:
        assert yard.finish(yard.sweep()) == {"status": "empty", "documents": 0, "rest": False}
        assert yard.batches() == []
        assert ("make", "") in yard.inbox.calls


def test_sweep_that_still_runs_is_not_overtaken() -> None:
    """The timer comes by again meanwhile; once it has ended, the next one is started."""
    with Yard().at_work() as yard:
        yard.put(*names(3))
        yard.inbox.go_away()
        first = yard.sweep()
        yard.host.advance(minutes=1)
        assert yard.sweep() is None
        yard.inbox.come_back()
        assert yard.finish(first)["documents"] == 3
        assert yard.sweep() is not None


def test_sweeps_that_overlap_take_each_blob_once() -> None:
    """Both are noted as under way, and both look at the same container at the same time."""
    with Yard().at_work() as yard:
        yard.put(*names(30))
        with yard.host.held():
            first = yard.sweep()
            yard.blobs.delete("sweeps/current.json")
            yard.host.advance(seconds=1)
            second = yard.sweep()
        ends = [yard.finish(first), yard.finish(second)]
        assert sum(end["documents"] for end in ends) == 30
        assert yard.taken() == said(*names(30))


@pytest.mark.parametrize("settings", [SweepSettings(), CLEARING])
@pytest.mark.parametrize("when", ["before", "after"])
def test_host_that_dies_at_any_commit(
    tmp_path: Path, when: str, settings: SweepSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One batch with each blob once, whichever commit it was, also where it continues as new in between."""
    monkeypatch.setattr("orchestrators.sweep.WINDOWS", 2)
    crash, crashed = 0, True
    while crashed:
        crash += 1
        with Yard(settings, state=tmp_path / f"{when}{crash}.db").at_work() as yard:
            yard.put(*names(10))
            yard.host.crash_at(crash, when)
            crashed = _lives(yard, lambda: yard.finish(yard.sweep() or _latest(yard)))
            assert yard.taken() == said(*names(10))
            assert len(yard.batches()) == 1
            assert yard.inbox.names() == ([] if settings.clear else names(10))
            assert sweeps_kept(yard.blobs) == {}
    assert crash > 8


@pytest.mark.parametrize("when", ["before", "after", "half"])
def test_step_that_is_lost_with_its_worker(tmp_path: Path, when: str) -> None:
    """The supervisor starts the sweep again, and it goes on where it was."""
    step, lost = 0, True
    while lost:
        step += 1
        with Yard(CLEARING, state=tmp_path / f"{when}{step}.db").at_work() as yard:
            yard.put(*names(10))
            yard.host.lose_orchestrator(step, when)
            sweep = yard.sweep()
            lost = False
            for _ in range(5):
                yard.host.advance(minutes=2)
                lost = lost or yard.host.status(sweep or "").runtime_status == "Failed"
                yard.supervise()
            yard.finish(sweep)
            assert yard.taken() == said(*names(10))
            assert len(yard.batches()) == 1
            assert yard.inbox.names() == []
    assert step > 5


class Shaky(MemoryBlobs):
    """A storage of which one call fails: a write after it was done, so that only its answer is lost."""

    def __init__(self, at: int) -> None:
        super().__init__()
        self.at, self.count = at, 0
        self.fails = self._fail

    def _fail(self, verb: str, name: str) -> None:
        if verb not in ("write", "create", "replace"):
            self._counted(verb, name)

    def _put(self, name: str, data: bytes, metadata: dict[str, str] | None = None) -> None:
        super()._put(name, data, metadata)
        self._counted("write", name)

    def _counted(self, verb: str, name: str) -> None:
        if name.startswith("sweeps/taken/") and not name.endswith("0"):
            return  # the files are alike
        self.count += 1
        if self.count == self.at:
            raise StorageUnavailable(f"{verb} {name}: no answer")


def test_storage_that_fails_at_any_call() -> None:
    """Once, at each call in turn. What the timer could not start is started by the supervisor or later."""
    number, failed = 0, True
    while failed:
        number += 1
        with Yard(CLEARING, blobs=(shaky := Shaky(number))).at_work() as yard:
            yard.put(*names(6))
            with suppress(StorageUnavailable):
                yard.sweep()
            yard.host.advance(minutes=11)
            failed, shaky.at = shaky.count >= number, 0
            yard.supervise(gone=True)
            yard.sweep()
            for one in yard.host.instances("sweep-"):
                yard.finish(one.instance_id)
            assert yard.taken() == said(*names(6))
            assert yard.inbox.names() == []
    assert number > 40


def test_time_that_is_over_leaves_the_rest_for_the_next_sweep() -> None:
    """What was taken until then is a batch."""
    with Yard(SweepSettings(minutes=1)).at_work() as yard:
        yard.put(*names(10))

        yard.inbox.fails = _no_listing
        sweep = yard.sweep()
        yard.host.advance(minutes=2)
        yard.inbox.come_back()
        first = yard.finish(sweep)
        assert (first["documents"], first["rest"]) == (4, True)
        assert yard.finish(yard.sweep())["documents"] == 6
        assert yard.taken() == said(*names(10))


def test_batch_that_is_full_leaves_the_rest_for_the_next_sweep() -> None:
    """It says so."""
    with Yard(SweepSettings(most=7)).at_work() as yard:
        yard.put(*names(10))
        ends = [yard.finish(yard.sweep()) for _ in range(2)]
        assert [(end["documents"], end["rest"]) for end in ends] == [(7, True), (3, False)]
        assert yard.taken() == said(*names(10))


def test_long_sweep_continues_as_new(monkeypatch: pytest.MonkeyPatch) -> None:
    """And takes each blob once; so does what deletes them."""
    monkeypatch.setattr("orchestrators.sweep.WINDOWS", 2)
    with Yard(CLEARING).at_work() as yard:
        yard.put(*names(30))
        sweep = yard.sweep()
        assert yard.finish(sweep)["documents"] == 30
        assert len(yard.host.status(sweep or "", history=True).events) < 30
        assert yard.taken() == said(*names(30))
        assert yard.inbox.names() == []


def test_blobs_are_deleted_in_the_version_that_was_stored() -> None:
    """One that was changed since, and one that could not be taken, are left where they are."""
    with Yard(CLEARING, Limits(max_document=30)).at_work() as yard:
        yard.put("a.xml", "b.xml")
        yard.put("large.xml", text="x" * 31)

        def change(verb: str, name: str) -> None:
            if verb == "delete" and name == "a.xml":
                yard.inbox.fails = lambda verb, name: None
                yard.put("a.xml", text="valid ACME later")

        yard.inbox.fails = change
        yard.finish(yard.sweep())
        assert yard.inbox.names() == ["a.xml", "large.xml"]
        yard.finish(yard.sweep())
        assert yard.inbox.names() == ["large.xml"]
        assert yard.finish(yard.sweep())["status"] == "empty"
        refused = {("large.xml", "SETTLE-FILE-TOO-LARGE"): 1}
        assert yard.taken() == {**said("a.xml", "b.xml"), **refused, ("a.xml", "valid ACME later"): 1}
        assert len(TakenStore(yard.blobs).owners()) == 1


@pytest.mark.parametrize("what", ["gone", "changed"])
def test_blob_that_is_not_what_was_listed_is_told(what: str) -> None:
    """It is a row of the batch; the changed one is a document of the next batch."""
    with Yard().at_work() as yard:
        yard.put(*names(3))
        victim = names(3)[1]

        def spoil(verb: str, name: str) -> None:
            if verb == "read" and name == victim:
                yard.inbox.fails = lambda verb, name: None
                if what == "gone":
                    yard.inbox.delete(victim)
                else:
                    yard.put(victim, text="valid ACME later")

        yard.inbox.fails = spoil
        yard.finish(yard.sweep())
        yard.finish(yard.sweep())
        told = {(victim, "SETTLE-FILE-GONE"): 1}
        later = {(victim, "valid ACME later"): 1} if what == "changed" else {}
        assert yard.taken() == {**said(names(3)[0], names(3)[2]), **told, **later}


def test_sweep_that_somebody_ended_gives_back_what_it_had() -> None:
    """The next sweep takes all of it, and nothing of the first one is left."""
    with Yard().at_work() as yard:
        yard.put(*names(10))
        yard.blobs.fails = _no_end
        first = yard.sweep() or ""
        yard.host.advance(minutes=1)
        assert len(TakenStore(yard.blobs).owners()) == 10
        yard.host.terminate(first, "not today")
        yard.blobs.come_back()
        yard.supervise(gone=True)

        assert yard.finish(yard.sweep())["documents"] == 10
        assert yard.taken() == said(*names(10))
        assert yard.blobs.names(f"batches/{batch_of(first)}/") == []
        assert {owner.partition(".")[0] for owner in TakenStore(yard.blobs).owners().values()} != {first}

        yard.host.advance(days=8)
        yard.finish(yard.sweep())
        assert sweeps_kept(yard.blobs) == {}


def test_sweep_that_failed_keeps_what_it_has_claimed() -> None:
    """A person starts it again, or closes it; the next sweep takes what has come since."""
    with Yard().at_work() as yard:
        yard.put("a.xml")

        def broken(verb: str, name: str) -> None:
            if name.endswith("end.json") and verb == "create":
                raise ValueError("a fault of ours")

        yard.blobs.fails = broken
        first = yard.sweep() or ""
        yard.host.advance(minutes=1)
        assert yard.host.status(first).runtime_status == "Failed"
        yard.blobs.come_back()
        yard.put("b.xml")
        assert yard.finish(yard.sweep())["documents"] == 1
        assert yard.taken() == said("b.xml")


def test_what_is_known_as_taken_does_not_grow_for_ever() -> None:
    """Blobs that others have removed are forgotten with the next sweep."""
    with Yard().at_work() as yard:
        yard.put(*names(10))
        yard.finish(yard.sweep())
        for name in names(10)[:9]:
            yard.inbox.delete(name)
        yard.finish(yard.sweep())
        assert len(TakenStore(yard.blobs).owners()) == 1
        assert yard.taken() == said(*names(10))


# ---------------------------------------------------------------- at once


def test_blob_is_taken_at_once_and_never_again() -> None:
    """However often it is told, and by the sweep neither."""
    with Yard().at_work() as yard:
        yard.put("now/1.xml", "now/1.xml.sig", "other.xml")
        sweep = yard.at_once("now/1.xml")
        assert yard.finish(sweep)["documents"] == 1
        assert yard.at_once("now/1.xml") == sweep
        assert yard.at_once("now/none.xml") is None
        yard.finish(yard.sweep())
        assert yard.taken() == said("now/1.xml", "now/1.xml.sig", "other.xml")
        assert [len(yard.documents(batch)) for batch in yard.batches()] == [1, 2]


def test_blob_trigger_and_sweep_at_the_same_time() -> None:
    """One of them takes it."""
    with Yard().at_work() as yard:
        yard.put(*[f"now/{number}.xml" for number in range(8)])
        with yard.host.held():
            sweeps = [yard.at_once(f"now/{number}.xml") for number in range(0, 8, 2)]
            sweeps.append(yard.sweep())
            sweeps += [yard.at_once(f"now/{number}.xml") for number in range(1, 8, 2)]
        for sweep in sweeps:
            yard.finish(sweep)
        assert yard.taken() == said(*yard.inbox.names())


# ---------------------------------------------------------------- steps


def _lives(yard: Yard, story: Callable[[], object]) -> bool:
    """Tell a story until the host has not died in it; returns whether it died."""
    died = False
    while True:
        try:
            story()
        except HostCrash:
            died = True
            yard.host.restart()
        else:
            return died


def _latest(yard: Yard) -> str:
    return max(one.instance_id for one in yard.host.instances("sweep-"))


def _no_listing(verb: str, name: str) -> None:
    if verb == "list":
        raise StorageUnavailable(f"{verb} {name}: no answer")


def _no_end(verb: str, name: str) -> None:
    if name.endswith("end.json") and verb == "create":
        raise StorageUnavailable(f"{verb} {name}: no answer")
