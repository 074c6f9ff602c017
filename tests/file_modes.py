"""Who may open a file, for tests of files that are their owner's alone."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def generous_umask() -> Iterator[None]:
    """An umask that gives everything to everybody."""
    before = os.umask(0)
    try:
        yield
    finally:
        os.umask(before)


def mode_of(path: Path) -> str:
    """The permissions of a file, like `0o600`."""
    return oct(stat.S_IMODE(path.stat().st_mode))
