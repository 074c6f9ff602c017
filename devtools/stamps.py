"""Remembering what a folder was made from, so that it is made again only when that changed.

The stamp lies inside the folder that it speaks of: who deletes the folder deletes the stamp. It is written
last and in one move, so a folder whose making was interrupted never counts as whole.
"""

import hashlib
import json
import os
from collections.abc import Iterable, Mapping
from pathlib import Path

NAME = ".settle-setup.json"


def fingerprint(files: Iterable[Path]) -> str:
    """One SHA-256 over the content of files, in their order."""
    digest = hashlib.sha256()
    for file in files:
        digest.update(hashlib.sha256(file.read_bytes()).digest())
    return digest.hexdigest()


class Stamp:
    """The stamp of one folder: a small JSON object of strings."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._file = folder / NAME

    def read(self) -> dict[str, str]:
        """What the folder was made from; empty when it was never finished."""
        try:
            content = json.loads(self._file.read_text("utf-8"))
        except (FileNotFoundError, NotADirectoryError, json.JSONDecodeError):
            return {}
        return content if isinstance(content, dict) and "unfinished" not in content else {}

    @property
    def unfinished(self) -> bool:
        """Whether the folder was begun and never finished."""
        return self._file.exists() and not self.read()

    def begin(self) -> None:
        """From now on the folder is unfinished."""
        self._folder.mkdir(parents=True, exist_ok=True)
        self._write({"unfinished": "true"})

    def finish(self, content: Mapping[str, str]) -> None:
        """The folder is whole and was made from this."""
        self._write(content)

    def _write(self, content: Mapping[str, str]) -> None:
        draft = self._file.with_suffix(".draft")
        draft.write_text(json.dumps(dict(content), indent=2) + "\n", "utf-8")
        os.replace(draft, self._file)
