"""Keeping histories: what was played on a host is exported, and gets the name of a file."""

from __future__ import annotations

import hashlib
import json
import re
import tempfile
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

from devhost.replay import export_instance, to_text
from devhost.testing import Host
from orchestrators import batch, chunk
from tests.orchestrators.approval_kit import Office
from tests.orchestrators.test_batch import BATCH, JOB

# What the host makes by chance: ids of executions, of which those of sub-orchestrations are made.
_CHANCE = re.compile(r"(?<![0-9a-f])[0-9a-f]{32}(?![0-9a-f])")

Recorded = dict[str, str]
"""Texts of histories by file name."""

Keep = dict[str, str]
"""Ids of instances and the file names of their histories."""


def of_office(
    version: str, stages: Iterable[dict[str, Any]], play: Callable[[Office], Keep], **host: Any
) -> Recorded:
    """Play in an office, whose steps are the real ones; `play` returns what to keep."""
    with tempfile.TemporaryDirectory() as folder:
        state = Path(folder) / "state.db"
        with Office(*stages, state=state, default_version=version, **host).at_work() as office:
            keep = play(office)
        return {file: text_of(export_instance(state, instance)) for instance, file in keep.items()}


def of_batch(
    version: str,
    activities: dict[str, Any],
    names: dict[str, str],
    until: Callable[[Host], object] = lambda host: host.finish(BATCH),
) -> Recorded:
    """Run a batch, whose steps are stand-ins; `until` says how far.

    `names` has the file name for each orchestrator to keep; of its instances the longest history is taken.
    `shown` among them is for the batch as the management API shows it.
    """
    with tempfile.TemporaryDirectory() as folder:
        state = Path(folder) / "state.db"
        app = [batch.bp, chunk.bp]
        with Host(app, activities=activities, state=state, default_version=version) as host:
            host.start("process_batch", JOB, instance_id=BATCH)
            until(host)
            ids = [(one.name, one.instance_id) for one in host.instances()]
            shown = host.engine.status(BATCH, show_history=True, show_history_output=True)
        exports = [export_instance(state, instance_id) for name, instance_id in ids if name in names]
    exports.sort(key=lambda one: (-len(one["events"]), json.dumps(one["input"])))
    texts: Recorded = {}
    for one in exports:
        texts.setdefault(names[one["name"]], text_of(one))
    if "shown" in names and shown is not None:
        texts[names["shown"]] = _settled(json.dumps(shown.payload(), indent=1) + "\n")
    return texts


def of_host(version: str, app: Sequence[Any], play: Callable[[Host], Keep], **host: Any) -> Recorded:
    """Play on a host with some blueprints of the app; `play` returns what to keep."""
    with tempfile.TemporaryDirectory() as folder:
        state = Path(folder) / "state.db"
        with Host(list(app), state=state, default_version=version, **host) as own:
            keep = play(own)
        return {file: text_of(export_instance(state, instance)) for instance, file in keep.items()}


def first(office: Office, orchestrator: str, file: str) -> Keep:
    """The first instance of an orchestrator, in the order of ids."""
    found = [one.instance_id for one in office.host.instances() if one.name == orchestrator]
    return {found[0]: file}


def text_of(exported: dict[str, Any]) -> str:
    """The text to keep. Stacks of failures are left out: they name lines, which move with any change."""
    events = [_without_stack(event) for event in exported["events"]]
    return _settled(to_text({**exported, "events": events}))


def _without_stack(event: dict[str, Any]) -> dict[str, Any]:
    if not event.get("Details"):
        return event
    details = json.loads(event["Details"])
    return {**event, "Details": json.dumps({**details, "StackTraceString": "(left out)"})}


def _settled(text: str) -> str:
    """The text with the same made-up ids each time: the first that comes is the first."""
    order: dict[str, str] = {}

    def settled(found: re.Match[str]) -> str:
        number = str(len(order)).encode()
        return order.setdefault(found[0], hashlib.sha256(number).hexdigest()[:32])

    return _CHANCE.sub(settled, text)
