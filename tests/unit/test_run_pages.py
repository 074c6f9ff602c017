"""Runs as the pages show them: status words, complete lists out of short answers, and whose part is whose."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import pytest
from azure.durable_functions import OrchestrationRuntimeStatus as Runtime

from web.run_listing import PAGE, newest
from web.views import runs
from web.views.runs import Run
from web.views.timeline import Bar, Timeline

NOW = datetime(2026, 5, 4, 12, tzinfo=UTC)


def run(n: str, ago: float = 0, **changes: Any) -> Run:
    """A run that began some seconds ago."""
    values = {"name": "process_batch", "status": "Completed", "updated": NOW, **changes}
    return Run(id=n, created=NOW - timedelta(seconds=ago), **values)


class Hub:
    """A task hub that answers as the host does: 100 instances at most, by id."""

    def __init__(self, *all_runs: Run) -> None:
        self.runs, self.asked = sorted(all_runs, key=lambda one: one.id), 0

    async def fetch(self, start: datetime, end: datetime, prefix: str) -> Sequence[Run]:
        self.asked += 1
        found = [one for one in self.runs if start <= one.created <= end and one.id.startswith(prefix)]
        return found[:PAGE]


def is_whole(one: Run) -> bool:
    """What the list shows without being asked for parts."""
    return not runs.is_part(one.id)


async def test_the_newest_come_first_though_the_host_lists_by_id() -> None:
    """And the link to older ones goes on where the page ended."""
    hub = Hub(*(run(f"b{n:024x}", ago=n * 600) for n in range(120)))
    first = await newest(hub.fetch, NOW, 50, is_whole)
    assert [one.id for one in first.runs] == [f"b{n:024x}" for n in range(50)]
    assert first.older is not None
    second = await newest(hub.fetch, first.older, 50, is_whole, skew=timedelta(0))
    assert [one.id for one in second.runs] == [f"b{n:024x}" for n in range(50, 100)]


async def test_all_pages_together_hold_every_run_once() -> None:
    """Whatever the times are: many at once, long gaps, and parts in between."""
    made = [run(f"i{n:024x}", ago=(n % 7) * 40_000 + n) for n in range(230)]
    hub = Hub(*made, *(run(f"{n:032x}:0001", ago=5) for n in range(90)))
    seen: list[str] = []
    before: datetime | None = NOW
    while before is not None:
        listing = await newest(hub.fetch, before, 50, is_whole, skew=timedelta(0))
        assert listing.complete
        seen += [one.id for one in listing.runs if one.id not in seen]
        before = listing.older
    assert sorted(seen) == sorted(one.id for one in made)


async def test_a_batch_among_hundreds_of_its_parts_is_found() -> None:
    """They begin within one second, and the host's first 100 by id are parts only."""
    hub = Hub(run("b" + "f" * 24, ago=10), *(run(f"{n:032x}:0001", ago=10) for n in range(1, 1000)))
    listing = await newest(hub.fetch, NOW, 50, is_whole)
    assert [one.id for one in listing.runs] == ["b" + "f" * 24]


async def test_a_second_with_more_than_can_be_listed_is_told() -> None:
    """Not even the first character of the id tells them apart."""
    hub = Hub(*(run(f"b{n:024x}", ago=10) for n in range(300)))
    assert not (await newest(hub.fetch, NOW, 50, is_whole)).complete


async def test_an_empty_hub_costs_few_requests() -> None:
    """Windows grow into the past."""
    hub = Hub()
    assert (await newest(hub.fetch, NOW, 50, is_whole)).runs == []
    assert hub.asked < 12


@pytest.mark.parametrize(
    ("status", "output", "word", "tone"),
    [
        ("Completed", {"status": "stopped"}, "stopped", "good"),
        ("Completed", {"outcome": "set_aside"}, "set aside", "good"),
        ("Completed", {"status": "failed"}, "failed", "bad"),
        ("Completed", "text", "ended", "good"),
        ("Completed", {"status": {"nested": 1}}, "ended", "good"),
        ("Failed", "boom", "failed", "bad"),
        ("Running", None, "running", "busy"),
        ("Suspended", None, "suspended", "busy"),
        ("Terminated", "enough", "stopped", "quiet"),
    ],
)
def test_the_status_is_a_word_and_not_only_a_colour(status: str, output: Any, word: str, tone: str) -> None:
    """Where a run ended by itself, its own word for how it ended counts."""
    one = run("x", status=status, output=output)
    assert (one.word, one.tone) == (word, tone)


def test_a_run_is_read_from_the_clients_status() -> None:
    """JSON texts inside become values; entities and instances that are not there are none."""
    status = SimpleNamespace(
        instance_id="b1",
        name="process_batch",
        created_time=NOW,
        last_updated_time=NOW,
        runtime_status=Runtime.Running,
        output=None,
        custom_status='{"stage": "clerk", "attempt": 2}',
        input_="no json",
    )
    one = runs.run_of(status)
    assert one is not None
    assert (one.status, one.custom["stage"], one.input) == ("Running", "clerk", "no json")
    assert runs.waiting_for(one.custom) == ["decision.clerk.2"]
    status.instance_id = "@lease@host"
    assert runs.run_of(status) is None


def line(*names: str) -> Timeline:
    """The timeline of a run that started these sub-orchestrations at its beginning."""
    return Timeline(
        NOW, NOW + timedelta(minutes=1), True, [Bar("run", name, NOW, NOW, "done") for name in names]
    )


def family(letter: str, *names: str) -> list[Run]:
    """Parts of one run."""
    return [run(f"{letter * 32}:{n:04x}", name=name) for n, name in enumerate(names)]


def test_parts_are_shown_when_only_one_family_can_be_meant() -> None:
    """The history of a run tells names of its ended parts, not their ids."""
    mine, other = family("a", "batch_chunk", "batch_chunk"), family("b", "batch_chunk")
    wanted = line("batch_chunk", "batch_chunk")
    assert runs.families_near(wanted, [*mine, *other]) == ["a" * 32 + ":", "b" * 32 + ":"]
    assert runs.own_parts(wanted, [mine, other]) == mine


def test_no_parts_are_shown_where_two_families_fit() -> None:
    """A wrong link is worse than none."""
    both = [family("a", "batch_window"), family("b", "batch_window")]
    assert runs.own_parts(line("batch_window"), both) == []
    assert runs.part_names(line("A", "a")) == Counter(a=2)


def test_long_values_are_cut() -> None:
    """An input of megabytes does not make a page of megabytes."""
    assert runs.shown(None) is None
    assert runs.shown({"a": 1}) == '{\n  "a": 1\n}'
    assert len(runs.shown("x" * 10**6) or "") == 20_000
