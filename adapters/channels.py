"""What all channels have in common: the error when they cannot carry a message."""

from __future__ import annotations


class NotSent(Exception):
    """A channel did not take a message. The text has no secret in it; `again`: another try may help."""

    def __init__(self, text: str, *, again: bool = True) -> None:
        super().__init__(text)
        self.again = again
