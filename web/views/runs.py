"""What the pages say of runs (instances of orchestrations): their list, and one of them."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from invoicing.run_values import json_object, loaded
from web.views.timeline import Timeline
from web.views.timeline_chart import spoken
from web.words import as_moment, duration, precise, shortened

#: Runtime status of the durable host -> the word for it.
STATUSES = {
    "Pending": "about to start",
    "Running": "running",
    "ContinuedAsNew": "running",
    "Suspended": "suspended",
    "Completed": "ended",
    "Failed": "failed",
    "Terminated": "stopped",
    "Canceled": "cancelled",
}
#: The choices of the list's filter: what the address says -> label and runtime statuses.
FILTERS: dict[str, tuple[str, tuple[str, ...]]] = {
    "open": ("Running or waiting", ("Pending", "Running", "ContinuedAsNew", "Suspended")),
    "ended": ("Ended", ("Completed",)),
    "failed": ("Failed", ("Failed",)),
    "stopped": ("Stopped", ("Terminated", "Canceled")),
}
ENDED = ("Completed", "Failed", "Terminated", "Canceled")
# The id that a sub-orchestration gets where it was started without one: with version 1.x of the SDK it begins
# with the execution of its parent, with 2.x with the id of its parent.
_PART_ID = re.compile(r"([0-9a-f]{32}):[0-9a-f]+|(.+):[0-9a-f]{4,8}", re.IGNORECASE)
_MOST_TEXT = 20_000


@dataclass(frozen=True)
class Run:
    """One instance, with times in UTC and its values parsed."""

    id: str
    name: str
    status: str
    created: datetime
    updated: datetime
    output: Any = None
    custom: Any = None
    input: Any = None

    @property
    def ended(self) -> bool:
        """Whether it changes no more."""
        return self.status in ENDED

    @property
    def word(self) -> str:
        """The status as people say it; the app's own word where the run itself ended without failing."""
        if self.status == "Completed" and (own := own_outcome(self.output)):
            return own
        return STATUSES.get(self.status, self.status)

    @property
    def tone(self) -> str:
        """`good`, `bad`, `busy` or `quiet`: how its badge looks."""
        if self.status == "Failed" or self.word in ("failed", "undone"):
            return "bad"
        if not self.ended:
            return "busy"
        return "good" if self.status == "Completed" else "quiet"

    @property
    def phase(self) -> str | None:
        """What an open run says that it does just now."""
        phase = json_object(self.custom).get("phase")
        return spoken(phase)[:40] if isinstance(phase, str) and not self.ended else None

    @property
    def title(self) -> str:
        """The name of its orchestration as words."""
        return spoken(self.name)[:1].upper() + spoken(self.name)[1:]

    def lasted(self, now: datetime) -> str:
        """How long it took, or has taken until now."""
        # The host tells whole seconds.
        seconds = ((self.updated if self.ended else now) - self.created).total_seconds()
        return duration(timedelta(seconds=max(1, round(seconds))))


def own_outcome(output: Any) -> str | None:
    """The word by which one of our orchestrations says how it ended, where it is one short word."""
    status = json_object(output)
    word = status.get("status") or status.get("outcome")
    return spoken(word) if isinstance(word, str) and len(word) <= 30 else None


def run_of(status: Any) -> Run | None:
    """A run of the durable client's status; None for what is no instance of an orchestration."""
    created = as_moment(status.created_time)
    updated = as_moment(status.last_updated_time)
    if not status or created is None or str(status.instance_id or "").startswith("@"):
        return None
    runtime = status.runtime_status
    return Run(
        id=status.instance_id,
        name=status.name or "",
        status=getattr(runtime, "value", None) or str(runtime),
        created=created,
        updated=updated or created,
        output=loaded(status.output),
        custom=loaded(status.custom_status),
        input=loaded(status.input_),
    )


def shown(value: Any) -> str | None:
    """A value as text for people who look closely: indented JSON, cut where it is long."""
    if value is None or value == "" or value == {}:
        return None
    text = value if isinstance(value, str) else _as_text(value)
    return shortened(text, _MOST_TEXT)


def _as_text(value: Any) -> str:
    try:
        return json.dumps(value, indent=2, ensure_ascii=False)
    except RecursionError:
        return "(nested too deeply to be shown)"


def is_part(instance_id: str) -> bool:
    """Say whether an instance is a sub-orchestration that got its id from the host."""
    return _PART_ID.fullmatch(instance_id) is not None


def family(instance_id: str) -> str | None:
    """What the ids of all parts of one run have in common, with the colon; None for other ids."""
    found = _PART_ID.fullmatch(instance_id)
    return f"{found[1] or found[2]}:" if found else None


def newest_first(runs: Iterable[Run]) -> list[Run]:
    """Each run once, the newest first."""
    unique = {run.id: run for run in runs}
    return sorted(unique.values(), key=lambda run: (run.created, run.id), reverse=True)


def waiting_for(custom: Any) -> list[str]:
    """The names of the events that a run waits for, as far as its custom status says so."""
    status = json_object(custom)
    stage = status.get("stage")
    attempt = status.get("attempt")
    if isinstance(stage, str) and isinstance(attempt, int):
        return [f"decision.{stage}.{attempt}"]
    return []


# ---------------------------------------------------------------- which runs are parts of a run


def part_names(line: Timeline) -> Counter[str]:
    """How many sub-orchestrations of each name a run has started, names in lower case."""
    return Counter(bar.name.lower() for bar in line.bars if bar.kind == "run")


def families_near(line: Timeline, seen: Iterable[Run]) -> list[str]:
    """Families of parts that may belong to a run: of a name that it started, at the time it did."""
    near = timedelta(seconds=3)
    begun = [(bar.name.lower(), bar.start) for bar in line.bars if bar.kind == "run"]
    found = Counter(
        key
        for run in seen
        if (key := family(run.id))
        and any(run.name.lower() == name and abs(run.created - at) <= near for name, at in begun)
    )
    return [key for key, _ in found.most_common()]


def own_parts(line: Timeline, candidates: Sequence[Sequence[Run]]) -> list[Run]:
    """The one family that has just the parts that the history names; none where two could be meant.

    A history that has ended parts does not tell their ids, and a wrong link is worse than none.
    """
    wanted = part_names(line)
    fitting = [runs for runs in candidates if Counter(run.name.lower() for run in runs) == wanted]
    return sorted(fitting[0], key=lambda run: (run.created, run.id)) if len(fitting) == 1 else []


def events_table(line: Timeline, most: int) -> list[dict[str, str]]:
    """The bars as rows of a table, for those who cannot or do not want to see the chart."""
    return [
        {
            "kind": bar.kind,
            "name": spoken(bar.name) if bar.kind in ("activity", "run") else bar.name,
            "woke": spoken(bar.woke) if bar.woke else "",
            "outcome": bar.outcome,
            "start": precise(bar.start),
            "after": duration(bar.start - line.start),
            "lasted": duration(bar.length),
        }
        for bar in line.bars[:most]
    ]
