"""Files that only their owner may read: keys, connection strings, logs, and what people sent in."""

import contextlib
import os
from pathlib import Path
from typing import IO

_OWNER_ONLY, _FOLDER, _OTHERS = 0o600, 0o700, 0o077
#: What programs that are started here may not give to others: nothing.
UMASK = 0o077


def folder(path: Path) -> None:
    """Make one of our own folders that only its owner may enter, and take the rights of others to it."""
    path.mkdir(mode=_FOLDER, parents=True, exist_ok=True)
    mode = path.stat().st_mode
    if mode & _OTHERS:
        path.chmod(mode & ~_OTHERS & 0o7777)


def open_new(file: Path) -> IO[bytes]:
    """Open an empty file for writing; one that is there is emptied, and no longer for others to read."""
    descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, _OWNER_ONLY)
    os.fchmod(descriptor, _OWNER_ONLY)
    return os.fdopen(descriptor, "wb")


def write(file: Path, text: str) -> None:
    """Write a file as a whole, over an older one: who reads it meanwhile sees one of the two."""
    file.parent.mkdir(parents=True, exist_ok=True)
    half = file.with_name(f"{file.name}.{os.getpid()}.half")
    with contextlib.suppress(FileNotFoundError):
        half.unlink()
    try:
        _write_new(half, text)
        half.replace(file)
    finally:
        half.unlink(missing_ok=True)


def _write_new(file: Path, text: str) -> None:
    # The mode is that of the file from its first moment: there is no time in which others may open it.
    descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, _OWNER_ONLY)
    with os.fdopen(descriptor, "w", encoding="utf-8") as stream:
        stream.write(text)
        stream.flush()
        os.fsync(stream.fileno())
