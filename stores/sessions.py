"""Sign-ins by one's own word that were ended: a cookie that somebody kept is worth nothing afterwards.

A mark in the storage, which every process sees, says that a session has ended. It is kept for as long as the
cookie would have been good.
"""

from __future__ import annotations

import re
import secrets
from dataclasses import dataclass
from datetime import UTC, datetime

from stores.blobs import Blobs

PREFIX = "sign-outs/"
_ID = re.compile(r"[0-9a-f]{24}")
# Old marks that one sign-out takes away: more than one is added.
_MOST_REMOVED = 20


@dataclass(frozen=True)
class Session:
    """One sign-in: its id (24 hex digits), and when its cookie is good no more."""

    id: str
    ends: datetime

    @classmethod
    def begin(cls, ends: datetime) -> Session:
        """A new one, which nobody can guess."""
        return cls(secrets.token_hex(12), ends)

    @property
    def mark(self) -> str:
        """The blob that says that it has ended; the names sort by when they can be taken away."""
        return f"{PREFIX}{int(self.ends.timestamp()):012d}-{self.id}"


def is_session_id(text: str) -> bool:
    """Say whether a text has the form of a session's id."""
    return _ID.fullmatch(text) is not None


class Sessions:
    """Which sessions were ended, as the storage knows it. Each call asks the storage."""

    def __init__(self, blobs: Blobs) -> None:
        self._blobs = blobs

    def has_ended(self, session: Session) -> bool:
        """Say whether somebody signed out of it. Raises StorageError."""
        return self._blobs.exists(session.mark)

    def end(self, session: Session, now: datetime | None = None) -> None:
        """End a session for good. Raises StorageError: then it has not ended."""
        self._blobs.write(session.mark, b"")
        past = f"{PREFIX}{int((now or datetime.now(UTC)).timestamp()):012d}"
        for blob in self._blobs.page(PREFIX, _MOST_REMOVED, None).blobs:
            if blob.name < past:
                self._blobs.delete(blob.name)
