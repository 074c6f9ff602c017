"""Where signals go that nobody can understand: the poison queue of the queue of signals."""

from __future__ import annotations

import base64

from adapters import starts
from adapters.settings import Settings


def poison_of(settings: Settings) -> str:
    """Where the host puts a message that failed five times."""
    return f"{settings.signals_queue}-poison"


def put_aside(settings: Settings, data: bytes) -> None:
    """Keep what cannot be understood for an operator; what is too long for a message is cut.

    Raises StorageUnavailable and StorageRefused.
    """
    text = base64.b64encode(data[: starts.LARGEST]).decode()
    starts.send_to(settings, poison_of(settings), text)
