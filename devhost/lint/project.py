"""The files of a project as modules: what each name of a module stands for, and where a dotted name is
defined.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

__all__ = ["Definition", "FunctionNode", "Module", "Project"]

FunctionNode = ast.FunctionDef | ast.AsyncFunctionDef
_MARKS = ("host.json", "function_app.py", "pyproject.toml", ".git")
_LONGEST_CHAIN = 8


@dataclass(eq=False)
class Module:
    """One parsed file. ``names`` has what its top level binds.

    A dotted name for an import, a node for a function or class, an expression for a value that is assigned
    once, and None for what is assigned otherwise.
    """

    path: Path
    name: str
    is_package: bool
    source: str
    tree: ast.Module
    names: dict[str, str | FunctionNode | ast.ClassDef | ast.expr | None] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for statement in _flat(self.tree.body):
            self._bind(statement)

    def _bind(self, statement: ast.stmt) -> None:
        if isinstance(statement, (ast.Import, ast.ImportFrom)):
            self.names.update(imported(statement, self))
        elif isinstance(statement, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
            self.names[statement.name] = statement
        elif isinstance(statement, (ast.Assign, ast.AnnAssign)):
            targets = statement.targets if isinstance(statement, ast.Assign) else [statement.target]
            for target in targets:
                if isinstance(target, ast.Name):
                    self.names[target.id] = None if target.id in self.names else statement.value


@dataclass(frozen=True)
class Definition:
    """Where something is defined: a function (with its class, for a method), a class, or the value of a
    name.
    """

    module: Module
    node: ast.AST
    owner: ast.ClassDef | None = None


def _flat(body: Iterable[ast.stmt]) -> Iterable[ast.stmt]:
    """Return the statements of a top level, those under if and try included."""
    for statement in body:
        yield statement
        if isinstance(statement, (ast.If, ast.Try, ast.With)):
            for part in ("body", "orelse", "finalbody"):
                yield from _flat(getattr(statement, part, []))
            for handler in getattr(statement, "handlers", []):
                yield from _flat(handler.body)


def imported(statement: ast.Import | ast.ImportFrom, module: Module) -> dict[str, str]:
    """Return the names that an import statement binds, each with its dotted name."""
    if isinstance(statement, ast.Import):
        return {
            one.asname or one.name.partition(".")[0]: one.name if one.asname else one.name.partition(".")[0]
            for one in statement.names
        }
    base = statement.module or ""
    if statement.level:
        parts = module.name.split(".")
        kept = len(parts) - statement.level + module.is_package
        base = ".".join([*parts[: max(kept, 0)], *([base] if base else [])])
    return {one.asname or one.name: f"{base}.{one.name}" if base else one.name for one in statement.names}


class Project:
    """The modules below a few root folders, parsed as they are needed."""

    def __init__(self, paths: Iterable[Path]):
        self.roots: list[Path] = []
        for path in paths:
            for root in _roots_of(path.resolve()):
                if root not in self.roots:
                    self.roots.append(root)
        self._modules: dict[Path, Module | None] = {}
        self._by_name: dict[str, Module | None] = {}

    def load(self, path: Path) -> Module:
        """Parse a file. Raises SyntaxError, UnicodeDecodeError or OSError."""
        path = path.resolve()
        known = self._modules.get(path)
        if known is not None:
            return known
        source = path.read_bytes()
        tree = ast.parse(source, str(path))
        is_package = path.name == "__init__.py"
        module = Module(path, self._name(path), is_package, source.decode("utf-8-sig"), tree)
        self._modules[path] = module
        return module

    def _name(self, path: Path) -> str:
        inside = [root for root in self.roots if path.is_relative_to(root)]
        relative = path.relative_to(inside[0] if inside else path.parent).with_suffix("")
        parts = relative.parts[:-1] if path.name == "__init__.py" else relative.parts
        return ".".join(parts)

    def module(self, dotted: str) -> Module | None:
        """Return a module of the project by its dotted name, None when there is none that can be parsed."""
        if dotted not in self._by_name:
            path = self._file(dotted)
            self._by_name[dotted] = self._loaded(path) if path is not None else None
        return self._by_name[dotted]

    def _file(self, dotted: str) -> Path | None:
        parts = dotted.split(".")
        if not all(part.isidentifier() for part in parts):
            return None  # "Class()" is no file, nor is a module without a name
        inner = Path(*parts)
        paths = (
            path
            for root in self.roots
            for path in (root / inner.with_suffix(".py"), root / inner / "__init__.py")
        )
        return next((path for path in paths if path.is_file()), None)

    def _loaded(self, path: Path) -> Module | None:
        if path not in self._modules:
            try:
                self.load(path)
            except (SyntaxError, ValueError, OSError):
                self._modules[path] = None
        return self._modules[path]

    def definition(self, dotted: str, hops: int = _LONGEST_CHAIN) -> Definition | None:
        """Return where a dotted name of the project is defined; imports of other modules are followed.

        ``package.module.Class().method`` is a method.
        """
        parts = dotted.split(".")
        for length in range(len(parts) - 1, 0, -1):
            module = self.module(".".join(parts[:length]))
            if module is not None:
                return self._inside(module, parts[length:], hops)
        return None

    def _inside(self, module: Module, parts: list[str], hops: int) -> Definition | None:
        first, *rest = parts
        bound = module.names.get(first.removesuffix("()"))
        if isinstance(bound, str):
            instance = "()" if first.endswith("()") else ""
            return self.definition(".".join([bound + instance, *rest]), hops - 1) if hops else None
        if isinstance(bound, ast.ClassDef) and rest:
            return self._method(module, bound, rest)
        return Definition(module, bound) if bound is not None and not rest else None

    def _method(self, module: Module, owner: ast.ClassDef, rest: list[str]) -> Definition | None:
        for one in owner.body:
            if isinstance(one, (ast.FunctionDef, ast.AsyncFunctionDef)) and [one.name] == rest:
                return Definition(module, one, owner)
        return None


def _roots_of(path: Path) -> list[Path]:
    """Return the folders from which modules near ``path`` may be imported: the project's, then its own."""
    folder = path if path.is_dir() else path.parent
    project = next(
        (one for one in (folder, *folder.parents) if any((one / mark).exists() for mark in _MARKS)), None
    )
    own = folder
    while (own / "__init__.py").exists():
        own = own.parent
    return [*([project] if project else []), own]
