"""Processor time of a call, for tests that tell linear work from quadratic."""

from __future__ import annotations

import time
from collections.abc import Callable


def processor_seconds(call: Callable[[], object]) -> float:
    """Seconds of processor time of this thread: other programs on the machine do not count."""
    started = time.thread_time()
    call()
    return time.thread_time() - started


def growth(call: Callable[[int], object], size: int, times: int = 4) -> float:
    """How many times longer a call takes for an input that is so many times as large.

    Linear work makes about `times`, quadratic work its square. Each is measured three times and the
    shortest counts, and what is too short to be measured counts as a hundredth of a second.
    """
    small, large = (
        min(processor_seconds(lambda n=n: call(n)) for _ in range(3)) for n in (size, size * times)
    )
    return max(large, 0.01) / max(small, 0.01)
