"""DF008: state outside of the function that an orchestrator writes."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from devhost.lint.places import found
from devhost.lint.project import Project
from devhost.lint.rules import Finding
from devhost.lint.scopes import Unit

__all__ = ["check_state"]

_MUTATORS = frozenset(
    [
        "append",
        "appendleft",
        "extend",
        "insert",
        "add",
        "update",
        "setdefault",
        "pop",
        "popleft",
        "popitem",
        "remove",
        "discard",
        "clear",
        "sort",
        "reverse",
    ]
)
_MUTABLE = (ast.List, ast.Dict, ast.Set, ast.ListComp, ast.DictComp, ast.SetComp)
_CONSTRUCTORS = frozenset(
    [
        "builtins.list",
        "builtins.dict",
        "builtins.set",
        "builtins.bytearray",
        "collections.defaultdict",
        "collections.deque",
        "collections.Counter",
        "collections.OrderedDict",
        "collections.ChainMap",
    ]
)


def check_state(unit: Unit, project: Project) -> Iterator[Finding]:
    """Find writes to names, items and attributes that live longer than the orchestration's replay."""
    for node in unit.nodes:
        if isinstance(node, ast.Name) and isinstance(node.ctx, (ast.Store, ast.Del)):
            if node.id in unit.scope_of(node).globals:
                yield found(unit, node, "DF008", f"The global variable '{node.id}' is written here.")
        elif isinstance(node, (ast.Subscript, ast.Attribute)) and isinstance(node.ctx, (ast.Store, ast.Del)):
            name = _global_root(unit, node)
            if name is not None:
                yield found(unit, node, "DF008", f"Something of the global '{name}' is written here.")
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            yield from _mutation(unit, project, node, node.func)


def _root(node: ast.AST) -> ast.Name | None:
    while isinstance(node, (ast.Subscript, ast.Attribute)):
        node = node.value
    return node if isinstance(node, ast.Name) else None


def _global_root(unit: Unit, node: ast.AST) -> str | None:
    """Return the name of the module that a target belongs to; None for local ones, and for unknown names."""
    root = _root(node)
    if root is None or unit.scope_of(node).owner_of(root.id) is not None:
        return None
    if root.id not in unit.module.names or (unit.dotted(root) or "").startswith("os.environ"):
        return None
    named = isinstance(node, ast.Subscript) and unit.dotted(node.value) in ("os.environ", "os.environb")
    return None if named else root.id


def _mutation(unit: Unit, project: Project, call: ast.Call, method: ast.Attribute) -> Iterator[Finding]:
    if method.attr not in _MUTATORS:
        return
    name = _global_root(unit, method.value)
    if name is not None and _is_mutable(unit, project, method.value):
        yield found(unit, call, "DF008", f"The global '{name}' is changed by {method.attr}() here.")


def _is_mutable(unit: Unit, project: Project, node: ast.AST) -> bool:
    """Tell whether a global is a list, dict, set or the like, wherever it is defined."""
    while isinstance(node, ast.Subscript):
        node = node.value
    value: ast.AST | None = None
    if isinstance(node, ast.Name) and isinstance(unit.module.names.get(node.id), ast.expr):
        value = unit.module.names[node.id]  # pyright: ignore[reportAssignmentType]  an expression, see above
    else:
        dotted = unit.dotted(node)
        definition = project.definition(dotted) if dotted else None
        value = definition.node if definition else None
    if isinstance(value, ast.Call):
        name = unit.scope_of(node).dotted(value.func) or getattr(value.func, "id", "")
        return name in _CONSTRUCTORS or f"builtins.{name}" in _CONSTRUCTORS
    return isinstance(value, _MUTABLE)
