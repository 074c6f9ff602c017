"""A file that a person writes and a setting names: read when it is needed, parsed again when it changed."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path
from typing import Generic, TypeVar

Parsed = TypeVar("Parsed")


class ParsedFile(Generic[Parsed]):
    """Files of one kind. `setting`: what names them; `invalid`: made of problems, raised where there is none.

    `parse` raises the same error for what it cannot use.
    """

    def __init__(
        self, setting: str, parse: Callable[[bytes], Parsed], invalid: Callable[[list[str]], Exception]
    ) -> None:
        self._setting = setting
        self._parse = parse
        self._invalid = invalid
        self._lock = threading.Lock()
        self._parsed: dict[Path, tuple[bytes, Parsed]] = {}

    def load(self, path: Path) -> Parsed:
        """What a file says now. Raises `invalid`, also where there is no such file."""
        try:
            data = path.read_bytes()
        except OSError as error:
            reason = error.strerror or type(error).__name__
            problem = f"{path.name} cannot be read ({reason}): set {self._setting} to the file"
            raise self._invalid([problem]) from error
        with self._lock:
            known = self._parsed.get(path)
            if known is None or known[0] != data:
                known = self._parsed[path] = (data, self._parse(data))
            return known[1]
