"""Findings with their places."""

from __future__ import annotations

import ast
from pathlib import Path

from devhost.lint.project import Module
from devhost.lint.rules import Finding
from devhost.lint.scopes import Unit

__all__ = ["found", "found_in", "shown"]


def shown(path: Path) -> str:
    """Return a path as it is printed: relative to this folder if it is inside."""
    return str(path.relative_to(Path.cwd())) if path.is_relative_to(Path.cwd()) else str(path)


def found(unit: Unit, node: ast.AST, rule_id: str, what: str) -> Finding:
    """Make a finding at a node of a function."""
    return found_in(unit.module, node, rule_id, what)


def found_in(module: Module, node: ast.AST, rule_id: str, what: str) -> Finding:
    """Make a finding at a node of a module."""
    line, column = getattr(node, "lineno", 1), getattr(node, "col_offset", 0)
    # A comment at the end of a loop does not speak of its first line.
    last = line if hasattr(node, "body") else getattr(node, "end_lineno", None) or line
    return Finding(shown(module.path), line, column + 1, rule_id, what, last)
