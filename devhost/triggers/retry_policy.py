"""The retry policy of a function (``@app.retry``), which the real host applies to timers."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping

from devhost.app.settings import timespan

__all__ = ["delays"]


def delays(policy: Mapping[str, str] | None) -> Iterator[float]:
    """Yield the seconds to wait before each further attempt; nothing without a policy."""
    if not policy:
        return
    count = int(policy.get("max_retry_count") or 0)
    steps = itertools.count() if count < 0 else iter(range(count))  # -1 means "for ever"
    if policy.get("strategy") == "exponential_backoff":
        low = timespan(policy.get("minimum_interval") or "00:00:00.1", "retry policy")
        high = timespan(policy.get("maximum_interval") or "00:01:00", "retry policy")
        yield from (min(low * 2 ** min(step, 32), high) for step in steps)
    else:
        pause = timespan(policy.get("delay_interval") or "00:00:00", "retry policy")
        yield from (pause for _ in steps)
