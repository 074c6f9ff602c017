"""DF006 and DF011: what an orchestrator must not be, and what it must not catch."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator

from devhost.lint.places import found
from devhost.lint.rules import Finding
from devhost.lint.scopes import Unit, nodes_of

__all__ = ["check_async", "check_catching"]

_ASYNC = {
    ast.Await: "await needs an event loop; the SDK drives a generator.",
    ast.AsyncFor: "async for needs an event loop; the SDK drives a generator.",
    ast.AsyncWith: "async with needs an event loop; the SDK drives a generator.",
}
_TOO_MUCH = frozenset(("builtins.BaseException", "builtins.GeneratorExit"))


def check_async(unit: Unit) -> Iterator[Finding]:
    """Find async code."""
    if isinstance(unit.node, ast.AsyncFunctionDef):
        yield found(unit, unit.node, "DF006", f"'{unit.node.name}' is async; the SDK drives a generator.")
        return
    for node in unit.nodes:
        text = _ASYNC.get(type(node))
        if text is None and isinstance(node, ast.comprehension) and node.is_async:
            text = "An async comprehension needs an event loop; the SDK drives a generator."
            node = node.iter
        if text is not None:
            yield found(unit, node, "DF006", text)


def check_catching(unit: Unit) -> Iterator[Finding]:
    """Find handlers around a yield that catch everything and do not raise again."""
    for node in unit.nodes:
        if isinstance(node, (ast.Try, ast.TryStar)) and _yields(node.body):
            for handler in node.handlers:
                if _catches_all(unit, handler.type) and not _raises(handler.body):
                    what = "This catches everything that comes out of a yield, GeneratorExit too."
                    yield found(unit, handler, "DF011", what)
        elif isinstance(node, ast.With) and _yields(node.body):
            for item in node.items:
                call = item.context_expr
                if (
                    isinstance(call, ast.Call)
                    and unit.dotted(call.func) == "contextlib.suppress"
                    and any(_catches_all(unit, one) for one in call.args)
                ):
                    what = "This suppresses everything that comes out of a yield, GeneratorExit too."
                    yield found(unit, call, "DF011", what)


def _yields(body: Iterable[ast.AST]) -> bool:
    return any(isinstance(one, (ast.Yield, ast.YieldFrom)) for one in _within(body))


def _raises(body: Iterable[ast.AST]) -> bool:
    return any(isinstance(one, ast.Raise) for one in _within(body))


def _within(body: Iterable[ast.AST]) -> Iterator[ast.AST]:
    return nodes_of(ast.Module(list(body), []), nested=False)  # pyright: ignore[reportArgumentType]  statements


def _catches_all(unit: Unit, kind: ast.expr | None) -> bool:
    if kind is None:
        return True
    listed = kind.elts if isinstance(kind, ast.Tuple) else [kind]
    return any(unit.dotted(one) in _TOO_MUCH for one in listed)
