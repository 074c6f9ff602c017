"""The replay check: recorded histories against today's code.

    from devhost.replay import check
    result = check("tests/histories/finished.json", app=".")
    assert result, str(result)

An app that is changed while instances are in flight must still ask for what their histories hold. `check`
replays a recorded history (see `devhost.replay.export` and docs/devhost-replay.md) through the SDK and the
same code that the engine runs, and says at which event and at which line of the orchestrator the two part.
"""

from devhost.replay.checker import check
from devhost.replay.export import export_instance, to_text
from devhost.replay.recording import Recording, UnusableHistory, read
from devhost.replay.result import Departure, ReplayResult
from devhost.replay.trace import Position

__all__ = [
    "Departure",
    "Position",
    "Recording",
    "ReplayResult",
    "UnusableHistory",
    "check",
    "export_instance",
    "read",
    "to_text",
]
