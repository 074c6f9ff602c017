"""Timer triggers: fire on schedule, one run at a time, and make up for one missed run after a stop."""

from __future__ import annotations

import asyncio
import itertools
import json
import logging
from collections.abc import Awaitable, Callable, Mapping
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from devhost.app.index import FunctionInfo
from devhost.state.files import write_private
from devhost.triggers.by_hand import timer_datum
from devhost.triggers.ncrontab import Schedule, parse_schedule
from devhost.triggers.retry_policy import delays
from devhost.workers.invocation import decode

__all__ = ["ScheduleMonitor", "TimerTrigger"]

_log = logging.getLogger("devhost.timers")
_LONGEST_SLEEP = 30.0  # the wall clock may be set, and machines sleep
Invoke = Callable[[FunctionInfo, Any], Awaitable[Any]]


class ScheduleMonitor:
    """Remembers when each timer ran, in a JSON file; None keeps it in memory."""

    def __init__(self, path: Path | None):
        self._path = path
        self._states: dict[str, dict[str, str]] = {}
        if path is not None and path.exists():
            try:
                self._states = json.loads(path.read_text(encoding="utf-8"))
            except ValueError:
                _log.warning("%s is not readable; timers start as if for the first time", path)

    def get(self, function_name: str) -> dict[str, str] | None:
        """Return Last, Next and LastUpdated as ISO local times, None when the timer was never seen."""
        return self._states.get(function_name)

    def put(self, function_name: str, last: datetime | None, following: datetime, updated: datetime) -> None:
        """Note a run (or with ``last`` None that the timer was seen) and the time of the next one."""
        never = datetime(1, 1, 1)  # .NET's smallest date stands for none
        times = {"Last": last or never, "Next": following, "LastUpdated": updated}
        self._states[function_name] = {name: moment.isoformat() for name, moment in times.items()}
        if self._path is not None:
            write_private(self._path, json.dumps(self._states, indent=1))


class TimerTrigger:
    """One timer function. ``now`` gives naive local time, for tests."""

    def __init__(
        self,
        function: FunctionInfo,
        invoke: Invoke,
        monitor: ScheduleMonitor,
        now: Callable[[], datetime] = datetime.now,
    ):
        properties = function.trigger.properties
        self._function = function
        self._invoke = invoke
        self._now = now
        self.schedule: Schedule = parse_schedule(str(properties["schedule"]))
        self._on_startup = bool(properties.get("runOnStartup"))
        wanted = properties.get("useMonitor") is not False and not self._shorter_than_a_minute()
        self._monitor = monitor if wanted else None

    def _shorter_than_a_minute(self) -> bool:
        first = self.schedule.next_after(self._now())
        return self.schedule.next_after(first) - first < timedelta(minutes=1)

    async def run(self) -> None:
        """Fire until cancelled."""
        await self.start()
        planned = self.schedule.next_after(self._now())
        while True:
            await self._sleep_until(planned)
            await self.fire(past_due=False)
            # Ticks that passed while the function ran are not made up for.
            planned = self.schedule.next_after(max(planned, self._now()))

    async def start(self) -> None:
        """Fire at once where a run was missed, or where the function asks for it."""
        if self._was_missed():
            await self.fire(past_due=True)
        elif self._on_startup:
            await self.fire(past_due=False)
        elif self._monitor is not None and self._monitor.get(self._function.name) is None:
            now = self._now()
            self._monitor.put(self._function.name, None, self.schedule.next_after(now), now)

    def _was_missed(self) -> bool:
        """Whether the run after the last one noted, by today's schedule, lies in the past."""
        state = self._monitor.get(self._function.name) if self._monitor else None
        if state is None:
            return False
        last, updated = datetime.fromisoformat(state["Last"]), datetime.fromisoformat(state["LastUpdated"])
        return self.schedule.next_after(last if last.year > 1 else updated) < self._now()

    async def fire(self, *, past_due: bool) -> None:
        """Run the function once, with its retry policy, and note the run; errors go to the log."""
        began = self._now()
        status = self._monitor.get(self._function.name) if self._monitor else None
        for pause in itertools.chain(delays(self._function.retry), [None]):
            if await self._attempt(status, past_due) or pause is None:
                break
            await asyncio.sleep(pause)
        if self._monitor is not None:
            self._monitor.put(self._function.name, began, self.schedule.next_after(began), began)

    async def _attempt(self, status: Mapping[str, str] | None, past_due: bool) -> bool:
        try:
            value = decode(self._function.trigger, timer_datum(status, past_due=past_due), {})
            await self._invoke(self._function, value)
        except Exception:  # noqa: BLE001 - a run that fails must not end the timer
            return False
        return True

    async def _sleep_until(self, moment: datetime) -> None:
        while (left := (moment - self._now()).total_seconds()) > 0:
            await asyncio.sleep(min(left, _LONGEST_SLEEP))
