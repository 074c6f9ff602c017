"""What is said of a signal that cannot be taken."""

from __future__ import annotations


class SignalInvalid(Exception):
    """A signal that cannot be taken as it is; `code` is for programs, `text` says what to do."""

    def __init__(self, code: str, text: str) -> None:
        super().__init__(text)
        self.code = code
        self.text = text


class UnknownKind(SignalInvalid):
    """There are no signals of this kind."""
