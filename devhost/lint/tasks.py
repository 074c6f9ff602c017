"""DF010 and DF012: tasks that nobody waits for, and timers that nobody cancels."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from devhost.lint.places import found
from devhost.lint.project import FunctionNode, Project
from devhost.lint.rules import Finding
from devhost.lint.scopes import Unit, nodes_of

__all__ = ["check_tasks", "check_timers"]

_MAKERS = frozenset(
    [
        "call_activity",
        "call_activity_with_retry",
        "call_sub_orchestrator",
        "call_sub_orchestrator_with_retry",
        "call_http",
        "call_entity",
        "create_timer",
        "wait_for_external_event",
        "task_all",
        "task_any",
    ]
)


def _method(node: ast.AST | None) -> str | None:
    """Return the name of the method that a call calls."""
    called = isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)
    return node.func.attr if called else None  # pyright: ignore[reportOptionalMemberAccess, reportAttributeAccessIssue]


def _loaded(unit: Unit, name: str) -> bool:
    return any(
        isinstance(one, ast.Name) and one.id == name and isinstance(one.ctx, ast.Load) for one in unit.nodes
    )


def check_tasks(unit: Unit, project: Project) -> Iterator[Finding]:
    """Find tasks, and generators that would make some, which are never yielded."""
    for node in unit.nodes:
        if isinstance(node, ast.Expr):
            yield from _statement(unit, project, node.value)
        elif (
            isinstance(node, ast.Assign) and len(node.targets) == 1 and isinstance(node.targets[0], ast.Name)
        ):
            name, method = node.targets[0].id, _method(node.value)
            if method in _MAKERS and not _loaded(unit, name):
                yield found(unit, node, "DF012", f"'{name}' of {method}() is never yielded.")
        elif isinstance(node, ast.Yield) and isinstance(node.value, ast.Call):
            name = _generator(unit, project, node.value)
            if name is not None:
                yield found(
                    unit, node, "DF012", f"'{name}' is a generator; yield hands over the generator itself."
                )


def _statement(unit: Unit, project: Project, value: ast.expr) -> Iterator[Finding]:
    if _method(value) in _MAKERS:
        yield found(unit, value, "DF012", f"The task of {_method(value)}() is thrown away.")
    elif isinstance(value, ast.Call):
        name = _generator(unit, project, value)
        if name is not None:
            yield found(unit, value, "DF012", f"'{name}' is a generator; called like this it never runs.")


def _generator(unit: Unit, project: Project, call: ast.Call) -> str | None:
    """Return the name of a function of the project that is called here and is a generator."""
    function: ast.AST | None = _nested_function(unit, call)
    if function is None:
        dotted = unit.dotted(call.func)
        definition = project.definition(dotted) if dotted else None
        function = definition.node if definition else None
    if not isinstance(function, (ast.FunctionDef, ast.AsyncFunctionDef)) or function.decorator_list:
        return None
    yields = any(isinstance(one, (ast.Yield, ast.YieldFrom)) for one in nodes_of(function, nested=False))
    return function.name if yields else None


def _nested_function(unit: Unit, call: ast.Call) -> FunctionNode | None:
    name = call.func.id if isinstance(call.func, ast.Name) else None
    nested = (one for one in unit.nodes if isinstance(one, (ast.FunctionDef, ast.AsyncFunctionDef)))
    return next((one for one in nested if one.name == name), None)


# -- timers


def check_timers(unit: Unit) -> Iterator[Finding]:
    """Find timers that are given to task_any and that nothing cancels."""
    timers = _names_of(unit, "create_timer")
    for node in unit.nodes:
        if not isinstance(node, ast.Call) or _method(node) != "task_any" or not node.args:
            continue
        for one, group in _racers(unit, node.args[0]):
            if _method(one) == "create_timer" and not _cancelled(unit, None, group):
                yield found(unit, one, "DF010", "This timer has no name, so nothing can cancel it.")
            elif isinstance(one, ast.Name) and one.id in timers and not _cancelled(unit, one.id, group):
                yield found(unit, one, "DF010", f"The timer '{one.id}' is raced here and never cancelled.")


def _names_of(unit: Unit, method: str) -> set[str]:
    return {
        node.targets[0].id
        for node in unit.nodes
        if isinstance(node, ast.Assign)
        and isinstance(node.targets[0], ast.Name)
        and _method(node.value) == method
    }


def _racers(unit: Unit, argument: ast.expr) -> Iterator[tuple[ast.expr, str | None]]:
    """Return the members of a list of tasks, each with the name of the list."""
    if isinstance(argument, (ast.List, ast.Tuple)):
        yield from ((one, None) for one in argument.elts)
    elif isinstance(argument, ast.BinOp):
        yield from _racers(unit, argument.left)
        yield from _racers(unit, argument.right)
    elif isinstance(argument, ast.Name):
        for node in unit.nodes:
            if isinstance(node, ast.Assign) and _is_named(node.targets[0], argument.id):
                if isinstance(node.value, (ast.List, ast.Tuple)):
                    yield from ((one, argument.id) for one in node.value.elts)
            elif _method(node) == "append" and _is_named(node.func.value, argument.id):  # pyright: ignore
                yield from ((one, argument.id) for one in node.args)  # pyright: ignore[reportAttributeAccessIssue]


def _is_named(node: ast.AST, name: str | None) -> bool:
    return isinstance(node, ast.Name) and node.id == name


def _cancelled(unit: Unit, timer: str | None, group: str | None) -> bool:
    """Tell whether the timer, or a member of its list, is cancelled somewhere, or given to other code."""
    for node in unit.nodes:
        if _method(node) == "cancel":
            target = node.func.value  # pyright: ignore[reportAttributeAccessIssue]  a call of a method
            if timer is not None and _is_named(target, timer):
                return True
            if group is not None and _is_member(unit, target, group):
                return True
        elif timer is not None and _gives_away(node, timer):
            return True
    return False


def _is_member(unit: Unit, target: ast.AST, group: str) -> bool:
    """Tell whether ``target`` is an item of the list, or the variable of a loop over it."""
    if isinstance(target, ast.Subscript):
        return _is_named(target.value, group)
    loops = (one for one in unit.nodes if isinstance(one, (ast.For, ast.comprehension)))
    return isinstance(target, ast.Name) and any(
        _is_named(loop.target, target.id) and _is_named(loop.iter, group) for loop in loops
    )


def _gives_away(node: ast.AST, timer: str) -> bool:
    """Tell whether a timer is returned, or given to a function that may cancel it."""
    if isinstance(node, ast.Return):
        return node.value is not None and any(_is_named(one, timer) for one in ast.walk(node.value))
    if not isinstance(node, ast.Call) or _method(node) in ("task_any", "task_all", "append"):
        return False
    return any(_is_named(one, timer) for one in node.args)
