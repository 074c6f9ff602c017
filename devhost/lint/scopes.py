"""What names stand for inside of a function: imports, aliases, parameters and local values."""

from __future__ import annotations

import ast
import builtins
from collections.abc import Iterator

from devhost.lint.project import FunctionNode, Module, imported

__all__ = ["Scope", "Unit", "body_nodes", "nodes_of"]

_BUILTINS = frozenset(dir(builtins))
_DEEPEST = 12
_FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)


def nodes_of(function: ast.AST, *, nested: bool = True) -> Iterator[ast.AST]:
    """Return the nodes of a function's body; annotations and decorators are left out, they run elsewhere.

    Without ``nested`` the bodies of functions and classes inside of it are left out too.
    """
    for part in body_nodes(function):
        yield from _walk(part, nested)


def body_nodes(function: ast.AST) -> list[ast.AST]:
    """Return the statements of a function, or the expression of a lambda."""
    body = getattr(function, "body", [])
    return list(body) if isinstance(body, list) else [body]


def _walk(node: ast.AST, nested: bool) -> Iterator[ast.AST]:
    yield node
    if isinstance(node, (*_FUNCTIONS, ast.ClassDef)):
        if nested:
            for part in body_nodes(node):
                yield from _walk(part, nested)
        return
    for name, value in ast.iter_fields(node):
        if name == "annotation":
            continue
        for child in value if isinstance(value, list) else [value]:
            if isinstance(child, ast.AST):
                yield from _walk(child, nested)


class Scope:
    """The names of one function, and of those around it."""

    def __init__(
        self, module: Module, node: ast.AST, outer: Scope | None = None, self_type: str | None = None
    ):
        self.module = module
        self.outer = outer
        self.values: dict[str, list[ast.expr | None]] = {}
        self.annotations: dict[str, ast.expr] = {}
        self.imports: dict[str, str] = {}
        self.globals: set[str] = set()
        self._self: tuple[str, str] | None = None
        self._parameters(node, self_type)
        for one in nodes_of(node, nested=False):
            self._bind(one)
        for name in self.globals:
            self.values.pop(name, None)

    def _parameters(self, node: ast.AST, self_type: str | None) -> None:
        arguments = getattr(node, "args", None)
        if not isinstance(arguments, ast.arguments):
            return
        listed = [*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs]
        for one in [*listed, *filter(None, (arguments.vararg, arguments.kwarg))]:
            self.values[one.arg] = [None]
            if one.annotation is not None and one in listed:
                self.annotations[one.arg] = one.annotation
        if self_type and listed:
            self._self = (listed[0].arg, self_type)

    def _bind(self, node: ast.AST) -> None:
        if isinstance(node, (ast.Import, ast.ImportFrom)):
            self.imports.update(imported(node, self.module))
        elif isinstance(node, ast.Global):
            self.globals.update(node.names)
        elif isinstance(node, (*_FUNCTIONS[:2], ast.ClassDef)):
            self.values.setdefault(node.name, []).append(None)
        elif (
            isinstance(node, ast.Assign) and len(node.targets) == 1 and isinstance(node.targets[0], ast.Name)
        ):
            self.values.setdefault(node.targets[0].id, []).append(node.value)
        elif isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
            self.annotations[node.target.id] = node.annotation
            self.values.setdefault(node.target.id, []).append(node.value)
        elif isinstance(node, ast.NamedExpr):
            self.values.setdefault(node.target.id, []).append(node.value)
        else:
            self._bind_others(node)

    def _bind_others(self, node: ast.AST) -> None:
        targets: list[ast.expr] = []
        if isinstance(node, ast.Assign):
            targets = node.targets
        elif isinstance(node, (ast.For, ast.AsyncFor, ast.comprehension)):
            targets = [node.target]
        elif isinstance(node, (ast.With, ast.AsyncWith)):
            targets = [one.optional_vars for one in node.items if one.optional_vars is not None]
        elif isinstance(node, ast.ExceptHandler) and node.name:
            self.values.setdefault(node.name, []).append(None)
        for target in targets:
            for one in ast.walk(target):
                if isinstance(one, ast.Name) and isinstance(one.ctx, ast.Store):
                    self.values.setdefault(one.id, []).append(None)

    # -- looking up

    def owner_of(self, name: str) -> Scope | None:
        """Return the function scope that binds a name, None when it comes from the module or from Python."""
        scope: Scope | None = self
        while scope is not None:
            if name in scope.globals:
                return None
            if name in scope.values or name in scope.imports:
                return scope
            scope = scope.outer
        return None

    def dotted(self, node: ast.AST | None, depth: int = _DEEPEST) -> str | None:
        """Return what an expression stands for, None when that is not known.

        ``datetime.datetime.now`` for an attribute however it was imported, ``pathlib.Path()`` for an
        instance.
        """
        if node is None or not depth:
            return None
        if isinstance(node, ast.Name):
            return self._name(node.id, depth)
        if isinstance(node, ast.Attribute):
            base = self.dotted(node.value, depth - 1)
            return f"{base}.{node.attr}" if base else None
        if isinstance(node, ast.Call):
            called = self.dotted(node.func, depth - 1)
            return f"{called}()" if called else None
        if isinstance(node, (ast.Await, ast.NamedExpr)):
            return self.dotted(node.value, depth - 1)
        if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Div):
            left = self.dotted(node.left, depth - 1)
            return left if left and left.startswith("pathlib.") else None
        return None

    def _name(self, name: str, depth: int) -> str | None:
        scope = self.owner_of(name)
        if scope is not None:
            return scope._local(name, depth)
        bound = self.module.names.get(name)
        if isinstance(bound, str):
            return bound
        if isinstance(bound, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
            return f"{self.module.name}.{name}"
        if bound is not None:
            return Scope(self.module, ast.Module([], [])).dotted(bound, depth - 1)
        return f"builtins.{name}" if name in _BUILTINS and name not in self.module.names else None

    def _local(self, name: str, depth: int) -> str | None:
        if name in self.imports:
            return self.imports[name]
        if self._self is not None and name == self._self[0]:
            return f"{self._self[1]}()"
        values = self.values[name]
        if name in self.annotations and values[0] is None:
            kind = self.dotted(self.annotations[name], depth - 1)
            return f"{kind}()" if kind else None
        return self.dotted(values[0], depth - 1) if len(values) == 1 else None


class Unit:
    """One function to check: its nodes, each with its scope and the node around it."""

    def __init__(self, module: Module, node: FunctionNode, owner: ast.ClassDef | None = None):
        self.module = module
        self.node = node
        self_type = f"{module.name}.{owner.name}" if owner is not None else None
        self.scope = Scope(module, node, self_type=self_type)
        self.nodes: list[ast.AST] = []
        self._scopes: dict[ast.AST, Scope] = {}
        self._parents: dict[ast.AST, ast.AST] = {}
        for part in node.body:
            self._take(part, node, self.scope)

    def _take(self, node: ast.AST, parent: ast.AST, scope: Scope) -> None:
        self.nodes.append(node)
        self._scopes[node] = scope
        self._parents[node] = parent
        if isinstance(node, _FUNCTIONS):
            inner = Scope(self.module, node, scope)
            for part in body_nodes(node):
                self._take(part, node, inner)
            return
        for name, value in ast.iter_fields(node):
            if name in ("annotation", "decorator_list"):
                continue
            for child in value if isinstance(value, list) else [value]:
                if isinstance(child, ast.AST):
                    self._take(child, node, scope)

    def scope_of(self, node: ast.AST) -> Scope:
        """Return the scope in which a node runs."""
        return self._scopes[node]

    def dotted(self, node: ast.AST) -> str | None:
        """Return what an expression of this function stands for."""
        return self._scopes.get(node, self.scope).dotted(node)

    def parent(self, node: ast.AST) -> ast.AST:
        """Return the node around a node."""
        return self._parents[node]

    def ancestors(self, node: ast.AST) -> Iterator[ast.AST]:
        """Return the nodes around a node, the nearest first, up to the function or lambda that it is in."""
        while node in self._parents:
            node = self._parents[node]
            yield node
            if isinstance(node, _FUNCTIONS):
                return
