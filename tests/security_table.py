"""The table of routes in docs/security.md, read as a person reads it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

_FILE = Path(__file__).resolve().parents[1] / "docs" / "security.md"
_HEAD = ["route", "methods", "level", "who may"]
_KEY, _PERSON = "who has a key", "a person who is signed in"
_WHO = {
    "everybody",
    _KEY,
    _PERSON,
    f"{_PERSON} or has a link",
    f"{_KEY}, for {_PERSON}",
    f"{_KEY}, for {_PERSON} or has a link",
}
_LOCAL = ", in local runs only"


@dataclass(frozen=True)
class Row:
    """One row: a route as the decorator has it, without a slash in front, and what is said of it."""

    route: str
    methods: tuple[str, ...]
    level: str
    who: str

    @property
    def key_needed(self) -> bool:
        """Whether a program has to show a function key."""
        return self.who.startswith(_KEY)

    @property
    def person_needed(self) -> bool:
        """Whether the route has to know which person asks."""
        return _PERSON in self.who

    @property
    def local_runs_only(self) -> bool:
        """Whether a deployed app answers 404."""
        return self.who.endswith(_LOCAL)


def security_table() -> list[Row]:
    """All rows. Raises ValueError for a row that says something unknown, or where there is no table."""
    rows = [_cells(line) for line in _FILE.read_text("utf-8").splitlines() if line.startswith("|")]
    start = rows.index(_HEAD)
    return [_row(cells) for cells in rows[start + 2 :] if len(cells) == len(_HEAD)]


def filled(route: str) -> tuple[str, dict[str, str]]:
    """An address for a route, with a slash in front, and the values of its parameters: nothing is there."""
    kind = "a" if route.startswith(("approvals/", "api/approvals/")) else "b"
    values = {"id": kind + "1" * 24, "n": "1", "file": "settle.css", "kind": "goods-received", "key": "PO-1"}
    given = {name: values[name] for name in re.findall(r"{(\w+)[:}]", route)}
    return "/" + re.sub(r"{(\w+).*?}", lambda match: values[match[1]], route), given


def _cells(line: str) -> list[str]:
    return [cell.strip() for cell in line.strip().strip("|").split("|")]


def _row(cells: list[str]) -> Row:
    route, methods, level, who = cells
    if who.removesuffix(_LOCAL) not in _WHO or level not in ("ANONYMOUS", "FUNCTION"):
        raise ValueError(f"docs/security.md: {route}: unknown level or word: {level}, {who}")
    return Row(route.strip("`"), tuple(methods.split(", ")), level, who)
