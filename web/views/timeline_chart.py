"""Where the bars of a timeline stand: rows and percentages, for an SVG that fits any width."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from web.views.timeline import KINDS, OUTCOMES, Bar, Timeline, ticks
from web.words import brief, duration, precise, shortened

#: Rows of a chart; a longer history is told by the number of what was left out.
MOST_ROWS = 250
#: Heights in pixels: of a row, and of the scale above them.
ROW = 42
HEAD = 26
_NARROWEST = 0.5  # per cent of the width: a step of milliseconds in a run of days can still be seen
_LABEL = 34


@dataclass(frozen=True)
class Row:
    """One bar as drawn: y in pixels, x and width in per cent of the width."""

    bar: Bar
    y: int
    x: float
    width: float
    label: str
    summary: str
    title: str
    link: str | None


@dataclass(frozen=True)
class Tick:
    """A line across the chart; `anchor` keeps its text inside."""

    x: float
    text: str
    anchor: str


@dataclass(frozen=True)
class Chart:
    """The chart of a timeline; height in pixels."""

    rows: list[Row]
    ticks: list[Tick]
    height: int
    left_out: int


def chart(line: Timeline, most: int = MOST_ROWS) -> Chart:
    """Lay out a timeline, one row for each bar."""
    rows = [_row(line, bar, HEAD + at * ROW) for at, bar in enumerate(line.bars[:most])]
    marks = [_tick(line, after) for after in ticks(line.length)]
    return Chart(rows, marks, HEAD + ROW * len(rows), max(0, len(line.bars) - most))


def _row(line: Timeline, bar: Bar, y: int) -> Row:
    x = _share(line, bar.start)
    width = max(_share(line, bar.end) - x, _NARROWEST)
    x = min(x, 100 - width)
    name = spoken(bar.name) if bar.kind in ("activity", "run") else bar.name
    lasted = duration(bar.length)
    summary = f"{OUTCOMES[bar.outcome]}, {lasted}"
    title = f"{KINDS[bar.kind]}: {name} \u2013 {summary}; {precise(bar.start)}"
    if bar.woke:
        summary = f"{summary}; then {shortened(spoken(bar.woke), _LABEL)}"
        title = f"{title} to {precise(bar.end)}; then {spoken(bar.woke)}"
    return Row(bar, y, round(x, 3), round(width, 3), shortened(name, _LABEL), summary, title, bar.run)


def _share(line: Timeline, when: datetime) -> float:
    whole = line.length / timedelta(seconds=1)
    if whole <= 0:
        return 0.0
    return min(100.0, max(0.0, 100 * ((when - line.start) / timedelta(seconds=1)) / whole))


def _tick(line: Timeline, after: timedelta) -> Tick:
    x = round(100 * (after / line.length), 3)
    return Tick(x, brief(after), "end" if x > 90 else "middle")


def spoken(name: str) -> str:
    """The name of a function as words: `check_chunk` is `check chunk`."""
    return name.replace("_", " ").strip()
