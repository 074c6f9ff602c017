"""Files that hold state or keys: readable by their owner only, whatever the umask is."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path

__all__ = ["make_private", "make_private_folder", "write_private"]

_FILE, _FOLDER, _OTHERS = 0o600, 0o700, 0o077


def make_private_folder(folder: Path) -> None:
    """Make a folder that only its owner may enter. One that is there stays as it is: it may be /tmp."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    folder.mkdir(mode=_FOLDER, exist_ok=True)  # a file of that name is an error, a folder is none


def make_private(path: Path) -> None:
    """Make an empty file that only its owner may open, or take the rights of others to one that is there.

    A file that is there is not opened: SQLite's locks on it would be lost when it is closed.
    """
    try:
        os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, _FILE))
    except FileExistsError:
        mode = path.stat().st_mode
        if path.is_file() and mode & _OTHERS:
            with contextlib.suppress(PermissionError):  # it is somebody else's, and theirs to guard
                path.chmod(mode & ~_OTHERS & 0o7777)


def write_private(path: Path, text: str) -> None:
    """Write a whole file; who reads it meanwhile sees the old one or the new one."""
    draft = path.with_name(f"{path.name}.{os.getpid()}")
    draft.unlink(missing_ok=True)
    make_private(draft)
    draft.write_text(text, encoding="utf-8")
    draft.replace(path)
