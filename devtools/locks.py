"""One command at a time where two would spoil each other's files."""

import fcntl
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

_LONGEST_TEXT = 4096
_held: list[int] = []


def held() -> list[int]:
    """The descriptors of the locks that this process holds.

    The guards of programs inherit them: when this process is killed, a lock lasts until the programs which
    were started under it have ended too.
    """
    return list(_held)


def is_free(file: Path) -> bool:
    """Whether nobody holds the lock on ``file`` now."""
    return holder(file) is None


def holder(file: Path) -> str | None:
    """The text that the holder of the lock left in ``file``; None where nobody holds it.

    A look changes nothing: the text stays, and a file that is not there is not made.
    """
    try:
        descriptor = os.open(file, os.O_RDONLY)
    except FileNotFoundError:
        return None
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return os.read(descriptor, _LONGEST_TEXT).decode("utf-8", "replace")
    else:
        return None
    finally:
        os.close(descriptor)


@contextmanager
def exclusive(file: Path, *, when_taken: Callable[[str], None], text: str = "") -> Iterator[None]:
    """Hold the lock on ``file`` for the block; the system lets go of it however this process ends.

    When another process holds it, ``when_taken`` is called with the text which that process left there. If it
    returns, this waits for the other process; it may raise instead.
    """
    file.parent.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(file, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            when_taken(os.read(descriptor, _LONGEST_TEXT).decode("utf-8", "replace"))
            fcntl.flock(descriptor, fcntl.LOCK_EX)
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, text.encode(), 0)
        _held.append(descriptor)
        yield
    finally:
        if descriptor in _held:
            _held.remove(descriptor)
        os.close(descriptor)
