"""Whether running orchestrations are kept in memory, and how many of them."""

from __future__ import annotations

import functools
import logging
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from devhost.orchestration.episode import Decider
from devhost.orchestration.plain_replay import PlainReplay

__all__ = ["HandleOf", "StickySettings", "sticky_decider"]

# Returns what the SDK made of an orchestrator function, by its function name.
HandleOf = Callable[[str], Any]


@dataclass(frozen=True)
class StickySettings:
    """How much is kept and how often it is checked.

    ``check_every``: after so many episodes a replay must give the same; the next such check comes when the
    history has also grown by the factor ``growth``, so that all of them together cost no more than a few
    replays. ``most``: kept instances at a time, the least used of which go first. ``idle_seconds``: after
    that an unused one goes when another is used.
    """

    check_every: int = 100
    growth: float = 1.5
    most: int = 1000
    idle_seconds: float = 600.0


def sticky_decider(
    handle_of: HandleOf, settings: StickySettings, logger: logging.Logger
) -> Callable[[PlainReplay], Decider] | None:
    """Return what makes the engine keep running orchestrations; None when this SDK does not allow it.

    The reason is logged, once, and every episode is a plain replay then.
    """
    reason = _problem()
    if reason is None:
        from devhost.orchestration.sticky import StickyInstances

        return functools.partial(StickyInstances, handle_of=handle_of, settings=settings, logger=logger)
    logger.warning("Running orchestrations are replayed at each step, not kept in memory: %s", reason)
    return None


def _problem() -> str | None:
    try:
        # Inside, since another SDK may lack what this imports.
        from devhost.orchestration import sdk_probe
    except (ImportError, AttributeError) as error:
        return f"azure-functions-durable is not as expected ({error})."
    return sdk_probe.problem()
