"""The walk over the task hub: what has ended long ago goes, what stands for something stays."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from invoicing.records.supervision import OpenWork
from stores import retention_runs, supervised
from tests.fakes.memory_blobs import MemoryBlobs
from tests.unit.old_things import batch_id
from usecases import purge_hub
from usecases.purge_hub import EndedRun, Hub

NOW = datetime(2030, 1, 1, tzinfo=UTC)
DAY = timedelta(days=1)


class FakeHub:
    """A task hub that lists 100 instances at most, by their ids, as the host does."""

    def __init__(self) -> None:
        self.instances: dict[str, tuple[datetime, datetime]] = {}
        self.refuses: set[str] = set()
        self.requests = 0
        self.clock = NOW
        self.tick = timedelta(0)

    def put(self, instance: str, created: datetime, lasted: timedelta = timedelta(0)) -> None:
        """One that has ended."""
        self.instances[instance] = (created, created + lasted)

    @property
    def hub(self) -> Hub:
        """As retention sees it."""
        return Hub(ended=self._ended, purge=self._purge, now=self._now)

    def _now(self) -> datetime:
        self.clock += self.tick
        return self.clock

    async def _ended(self, start: datetime, end: datetime) -> Sequence[EndedRun]:
        self.requests += 1
        found = sorted(name for name, (at, _) in self.instances.items() if start <= at <= end)
        return [EndedRun(name, self.instances[name][1]) for name in found[: purge_hub.PAGE]]

    async def _purge(self, instance: str) -> int:
        self.requests += 1
        if instance in self.refuses:
            raise RuntimeError("412")
        return int(self.instances.pop(instance, None) is not None)


async def _purge(blobs: MemoryBlobs, fake: FakeHub, keep: timedelta = 30 * DAY) -> int:
    return await purge_hub.purge_ended(blobs, fake.hub, keep, fake.clock + timedelta(minutes=2))


async def test_what_has_ended_long_ago_goes() -> None:
    """Parts, approvals, messages; what stands for a batch or an invoice stays, and what is new."""
    fake, blobs = FakeHub(), MemoryBlobs()
    old = NOW - 60 * DAY
    going = ["a" * 25, f"{'e' * 32}:3", "digest-x", f"{batch_id(1)}-17", "n1"]
    staying = [batch_id(1), f"{batch_id(1)}-approvals", "i" + "1" * 24, "retention", "digest-y", "digest-z"]
    for name in going + staying:
        fake.put(name, old)
    fake.put("a-young-one", NOW - 29 * DAY)
    fake.put("a-long-one", old, lasted=45 * DAY)
    supervised.note(blobs, OpenWork(instance="digest-y", orchestrator="x", input={}))
    blobs.write("cases/digest-z.json", b"{}")
    assert await _purge(blobs, fake) == len(going)
    assert sorted(fake.instances) == sorted([*staying, "a-young-one", "a-long-one"])


async def test_thousands_are_purged_within_their_time_and_it_goes_on_there() -> None:
    """The walk remembers how far it came, and what stays is not listed again with each tick."""
    fake, blobs = FakeHub(), MemoryBlobs()
    for n in range(3000):
        fake.put(f"{n:032x}:1", NOW - 60 * DAY + n * timedelta(seconds=7))
        if n % 3 == 0:
            fake.put(batch_id(n), NOW - 60 * DAY + n * timedelta(seconds=7))
    fake.tick = timedelta(seconds=4)
    first = await _purge(blobs, fake)
    assert 0 < first < 3000
    fake.tick = timedelta(0)
    assert first + await _purge(blobs, fake) == 3000
    assert len(fake.instances) == 1000
    fake.requests = 0
    fake.clock += timedelta(hours=1)
    assert await _purge(blobs, fake) == 0
    assert fake.requests == 1


async def test_walk_begins_anew_after_a_week() -> None:
    """What ran when it came by has ended since."""
    fake, blobs = FakeHub(), MemoryBlobs()
    fake.put("late", NOW - 60 * DAY, lasted=40 * DAY)
    assert await _purge(blobs, fake) == 0
    fake.clock += 6 * DAY
    assert await _purge(blobs, fake) == 0
    fake.clock += 20 * DAY
    assert await _purge(blobs, fake) == 1


async def test_more_than_a_page_within_a_second_ends_all_the_same() -> None:
    """What cannot be listed is left, and the log says so."""
    fake, blobs = FakeHub(), MemoryBlobs()
    for n in range(150):
        fake.put(batch_id(n), NOW - 60 * DAY)
    fake.put("zz", NOW - 60 * DAY)
    assert await _purge(blobs, fake) == 0
    assert fake.requests < 100


async def test_what_the_host_refuses_is_left() -> None:
    """And tried again with the next round."""
    fake, blobs = FakeHub(), MemoryBlobs()
    for n in range(120):
        fake.put(f"x{n}", NOW - 60 * DAY)
    fake.refuses = set(fake.instances)
    assert await _purge(blobs, fake) == 0
    assert fake.requests < 5000


async def test_instances_of_what_was_purged_go_with_it() -> None:
    """A batch has two, an invoice one; what is refused stays noted."""
    fake, blobs = FakeHub(), MemoryBlobs()
    invoice = "i" + "1" * 24
    for name in (batch_id(1), f"{batch_id(1)}-approvals", batch_id(2), invoice):
        fake.put(name, NOW - 60 * DAY)
    for thing in (batch_id(1), batch_id(2), invoice):
        retention_runs.leave_instances(blobs, thing)
    fake.refuses = {batch_id(2)}
    until = NOW + DAY
    assert await purge_hub.purge_left(blobs, fake.hub, until) == 3
    assert retention_runs.left_instances(blobs, 10) == [batch_id(2)]
    fake.refuses = set()
    assert await purge_hub.purge_left(blobs, fake.hub, until) == 1
    assert fake.instances == {}
