"""Lint: the orchestrators of a set of files."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from devhost.lint.rules import Finding

__all__ = ["UnusablePath", "lint"]


class UnusablePath(Exception):
    """A path that cannot be linted."""


def lint(paths: Sequence[Path] | None = None) -> list[Finding]:
    """Interim."""
    return []
