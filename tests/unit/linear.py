"""Processor time of a call, for tests that tell linear work from quadratic."""

from __future__ import annotations

import time
from collections.abc import Callable


def processor_seconds(call: Callable[[], object]) -> float:
    """Seconds of processor time of this thread: other programs on the machine count for little."""
    started = time.thread_time()
    call()
    return time.thread_time() - started
