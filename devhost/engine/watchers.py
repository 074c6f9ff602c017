"""Those who wait for the end of an instance. Used by the engine's thread only; the futures are for others."""

from __future__ import annotations

from collections import defaultdict
from concurrent.futures import Future, InvalidStateError

from devhost.engine.models import InstanceStatus

__all__ = ["Watchers"]

End = Future[InstanceStatus]


class Watchers:
    """Futures by instance id. Each is resolved once, or fails when the instance is deleted."""

    def __init__(self) -> None:
        self._waiting: defaultdict[str, list[End]] = defaultdict(list)

    def add(self, instance_id: str) -> End:
        """Return a future for the end of an instance."""
        end: End = Future()
        waiting = [one for one in self._waiting[instance_id] if not one.cancelled()]
        self._waiting[instance_id] = [*waiting, end]
        return end

    def finished(self, status: InstanceStatus) -> None:
        """Tell everyone who waits for this instance."""
        for end in self._waiting.pop(status.instance_id, ()):
            _settle(end, status)

    def failed(self, instance_id: str, error: Exception) -> None:
        """Tell everyone who waits for this instance that it will not end."""
        for end in self._waiting.pop(instance_id, ()):
            _settle(end, error)

    def close(self, error: Exception) -> None:
        """Tell everyone that nothing ends any more."""
        for instance_id in list(self._waiting):
            self.failed(instance_id, error)


def _settle(end: End, outcome: InstanceStatus | Exception) -> None:
    try:
        if isinstance(outcome, Exception):
            end.set_exception(outcome)
        else:
            end.set_result(outcome)
    except InvalidStateError:
        pass  # the one who waited has cancelled it
