"""All operations and records of the API, out of every module of this package that has some."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path
from pkgutil import iter_modules
from types import ModuleType

from invoicing.records.answers.common import Error
from invoicing.records.base import Record
from triggers.api_description.schemas import Part


def _subjects() -> list[ModuleType]:
    folder = str(Path(__file__).parent)
    names = sorted(found.name for found in iter_modules([folder]) if found.name != "whole")
    modules = [import_module(f"{__package__}.{name}") for name in names]
    return [module for module in modules if hasattr(module, "PATHS")]


_SUBJECTS = _subjects()

PATHS: Part = {path: operations for subject in _SUBJECTS for path, operations in subject.PATHS.items()}

ANSWERS: tuple[type[Record], ...] = (
    Error,
    *(record for subject in _SUBJECTS for record in subject.ANSWERS),
)
"""All that is answered as JSON, but for the description itself."""

BODIES: tuple[type[Record], ...] = tuple(record for subject in _SUBJECTS for record in subject.BODIES)
"""All that is taken as JSON."""
