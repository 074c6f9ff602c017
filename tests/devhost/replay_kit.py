"""Record small orchestrations, and replay them against changed ones."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import azure.durable_functions as df

from devhost.replay import export_instance
from devhost.testing import Host

ACTIVITIES: dict[str, Any] = {"fetch": 1, "store": 2, "part": lambda n: n, "save": 3}


def app(orchestrator: Callable[..., Any], name: str = "flow") -> df.Blueprint:
    """Return an app with one orchestrator called ``name``."""
    blueprint = df.Blueprint()
    blueprint.orchestration_trigger(context_name="context", orchestration=name)(orchestrator)
    return blueprint


class Recorded:
    """One instance as it was recorded: ``full`` as exported, ``shown`` as the management API answers."""

    def __init__(self, full: dict[str, Any], shown: dict[str, Any]):
        self.full = full
        self.shown = shown

    @property
    def events(self) -> list[dict[str, Any]]:
        return self.full["events"]


def record(
    orchestrator: Callable[..., Any] | df.Blueprint,
    given: Any = None,
    *,
    act: Callable[[Host], None] | None = None,
    **options: Any,
) -> Recorded:
    """Run an orchestrator to its end, or as far as ``act`` takes it, on a host of its own.

    The instance has the id ``one``; ``options`` go to the host.
    """
    with tempfile.TemporaryDirectory() as folder:
        state = Path(folder) / "state.db"
        options = {"activities": ACTIVITIES, "orchestrators": {"kid": 5}} | options
        blueprint = orchestrator if isinstance(orchestrator, df.Blueprint) else app(orchestrator)
        with Host(blueprint, state=state, **options) as host:
            host.start("flow", given, instance_id="one")
            if act is None:
                host.finish("one", within=timedelta(days=60))
            else:
                act(host)
            shown = host.engine.status("one", show_history=True, show_history_output=True)
        assert shown is not None
        full = export_instance(state, "one")
    # What a file would hold: values that went through JSON.
    return Recorded(json.loads(json.dumps(full)), json.loads(json.dumps(shown.payload())))
