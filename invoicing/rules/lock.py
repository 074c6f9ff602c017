"""The lock file of the official rules: which files, out of which package, with which hash.

Standard library only, no import of the rest: the development command reads it before any package is there.

    [[package]]
    name = "factur-x"                    # on PyPI
    version = "7.8"
    wheel = "factur_x-7.8-py3-none-any.whl"
    sha256 = "..."                       # of the wheel

    [[package.file]]
    source = "facturx/..."               # path inside the wheel
    target = "ubl/maindoc/..."           # path below the rules folder
    sha256 = "..."                       # of the file
"""

from __future__ import annotations

import hashlib
import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any, cast

Table = Mapping[str, object]
"""A table of the file, before it is looked at."""

_SHA256 = re.compile(r"[0-9a-f]{64}")


class BadLock(ValueError):
    """The lock file is missing or not of the form above; the message says where."""


@dataclass(frozen=True)
class LockedFile:
    """One file: its path inside the wheel, its path below the rules folder, and its SHA-256."""

    source: str
    target: str
    sha256: str


@dataclass(frozen=True)
class LockedPackage:
    """One wheel and the files that are taken out of it."""

    name: str
    version: str
    wheel: str
    sha256: str
    files: tuple[LockedFile, ...]


@dataclass(frozen=True)
class Lock:
    """The whole lock file."""

    packages: tuple[LockedPackage, ...]

    @property
    def files(self) -> tuple[LockedFile, ...]:
        """All files of all packages."""
        return tuple(file for package in self.packages for file in package.files)


def default_lock_path() -> Path:
    """Return the path of ``rules.lock`` at the root of the project."""
    return Path(__file__).resolve().parents[2] / "rules.lock"


def load_lock(path: Path) -> Lock:
    """Read a lock file; raises `BadLock`."""
    try:
        data = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise BadLock(f"Cannot read {path}: {error}") from error
    packages: Any = data.get("package")
    if not isinstance(packages, list) or not packages:
        raise BadLock(f"{path} names no [[package]].")
    return Lock(tuple(_package(entry) for entry in cast(list[Table], packages)))


def verify(folder: Path, lock: Lock) -> list[str]:
    """Compare the files of a rules folder with the lock: returns one line per problem, so none is good."""
    return [problem for file in lock.files if (problem := _problem(folder / file.target, file))]


def _problem(path: Path, file: LockedFile) -> str | None:
    try:
        content = path.read_bytes()
    except OSError:
        return f"{file.target} is missing"
    if hashlib.sha256(content).hexdigest() != file.sha256:
        return f"{file.target} is not the file that rules.lock names (its SHA-256 differs)"
    return None


def _package(entry: Table) -> LockedPackage:
    name = _text(entry, "name", "package")
    tables = cast(list[Table], entry.get("file", []))
    files = tuple(_file(file, name) for file in tables)
    if not files:
        raise BadLock(f"Package {name} in rules.lock names no [[package.file]].")
    return LockedPackage(
        name=name,
        version=_text(entry, "version", name),
        wheel=_text(entry, "wheel", name),
        sha256=_sha256(entry, name),
        files=files,
    )


def _file(entry: Table, package: str) -> LockedFile:
    target = _text(entry, "target", package)
    path = PurePosixPath(target)
    if path.is_absolute() or ".." in path.parts:
        raise BadLock(f"The target {target} of {package} leads out of the rules folder.")
    return LockedFile(_text(entry, "source", package), target, _sha256(entry, target))


def _text(entry: Table, key: str, where: str) -> str:
    value = entry.get(key)
    if not isinstance(value, str) or not value:
        raise BadLock(f"{where} in rules.lock has no {key}.")
    return value


def _sha256(entry: Table, where: str) -> str:
    value = _text(entry, "sha256", where)
    if not _SHA256.fullmatch(value):
        raise BadLock(f"The sha256 of {where} in rules.lock is not 64 lower-case hex digits.")
    return value
