"""What the engine leaves to chance, so that a test can decide it: `devhost.testing.simulation` does."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from dataclasses import dataclass

from devhost.engine.mailboxes import Message
from devhost.engine.timer_heap import Firing, on_time

__all__ = ["Chance", "new_id"]


def new_id() -> str:
    """Return a new id: 32 lower-case hexadecimal digits."""
    return uuid.uuid4().hex


@dataclass(frozen=True)
class Chance:
    """The choices of a run.

    ``choose`` picks one of ``n`` that are equally right: instances that are ready, timers of the same time.
    None takes what waits longest, and lets instances collect messages for as long as their replay takes; with
    it nothing depends on how fast the machine is. ``new_id`` makes instance and execution ids. ``delivered``
    is told each message that reached a mailbox. ``fires`` says when the timers of orchestrations fire.
    """

    choose: Callable[[int], int] | None = None
    new_id: Callable[[], str] = new_id
    delivered: Callable[[str, Message], None] | None = None
    fires: Firing = on_time
