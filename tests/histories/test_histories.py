"""The gate for changes of workflows: today's orchestrators agree with all histories that were recorded.

See docs/changing-a-workflow.md for what to do when one of these fails.
"""

from __future__ import annotations

import json
import pkgutil
from collections.abc import Iterator
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import Any

import azure.durable_functions as df
import pytest

import orchestrators
from devhost.replay import check
from devhost.replay.checker import Checker
from orchestrators import versions as workflow_versions
from orchestrators.retry import ActivityGaveUp, call_with_retry
from tests.app_versions import CURRENT
from tests.histories.record import HERE, versions
from tests.histories.scenes import all_of, durable_http

FILES = sorted(HERE.rglob("*.json"))
TODAY = HERE / CURRENT


@cache
def _checker() -> Checker:
    return Checker(list(_blueprints()))


def _blueprints() -> Iterator[df.Blueprint]:
    """Those of all modules of workflows, so that a new one is not forgotten."""
    yield durable_http.bp  # a generator for workflows, which none of the app uses
    for module in pkgutil.iter_modules(orchestrators.__path__):
        blueprint = getattr(import_module(f"orchestrators.{module.name}"), "bp", None)
        if isinstance(blueprint, df.Blueprint):
            yield blueprint


def _names() -> set[str]:
    """The orchestrators of the app."""
    app = df.DFApp()
    for blueprint in _blueprints():
        app.register_functions(blueprint)
    return {str(function.get_function_name()) for function in app.get_functions()}


@pytest.mark.parametrize("file", FILES, ids=lambda file: f"{file.parent.name}-{file.stem}")
def test_todays_code_agrees_with_what_was_recorded(file: Path) -> None:
    """A change that departs strands the instances in flight: keep the old way for their version."""
    version = file.parent.name if file.stem.endswith("-as-shown") else ""
    result = check(file, list(_blueprints()), version=version) if version else _checker().check(file)
    assert result, str(result)
    assert result.warnings == []


def test_every_workflow_has_histories_of_the_version_of_today() -> None:
    """Of one that waits for people or for time, there is one that ends while it waits."""
    recorded = [json.loads(file.read_text("utf-8")) for file in TODAY.glob("*.json")]
    assert {one["name"] for one in recorded} >= _names()
    waiting = {one["name"] for one in recorded if one["runtimeStatus"] == "Running"}
    waited = {
        "approval",
        "process_invoice",
        "process_batch",
        "batch_approvals",
        "batch_document",
        "deliver_digest",
    }
    assert waiting >= waited


def test_histories_have_the_version_of_their_folder() -> None:
    """Else they would take another way through the code than the instances that they stand for."""
    assert CURRENT in versions()
    for file in FILES:
        history = json.loads(file.read_text("utf-8"))
        if "events" in history:
            assert history["version"] == file.parent.name, file


def test_recording_gives_the_files_that_are_there() -> None:
    """The same each time; their content may be that of older code, as long as today's agrees with it."""
    texts = all_of(CURRENT)
    assert texts.keys() == {file.stem for file in TODAY.glob("*.json")}
    assert all_of(CURRENT) == texts


def test_change_that_is_not_behind_its_version_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    """As if the rest of approvals were in all versions: an instance of 1.0 has no timer for it."""
    history = HERE / "1.0" / "approval-woken-for-nothing.json"
    monkeypatch.setattr(workflow_versions, "RESTS", "1.0")
    departure = _checker().check(history).departure
    assert departure is not None
    assert departure.position is not None
    assert Path(departure.position.file).name == "waiting.py"


def test_poisoned_document_is_in_the_histories() -> None:
    """The chunk is halved until the document stands alone, and it is set aside."""
    text = (TODAY / "chunk-halved.json").read_text(encoding="utf-8")
    assert "MemoryError" in text
    assert '"set_aside"' in text


def halving_without_bounds(context: df.DurableOrchestrationContext) -> Iterator[Any]:
    """The chunk's orchestrator, changed on purpose: it sets a document aside without looking for its
    bounds.
    """
    job: dict[str, Any] = context.get_input() or {}
    try:
        return (yield from call_with_retry(context, "check_chunk", job))
    except ActivityGaveUp as failure:
        return (yield from call_with_retry(context, "set_aside", {**job, "reason": str(failure)}))


def test_changed_orchestrator_fails_the_check() -> None:
    """The event is the first one after three failed attempts; the line is the one that asks."""
    changed = df.Blueprint()
    changed.orchestration_trigger(context_name="context", orchestration="batch_chunk")(halving_without_bounds)
    assert check(TODAY / "chunk-finished.json", changed), "nothing was halved there, so nothing differs"
    result = check(TODAY / "chunk-halved.json", changed)
    departure = result.departure
    assert departure is not None
    assert (departure.kind, departure.name) == ("TaskScheduled", "find_chunk_bounds")
    assert departure.now == "activity 'set_aside'"
    assert departure.position is not None
    assert Path(departure.position.file).name == "retry.py"
    assert "call_activity" in departure.position.source
    assert "Non-Deterministic workflow detected" in (departure.text or "")
