"""DF009: events that one orchestration awaits more than once under one name."""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from devhost.lint.places import found, shown
from devhost.lint.project import Project
from devhost.lint.rules import Finding
from devhost.lint.scopes import Unit

__all__ = ["check_waits"]

_LOOPS = (ast.For, ast.AsyncFor, ast.While, ast.comprehension)
_COMPREHENSIONS = (ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp)
_DEEPEST = 6


@dataclass(frozen=True)
class _Wait:
    name: str
    unit: Unit
    node: ast.Call
    in_loop: bool
    branch: tuple[tuple[ast.AST, str], ...]


def check_waits(
    orchestrator: Unit, project: Project, called: Callable[[Unit, ast.Call], Unit | None]
) -> Iterator[Finding]:
    """Find waits of one orchestrator, its helpers included, that share a name. ``called`` finds a helper."""
    seen: dict[str, list[_Wait]] = {}
    for wait in _waits(orchestrator, project, called, False, (), ()):
        earlier = seen.setdefault(wait.name.lower(), [])
        clash = next((one for one in earlier if not _exclusive(one, wait)), None)
        if wait.in_loop:
            what = f"The event '{wait.name}' is awaited in a loop, each time under the same name."
            yield found(wait.unit, wait.node, "DF009", what)
        elif clash is not None:
            place = f"{shown(clash.unit.module.path)}:{clash.node.lineno}"
            what = f"The event '{wait.name}' is awaited at {place} too."
            yield found(wait.unit, wait.node, "DF009", what)
        earlier.append(wait)


def _waits(
    unit: Unit,
    project: Project,
    called: Callable[[Unit, ast.Call], Unit | None],
    in_loop: bool,
    branch: tuple[tuple[ast.AST, str], ...],
    path: tuple[ast.AST, ...],
) -> Iterator[_Wait]:
    if unit.node in path or len(path) > _DEEPEST:
        return
    for node in unit.nodes:
        if not isinstance(node, ast.Call):
            continue
        looped, here = in_loop or _in_loop(unit, node), (*branch, *_branches(unit, node))
        name = _event_name(unit, project, node)
        if name is not None:
            yield _Wait(name, unit, node, looped, here)
            continue
        helper = called(unit, node)
        if helper is not None:
            yield from _waits(helper, project, called, looped, here, (*path, unit.node))


def _event_name(unit: Unit, project: Project, call: ast.Call) -> str | None:
    """Return the name that a wait is for, if it is a wait and the name a constant."""
    if not isinstance(call.func, ast.Attribute) or call.func.attr != "wait_for_external_event":
        return None
    given = [*call.args[:1], *(one.value for one in call.keywords if one.arg == "name")]
    return _text(unit, project, given[0]) if given else None


def _text(unit: Unit, project: Project, node: ast.expr) -> str | None:
    if isinstance(node, ast.Constant):
        return node.value if isinstance(node.value, str) else None
    if isinstance(node, ast.Name) and unit.scope.owner_of(node.id) is None:
        value = unit.module.names.get(node.id)
        if isinstance(value, ast.Constant) and isinstance(value.value, str):
            return value.value
    dotted = unit.dotted(node)
    definition = project.definition(dotted) if dotted else None
    value = definition.node if definition else None
    return value.value if isinstance(value, ast.Constant) and isinstance(value.value, str) else None


def _in_loop(unit: Unit, node: ast.AST) -> bool:
    inner = node
    for outer in unit.ancestors(node):
        if isinstance(outer, _LOOPS) and inner is not getattr(outer, "iter", None):
            return True
        if isinstance(outer, _COMPREHENSIONS):
            return True
        inner = outer
    return False


def _branches(unit: Unit, node: ast.AST) -> tuple[tuple[ast.AST, str], ...]:
    """Return the ifs around a node, the outermost first, each with the branch that it is in."""
    found_in: list[tuple[ast.AST, str]] = []
    inner = node
    for outer in unit.ancestors(node):
        if isinstance(outer, ast.If):
            found_in.append((outer, "orelse" if inner in outer.orelse else "body"))
        elif isinstance(outer, ast.match_case):
            found_in.append((unit.parent(outer), str(id(outer))))
        inner = outer
    return tuple(reversed(found_in))


def _exclusive(one: _Wait, other: _Wait) -> bool:
    """Tell whether only one of two waits can be reached: they are in different branches of one if or
    match.
    """
    branches = dict(one.branch)
    return any(test in branches and branches[test] != branch for test, branch in other.branch)
