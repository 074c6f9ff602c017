"""An Azurite of its own for each side: one that is full of another's blobs answers more slowly."""

from __future__ import annotations

import contextlib
import tempfile
from collections.abc import Iterator
from pathlib import Path

from devtools import azurite
from devtools.project import Project


@contextlib.contextmanager
def fresh(name: str) -> Iterator[str]:
    """Start an empty Azurite; yields its connection string. `name` is that of its log."""
    with (
        tempfile.TemporaryDirectory(prefix="settle-bench-", ignore_cleanup_errors=True) as folder,
        azurite.start(
            Project.here(), preferred=azurite.ANY_PORTS, data=Path(folder), log=f"bench-{name}"
        ) as storage,
    ):
        yield storage.connection_string
