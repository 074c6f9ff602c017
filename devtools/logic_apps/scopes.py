"""The actions of a definition as a tree: which stand in one scope, and what runs before what."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, cast

Json = dict[str, Any]  # a definition is JSON whose form Microsoft defines

#: Where an action keeps the actions inside of it, besides the cases of a switch.
_INNER = ("actions", "else", "default")
STATUSES = frozenset({"Succeeded", "Failed", "Skipped", "TimedOut"})


@dataclass
class Action:
    """One action; `scope`: the actions beside it, by name, and `parent`: the action around it."""

    name: str
    body: Json
    parent: Action | None
    scope: dict[str, Action] = field(repr=False)

    @property
    def type(self) -> str:
        """Its type."""
        return str(self.body.get("type", ""))

    @property
    def run_after(self) -> Json:
        """The actions that it waits for, with the statuses for which it runs."""
        found = self.body.get("runAfter", {})
        return cast(Json, found) if isinstance(found, dict) else {}

    @property
    def depth(self) -> int:
        """How many actions are around it."""
        return 0 if self.parent is None else self.parent.depth + 1

    def around(self) -> Iterator[Action]:
        """The actions around it, the nearest first."""
        found = self.parent
        while found is not None:
            yield found
            found = found.parent

    def before(self) -> set[str]:
        """The names of all actions that have run, or were skipped, when this one runs."""
        # The condition of a loop is asked after each round of what is in it.
        names = {inner.name for inner in inside(self)} if self.type == "Until" else set[str]()
        for one in (self, *self.around()):
            for other in _earlier(one):
                names.add(other.name)
                names |= {inner.name for inner in inside(other)}
        return names


def _earlier(action: Action) -> list[Action]:
    """The actions of the same scope that come before one, in any number of steps."""
    found: dict[str, Action] = {}
    left = list(action.run_after)
    while left:
        name = left.pop()
        other = action.scope.get(name)
        if other is not None and name not in found:
            found[name] = other
            left += other.run_after
    return list(found.values())


def scopes_of(actions: Json, parent: Action | None = None) -> Iterator[dict[str, Action]]:
    """Each scope of a definition, the outer ones first."""
    scope: dict[str, Action] = {}
    for name, body in actions.items():
        scope[name] = Action(name, body if isinstance(body, dict) else {}, parent, scope)
    yield scope
    for action in scope.values():
        for inner in _inner(action.body):
            yield from scopes_of(inner, action)


def inside(action: Action) -> Iterator[Action]:
    """All actions inside of one."""
    for inner in _inner(action.body):
        for scope in scopes_of(inner, action):
            yield from scope.values()


def _inner(body: Json) -> Iterator[Json]:
    for name in _INNER:
        found = body.get(name)
        if isinstance(found, dict):
            yield cast(Json, found) if name == "actions" else cast(Json, found).get("actions", {})
    for case in body.get("cases", {}).values():
        yield case.get("actions", {})


def order_faults(scope: dict[str, Action]) -> Iterator[tuple[str, str]]:
    """What is wrong with the order of one scope: place and text."""
    for action in scope.values():
        for name, statuses in action.run_after.items():
            if name not in scope:
                yield action.name, f"runAfter names {name!r}, which is no action of the same scope"
            known = isinstance(statuses, list) and statuses and set(cast(list[str], statuses)) <= STATUSES
            if not known:
                yield action.name, f"runAfter of {name!r} has no status, or an unknown one"
    for name in scope:
        if name in {other.name for other in _earlier(scope[name])}:
            yield name, "waits for itself: there is a cycle in runAfter"
    if scope and all(action.run_after for action in scope.values()):
        yield next(iter(scope)), "no action of this scope is the first"
