"""Lint: find the orchestrators in files, follow them into their helpers, and apply the rules."""

from __future__ import annotations

import ast
from collections import deque
from collections.abc import Iterator, Sequence
from pathlib import Path

from devhost.lint.calls import check_calls
from devhost.lint.flow import check_async, check_catching
from devhost.lint.places import shown
from devhost.lint.project import FunctionNode, Module, Project
from devhost.lint.rules import Finding
from devhost.lint.scopes import Scope, Unit
from devhost.lint.sets import check_sets
from devhost.lint.state import check_state
from devhost.lint.suppress import Allowed, allowed_in
from devhost.lint.tasks import check_tasks, check_timers
from devhost.lint.waits import check_waits

__all__ = ["MAX_DEPTH", "UnusablePath", "lint"]

#: How many calls deep helpers are followed.
MAX_DEPTH = 10
_SKIPPED = frozenset(("node_modules", "__pycache__", "site-packages", "venv", "env", "build", "dist"))
_CREATE = (
    "azure.durable_functions.Orchestrator.create",
    "azure.durable_functions.orchestrator.Orchestrator.create",
)


class UnusablePath(Exception):
    """A path that cannot be linted; the text says why."""


def lint(paths: Sequence[Path] | None = None) -> list[Finding]:
    """Return the findings in the orchestrators of files and folders, by place.

    Without ``paths``: this folder, without its tests. Helpers that orchestrators call are followed into other
    files of the project. Activities, entities and other code are not checked. Raises UnusablePath.
    """
    given = [Path.cwd()] if paths is None else list(paths)
    files = [file for path in given for file in _files(path, skip_tests=paths is None)]
    return _Linter(Project([*given, *files[:1]]), files).run()


def _files(path: Path, *, skip_tests: bool) -> list[Path]:
    if not path.exists():
        raise UnusablePath(f"There is no {path}.")
    if not path.is_dir():
        return [path]
    skipped = _SKIPPED | {"tests"} if skip_tests else _SKIPPED
    return sorted(_below(path, skipped))


def _below(folder: Path, skipped: frozenset[str]) -> Iterator[Path]:
    for one in sorted(folder.iterdir()):
        if one.is_dir():
            hidden = one.name.startswith(".") or one.name in skipped or (one / "pyvenv.cfg").exists()
            if not hidden and not one.is_symlink():
                yield from _below(one, skipped)
        elif one.suffix == ".py":
            yield one


class _Linter:
    """One run over a set of files."""

    def __init__(self, project: Project, files: Sequence[Path]):
        self._project = project
        self._files = files
        self._units: dict[ast.AST, Unit] = {}
        self._allowed: dict[Path, Allowed] = {}
        self._found: dict[tuple[str, int, int, str], tuple[Module, Finding]] = {}
        self._broken: list[Finding] = []

    def run(self) -> list[Finding]:
        """Return the findings that are not suppressed."""
        for file in self._files:
            module = self._loaded(file)
            if module is None:
                continue
            self._suppressions(module)
            for node in _orchestrators(module):
                self._check_orchestrator(module, node)
        kept = [one for module, one in self._found.values() if not self._suppressions(module).covers(one)]
        unfounded = [one for allowed in self._allowed.values() for one in allowed.findings]
        return sorted([*kept, *unfounded, *self._broken])

    def _loaded(self, file: Path) -> Module | None:
        try:
            return self._project.load(file)
        except (SyntaxError, ValueError, OSError) as error:
            line = getattr(error, "lineno", None) or 1
            what = f"This cannot be read as Python: {getattr(error, 'msg', None) or error}."
            self._broken.append(Finding(shown(file.resolve()), line, 1, "DF016", what, line))
            return None

    def _suppressions(self, module: Module) -> Allowed:
        if module.path not in self._allowed:
            self._allowed[module.path] = allowed_in(module)
        return self._allowed[module.path]

    # -- one orchestrator

    def _check_orchestrator(self, module: Module, node: FunctionNode) -> None:
        orchestrator = self._unit(module, node)
        origin = f"orchestrator '{node.name}'"
        for finding in check_waits(orchestrator, self._project, self._called):
            self._note(orchestrator.module, finding, "")
        queue = deque([(orchestrator, 0)])
        reached = {node}
        while queue:
            unit, depth = queue.popleft()
            for finding in self._check_unit(unit):
                self._note(unit.module, finding, "" if unit is orchestrator else f" Reached from {origin}.")
            if depth < MAX_DEPTH:
                for helper in self._helpers(unit):
                    if helper.node not in reached:
                        reached.add(helper.node)
                        queue.append((helper, depth + 1))

    def _check_unit(self, unit: Unit) -> Iterator[Finding]:
        yield from check_calls(unit)
        yield from check_async(unit)
        yield from check_catching(unit)
        yield from check_sets(unit, self._project)
        yield from check_state(unit, self._project)
        yield from check_timers(unit)
        yield from check_tasks(unit, self._project)

    def _note(self, module: Module, finding: Finding, suffix: str) -> None:
        key = (finding.file, finding.line, finding.column, finding.rule_id)
        if key not in self._found:
            told = Finding(*key, f"{finding.what}{suffix}", finding.last_line)
            self._found[key] = (self._module_of(finding, module), told)

    def _module_of(self, finding: Finding, module: Module) -> Module:
        """A wait is found with its orchestrator, but may stand in the file of a helper."""
        if finding.file == shown(module.path):
            return module
        return next(unit.module for unit in self._units.values() if shown(unit.module.path) == finding.file)

    # -- helpers

    def _unit(self, module: Module, node: FunctionNode, owner: ast.ClassDef | None = None) -> Unit:
        if node not in self._units:
            self._units[node] = Unit(module, node, owner)
        return self._units[node]

    def _called(self, unit: Unit, call: ast.Call) -> Unit | None:
        return next(iter(self._defined(unit.dotted(call.func))), None)

    def _helpers(self, unit: Unit) -> Iterator[Unit]:
        """Return the functions of the project that a function names, whether it calls them or hands them
        on.
        """
        for node in unit.nodes:
            if isinstance(node, (ast.Name, ast.Attribute)) and isinstance(node.ctx, ast.Load):
                yield from self._defined(unit.dotted(node))

    def _defined(self, dotted: str | None) -> list[Unit]:
        definition = self._project.definition(dotted) if dotted else None
        if definition is None:
            return []
        node = definition.node
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            return [] if _is_trigger(node) else [self._unit(definition.module, node, definition.owner)]
        if isinstance(node, ast.ClassDef):
            return [
                self._unit(definition.module, one, node)
                for one in node.body
                if isinstance(one, ast.FunctionDef) and one.name in ("__init__", "__post_init__", "__new__")
            ]
        return []


def _decorators(node: FunctionNode) -> Iterator[str]:
    for one in node.decorator_list:
        called = one.func if isinstance(one, ast.Call) else one
        yield called.attr if isinstance(called, ast.Attribute) else getattr(called, "id", "")


def _is_trigger(node: FunctionNode) -> bool:
    """Tell whether a function is one of the app's: those run by themselves, whoever names them."""
    return any(name.endswith("_trigger") or name == "route" for name in _decorators(node))


def _orchestrators(module: Module) -> list[FunctionNode]:
    """Return the functions that are orchestrators: by decorator, or by Orchestrator.create(function)."""
    scope = Scope(module, ast.Module([], []))
    functions = [
        one for one in ast.walk(module.tree) if isinstance(one, (ast.FunctionDef, ast.AsyncFunctionDef))
    ]
    created = {
        one.args[0].id
        for one in ast.walk(module.tree)
        if isinstance(one, ast.Call)
        and one.args
        and isinstance(one.args[0], ast.Name)
        and scope.dotted(one.func) in _CREATE
    }
    return [
        one for one in functions if one.name in created or "orchestration_trigger" in set(_decorators(one))
    ]
