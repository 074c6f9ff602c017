"""DF007: places where the order of a set decides. Texts hash otherwise in each process, so it differs
there.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator

from devhost.lint.places import found
from devhost.lint.project import Project
from devhost.lint.rules import Finding
from devhost.lint.scopes import Scope, Unit

__all__ = ["check_sets"]

_SET_OPERATORS = (ast.BitOr, ast.BitAnd, ast.Sub, ast.BitXor)
_SET_METHODS = frozenset(["union", "intersection", "difference", "symmetric_difference", "copy"])
_VIEWS = frozenset(("keys", "items"))
_ANNOTATIONS = frozenset(["set", "frozenset", "Set", "FrozenSet", "AbstractSet", "MutableSet"])
# Callables that keep the order of what they are given.
_ORDERED = frozenset(
    f"builtins.{name}"
    for name in ["list", "tuple", "enumerate", "iter", "next", "zip", "map", "filter", "reversed"]
) | {"builtins.dict.fromkeys", "collections.deque", "itertools.chain", "itertools.islice", "random.choice"}
# Callables whose result does not depend on the order.
_UNORDERED = frozenset(
    f"builtins.{name}" for name in ["sorted", "set", "frozenset", "len", "sum", "min", "max", "any", "all"]
)
_DEEPEST = 8


def check_sets(unit: Unit, project: Project) -> Iterator[Finding]:
    """Find iterations over sets whose order has a consequence."""
    kinds = _Kinds(project)
    for node in unit.nodes:
        scope = unit.scope_of(node)
        for part in _ordered_parts(unit, node):
            if kinds.is_set(part, scope) and not _order_is_lost(unit, node):
                yield found(unit, part, "DF007", "The order of this set differs from replay to replay.")


def _ordered_parts(unit: Unit, node: ast.AST) -> list[ast.expr]:
    """Return the expressions whose order matters to ``node``."""
    if isinstance(node, (ast.For, ast.AsyncFor)):
        return [node.iter]
    if isinstance(node, (ast.ListComp, ast.GeneratorExp, ast.DictComp)):
        return [one.iter for one in node.generators]
    if isinstance(node, ast.YieldFrom):
        return [node.value]
    if isinstance(node, ast.Starred) and isinstance(node.ctx, ast.Load):
        return [] if isinstance(unit.parent(node), ast.Set) else [node.value]
    if isinstance(node, ast.Assign) and any(isinstance(one, (ast.Tuple, ast.List)) for one in node.targets):
        return [node.value]
    return _ordered_arguments(unit, node) if isinstance(node, ast.Call) else []


def _ordered_arguments(unit: Unit, node: ast.Call) -> list[ast.expr]:
    method = node.func.attr if isinstance(node.func, ast.Attribute) else ""
    if method == "join":
        return list(node.args)
    if method == "pop" and isinstance(node.func, ast.Attribute) and not node.args:
        return [node.func.value]
    return list(node.args) if unit.dotted(node.func) in _ORDERED else []


def _order_is_lost(unit: Unit, node: ast.AST) -> bool:
    """Tell whether the result goes straight into something like sorted() or a set."""
    if not isinstance(node, (ast.ListComp, ast.GeneratorExp, ast.Call)):
        return False
    outer = unit.parent(node)
    return isinstance(outer, ast.Call) and node in outer.args and unit.dotted(outer.func) in _UNORDERED


class _Kinds:
    """Says of an expression whether it is a set, as far as the source tells."""

    def __init__(self, project: Project):
        self._project = project

    def is_set(self, node: ast.AST | None, scope: Scope, depth: int = _DEEPEST) -> bool:
        if node is None or not depth:
            return False
        if isinstance(node, (ast.Set, ast.SetComp)):
            return True
        if isinstance(node, ast.Call):
            return self._call(node, scope, depth)
        if isinstance(node, ast.BinOp) and isinstance(node.op, _SET_OPERATORS):
            sides = (node.left, node.right)
            return any(self.is_set(one, scope, depth - 1) or _is_view(one) for one in sides)
        if isinstance(node, ast.IfExp):
            return any(self.is_set(one, scope, depth - 1) for one in (node.body, node.orelse))
        if isinstance(node, ast.NamedExpr):
            return self.is_set(node.value, scope, depth - 1)
        if isinstance(node, ast.Name):
            return self._name(node.id, scope, depth)
        return isinstance(node, ast.Attribute) and self._constant(scope.dotted(node), depth)

    def _call(self, node: ast.Call, scope: Scope, depth: int) -> bool:
        if scope.dotted(node.func) in ("builtins.set", "builtins.frozenset"):
            return True
        return (
            isinstance(node.func, ast.Attribute)
            and node.func.attr in _SET_METHODS
            and self.is_set(node.func.value, scope, depth - 1)
        )

    def _name(self, name: str, scope: Scope, depth: int) -> bool:
        owner = scope.owner_of(name)
        if owner is None:
            bound = scope.module.names.get(name)
            if isinstance(bound, ast.expr):
                return self.is_set(bound, Scope(scope.module, ast.Module([], [])), depth - 1)
            return isinstance(bound, str) and self._constant(bound, depth)
        if name in owner.imports:
            return self._constant(owner.imports[name], depth)
        if name in owner.annotations:
            return _means_set(owner.annotations[name])
        values = owner.values[name]
        return bool(values) and all(self.is_set(one, owner, depth - 1) for one in values)

    def _constant(self, dotted: str | None, depth: int) -> bool:
        found_at = self._project.definition(dotted) if dotted else None
        if found_at is None or not isinstance(found_at.node, ast.expr):
            return False
        return self.is_set(found_at.node, Scope(found_at.module, ast.Module([], [])), depth - 1)


def _is_view(node: ast.AST) -> bool:
    return isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in _VIEWS


def _means_set(annotation: ast.expr) -> bool:
    base = annotation.value if isinstance(annotation, ast.Subscript) else annotation
    name = base.attr if isinstance(base, ast.Attribute) else getattr(base, "id", "")
    return name in _ANNOTATIONS
