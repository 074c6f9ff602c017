"""The error that every check of a call raises."""

from __future__ import annotations


class CallRefused(Exception):
    """A call is not allowed; `code` for programs, the text says what to do and quotes no secret."""

    def __init__(self, code: str, text: str) -> None:
        super().__init__(text)
        self.code = code
        self.text = text
