"""Makes two things of the SDK faster that cost more than all the rest of a replay, with the same values.

The timestamps of events: the SDK reads each with `dateutil`, at 40 µs; the standard library needs a fraction
of one. The host writes these texts itself, so their form is known; any other text still goes to `dateutil`.

The executor: it makes the same class of named tuples anew for each replay, at 80 µs; one is enough.
"""

from __future__ import annotations

import collections
import functools
import importlib
import re
from collections.abc import Callable
from datetime import datetime
from typing import Any

__all__ = ["install", "same_value"]

_EXECUTOR = "azure.durable_functions.models.TaskOrchestrationExecutor"
_MODULE = "azure.durable_functions.models.history.HistoryEvent"
_FORM = re.compile(r"\d{4}-\d\d-\d\dT[012]\d:\d\d:\d\d(\.\d{1,7})?Z")
_SAMPLES = (
    "2024-10-25T03:02:17Z",
    "2024-10-25T03:02:17.1Z",
    "2024-10-25T03:02:17.12Z",
    "2024-10-25T03:02:17.1234Z",
    "2024-10-25T03:02:17.123456Z",
    "2024-10-25T23:59:59.9999999Z",
    "2024-02-29T00:00:00.0000001Z",
    "0999-01-01T00:00:00Z",
)


def install() -> bool:
    """Change the SDK of this process; False when a part of it is not as expected, and left alone."""
    return all([_timestamps(), _named_tuples()])


def _timestamps() -> bool:
    try:
        from dateutil import parser

        module: Any = importlib.import_module(_MODULE)
        if getattr(module.dt_parse, "of_devhost", False):
            return True
        if module.dt_parse is not parser.parse:
            return False
        # dateutil gives tzlocal() on a machine whose own zone is UTC, and tzutc() elsewhere.
        fast = _fast(parser.parse, parser.parse(_SAMPLES[0]).tzinfo)
    except (ImportError, AttributeError):
        return False
    if not all(same_value(fast(text), parser.parse(text)) for text in _SAMPLES):
        return False
    module.dt_parse = fast
    return True


def _named_tuples() -> bool:
    try:
        module: Any = importlib.import_module(_EXECUTOR)
        if getattr(module.namedtuple, "of_devhost", False):
            return True
        if module.namedtuple is not collections.namedtuple:
            return False
    except (ImportError, AttributeError):
        return False
    module.namedtuple = _marked(functools.cache(collections.namedtuple))
    return True


def same_value(one: datetime, other: datetime) -> bool:
    """Tell whether two times are the same to user code: one point, in equal zones of one class."""
    zones = one.tzinfo == other.tzinfo and type(one.tzinfo) is type(other.tzinfo)
    return zones and one == other and repr(one) == repr(other)


def _fast(slow: Callable[[str], datetime], zone: Any) -> Callable[[str], datetime]:
    def parse(text: str) -> datetime:
        if _FORM.fullmatch(text) is None:
            return slow(text)
        # Without the Z: the zone is to be the one that dateutil gives.
        return datetime.fromisoformat(text[:26].rstrip("Z")).replace(tzinfo=zone)

    # Each event of one episode has the same stamp.
    return _marked(functools.lru_cache(maxsize=1024)(parse))


def _marked(function: Any) -> Any:
    function.of_devhost = True
    return function
