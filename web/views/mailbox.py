"""The page of the mailbox: how the watch is, and a line for each mail."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from invoicing.records.mails import LeftOut, MailboxState, MailRecord

_CONDITIONS = {
    "watching": ("good", "watching"),
    "away": ("warn", "server away"),
    "refused": ("bad", "not let in"),
}
_OUTCOMES = {
    "batch": ("good", "taken"),
    "no_invoices": ("", "no invoices"),
    "failed": ("bad", "failed"),
    "refused": ("warn", "refused"),
    "known": ("", "known"),
    "gone": ("", "gone"),
}


@dataclass(frozen=True)
class StateShown:
    """How the watch is; `can_try`: a button that tries the sign-in again makes sense."""

    tone: str
    word: str
    state: MailboxState
    can_try: bool

    @classmethod
    def of(cls, state: MailboxState, now: datetime) -> StateShown:
        """The state in words, at a moment."""
        tone, word = _CONDITIONS[state.condition]
        return cls(tone, word, state, can_try=state.not_before is not None and state.not_before > now)


@dataclass(frozen=True)
class MailLine:
    """One mail: who sent it, what became of it and why, and its batch."""

    id: str
    sender: str
    subject: str
    noted: datetime
    tone: str
    word: str
    why: str
    batch: str | None
    files: int
    left_out: tuple[LeftOut, ...]
    folder: str

    @classmethod
    def of(cls, record: MailRecord) -> MailLine:
        """A mail as the page shows it."""
        tone, word = _OUTCOMES[record.outcome] if record.outcome else ("", "being taken")
        return cls(
            id=record.id,
            sender=record.sender or record.shown_sender,
            subject=record.subject,
            noted=record.noted,
            tone=tone,
            word=word,
            why=" ".join(text for text in (record.reason, record.trouble) if text),
            batch=record.batch,
            files=record.files,
            left_out=record.left_out,
            folder=record.moved,
        )
