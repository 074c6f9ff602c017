"""Sign-ins by one's own word that were ended: a cookie that somebody kept is worth nothing afterwards.

A mark in the storage, which every process sees, says that a session has ended. It is kept for as long as the
cookie would have been good.
"""

from __future__ import annotations

from datetime import UTC, datetime

from invoicing.records.session import Session
from stores.blobs import Blobs

PREFIX = "sign-outs/"
# Old marks that one sign-out takes away: more than one is added.
_MOST_REMOVED = 20


class Sessions:
    """Which sessions were ended, as the storage knows it. Each call asks the storage."""

    def __init__(self, blobs: Blobs) -> None:
        self._blobs = blobs

    def has_ended(self, session: Session) -> bool:
        """Say whether somebody signed out of it. Raises StorageError."""
        return self._blobs.exists(mark_of(session))

    def end(self, session: Session, now: datetime | None = None) -> None:
        """End a session for good. Raises StorageError: then it has not ended."""
        self._blobs.write(mark_of(session), b"")
        past = _beginning(now or datetime.now(UTC))
        for blob in self._blobs.page(PREFIX, _MOST_REMOVED, None).blobs:
            if blob.name < past:
                self._blobs.delete(blob.name)


def mark_of(session: Session) -> str:
    """The blob that says that it has ended; the names sort by when they can be taken away."""
    return f"{_beginning(session.ends)}-{session.id}"


def _beginning(moment: datetime) -> str:
    return f"{PREFIX}{int(moment.timestamp()):012d}"
