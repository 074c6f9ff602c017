"""One sign-in by one's own word."""

from __future__ import annotations

import re
import secrets

from pydantic.dataclasses import dataclass

from invoicing.records.base import Moment

_ID = re.compile(r"[0-9a-f]{24}")


@dataclass(frozen=True)
class Session:
    """One sign-in: its id (24 hex digits), and when its cookie is good no more."""

    id: str
    ends: Moment

    @classmethod
    def begin(cls, ends: Moment) -> Session:
        """A new one, which nobody can guess."""
        return cls(secrets.token_hex(12), ends)


def is_session_id(text: str) -> bool:
    """Say whether a text has the form of a session's id."""
    return _ID.fullmatch(text) is not None
