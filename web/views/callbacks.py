"""What the page of a run says of those who are told of its end."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from urllib.parse import urlsplit

from invoicing.records.callbacks import CallbackState, Subscription

#: State of a callback -> what people call it, and the look of its badge.
_STATES: dict[CallbackState, tuple[str, str]] = {
    "waiting": ("waits for the end", "busy"),
    "sending": ("is being told", "busy"),
    "delivered": ("was told", "good"),
    "cancelled": ("wants no more", "quiet"),
    "gone": ("is gone", "quiet"),
    "failed": ("was not told", "bad"),
}


@dataclass(frozen=True)
class CallbackLine:
    """One line of the table. The address is a secret: its host alone is shown. `run`: what tells it."""

    id: str
    run: str
    host: str
    word: str
    tone: str
    attempts: int
    error: str
    at: datetime | None

    @classmethod
    def of(cls, told: Subscription) -> CallbackLine:
        """The line of a subscription."""
        word, tone = _STATES[told.state]
        return cls(
            id=told.id,
            run=f"callback-{told.message}" if told.attempts else "",
            host=urlsplit(told.url).hostname or "",
            word=word,
            tone=tone,
            attempts=told.attempts,
            error=told.error or "",
            at=told.at,
        )
