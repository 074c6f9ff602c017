"""Record the histories in this folder anew: ``python -m tests.histories.record [FOLDER]``.

Do it when an orchestrator is changed on purpose and no instance of the old one is in flight any more. Until
then the old histories stay, and new ones are added beside them. The activities are stand-ins; time is
virtual.
"""

from __future__ import annotations

import json
import sys
import tempfile
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

from devhost.replay import export_instance, to_text
from devhost.testing import Host, in_turn
from orchestrators import batch, chunk
from tests.orchestrators.test_batch import AWAY, BATCH, Work

Recorded = dict[str, str]


def record(
    activities: dict[str, Any], names: dict[str, str], until: Callable[[Host], None] | None = None
) -> Recorded:
    """Run a batch and return the texts of histories by file name.

    ``names`` has the file name for each orchestrator to keep; the first instance of it with the longest
    history is taken. ``until`` runs instead of waiting for the end.
    """
    with tempfile.TemporaryDirectory() as folder:
        state = Path(folder) / "state.db"
        with Host([batch.bp, chunk.bp], activities=activities, state=state) as host:
            host.start("batch", {"batch": BATCH, "source": {"kind": "upload"}}, instance_id=BATCH)
            if until is None:
                host.finish(BATCH)
            else:
                until(host)
            ids = [(one.name, one.instance_id) for one in host.instances()]
            shown = host.engine.status(BATCH, show_history=True, show_history_output=True)
        exports = [export_instance(state, instance_id) for name, instance_id in ids if name in names]
    exports.sort(key=lambda one: -len(one["events"]))
    texts: Recorded = {}
    for one in exports:
        texts.setdefault(names[one["name"]], to_text(one))
    if "shown" in names and shown is not None:
        texts[names["shown"]] = json.dumps(shown.payload(), indent=1) + "\n"
    return texts


def record_all() -> Recorded:
    """Return the texts of all histories by file name."""
    ok = {"outcome": "ok", "counts": {"valid": 10}}
    stopped = {"outcome": "stopped", "counts": {}}
    outage = [AWAY] * 5
    return {
        **record(
            Work(3).activities(),
            {
                "batch": "batch-finished.json",
                "batch_window": "window-finished.json",
                "batch_chunk": "chunk-finished.json",
                "shown": "batch-finished-as-shown.json",
            },
        ),
        **record(
            Work(3, frozenset({7})).activities(),
            {"batch": "batch-poisoned.json", "batch_chunk": "chunk-halved.json"},
        ),
        **record(
            Work(2).activities(check_chunk=stopped),
            {"batch": "batch-stopped.json", "batch_chunk": "chunk-stopped.json"},
        ),
        **record(
            Work(1).activities(check_chunk=in_turn(*outage, ok)),
            {"batch": "batch-outage-running.json", "batch_chunk": "chunk-outage-running.json"},
            until=lambda host: host.advance(timedelta(seconds=10)),
        ),
    }


def main(folder: Path) -> None:
    """Write the histories into a folder."""
    here = f"{Path(__file__).resolve().parents[2]}/"  # in the stack traces of failures
    for name, text in record_all().items():
        (folder / name).write_text(text.replace(here, ""), encoding="utf-8")
        print(name)


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).parent)
