"""Files that only their owner may read: keys, and connection strings that hold keys."""

import contextlib
import os
from pathlib import Path

_OWNER_ONLY = 0o600


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
