"""How long is waited between two tries of a callback. Pure."""

from __future__ import annotations

import hashlib
from datetime import timedelta

#: How long a callback is tried.
PATIENCE = timedelta(days=3)
#: The first pause; each is twice the one before, up to the longest.
FIRST, LONGEST = timedelta(seconds=10), timedelta(hours=2)
#: By what part of it a pause is shortened at most.
SPREAD = 0.2


def pause_before(subscription: str, failures: int) -> timedelta:
    """How long to wait after so many failures in a row.

    Callbacks whose receiver came back do not all knock at the same moment: each pause is shortened by a part
    that is made of the id, so that it is the same in each replay.
    """
    whole = min(FIRST * 2 ** min(failures - 1, 32), LONGEST)
    digest = hashlib.sha256(f"{subscription}/{failures}".encode()).digest()
    return whole * (1 - SPREAD * digest[0] / 255)
