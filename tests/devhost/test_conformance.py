"""The embedded host against what was recorded from the real one (see `shared/conformance`).

Once with all functions in the host, once with those in a worker process that the real one has there. All
scenarios run at once against one host, since they mostly wait; each has instances of its own.
"""

from __future__ import annotations

import importlib.util
import json
import os
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from types import ModuleType
from typing import Any

import pytest

from tests.devhost.server_kit import IN_ONE_WORKER, ROOT, Server

KIT = ROOT.parent / "shared" / "conformance"
STORAGE = os.environ.get("SETTLE_TEST_STORAGE", "")
NEEDS_STORAGE = ("queue_trigger", "timer_trigger")
# Where this host differs on purpose, and why.
EXCEPTIONS = {
    (
        "failures",
        "unknown_activity",
    ): "the call of an unknown activity fails the instance; there it hangs for ever",
}

pytestmark = pytest.mark.skipif(not KIT.exists(), reason="the conformance kit is not beside the project")


def _names() -> list[str]:
    return list(json.loads((KIT / "golden.json").read_text())) if KIT.exists() else []


@pytest.fixture(scope="module")
def kit() -> Iterator[ModuleType]:
    """The module of the scenarios, which is no package and is loaded by its path."""
    if STORAGE:
        os.environ["CONFORMANCE_STORAGE"] = STORAGE
    spec = importlib.util.spec_from_file_location("conformance_scenarios", KIT / "scenarios.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    yield module
    os.environ.pop("CONFORMANCE_STORAGE", None)


@pytest.fixture(scope="module", params=[(), IN_ONE_WORKER], ids=["in the host", "in a worker"])
def server(tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest) -> Iterator[Server]:
    """The kit's app, which is read-only: the state lies elsewhere."""
    work = tmp_path_factory.mktemp("conformance")
    storage = {"AzureWebJobsStorage": STORAGE} if STORAGE else {"AzureWebJobs.on_message.Disabled": "1"}
    options = ("--state", str(work / "state.db"), *request.param)
    with Server(KIT / "app", work, *options, environment=storage) as running:
        yield running


@pytest.fixture(scope="module")
def seen(kit: ModuleType, server: Server) -> Iterator[dict[str, Future[dict[str, Any]]]]:
    """What each scenario saw."""

    def run(name: str) -> dict[str, Any]:
        host = kit.Host(server.base)
        kit.SCENARIOS[name](host)
        return host.seen

    def in_order() -> list[dict[str, Any]]:
        return [run(name) for name in NEEDS_STORAGE]  # they share a queue

    with ThreadPoolExecutor(8) as pool:
        futures = {name: pool.submit(run, name) for name in _names() if name not in NEEDS_STORAGE}
        if STORAGE:
            both = pool.submit(in_order)
            futures |= {
                name: pool.submit(lambda n=n: both.result()[n]) for n, name in enumerate(NEEDS_STORAGE)
            }
        yield futures


@pytest.mark.parametrize("name", _names())
def test_host_shows_what_the_real_one_showed(
    name: str, kit: ModuleType, seen: dict[str, Future[dict[str, Any]]]
) -> None:
    """Every observation of the scenario is the recorded one, but for the named exceptions."""
    if name in NEEDS_STORAGE and not STORAGE:
        pytest.skip("SETTLE_TEST_STORAGE names no storage account")
    found = seen[name].result()
    golden = json.loads((KIT / "golden.json").read_text())[name]
    expected = {step: value for step, value in golden.items() if (name, step) not in EXCEPTIONS}
    shown = {step: value for step, value in found.items() if (name, step) not in EXCEPTIONS}
    assert kit.differences(expected, shown, name) == []


def test_the_recording_is_whole() -> None:
    """All of its observations are looked at, and all but the named exceptions are to be the same."""
    golden = json.loads((KIT / "golden.json").read_text())
    assert sum(len(steps) for steps in golden.values()) == 186
    assert len(EXCEPTIONS) == 1


def test_exceptions_are_real_observations() -> None:
    """A misspelt exception would hide nothing and tell a lie."""
    golden = json.loads((KIT / "golden.json").read_text())
    assert all(step in golden[name] for name, step in EXCEPTIONS)


def test_unknown_activity_fails_the_instance(kit: ModuleType, server: Server) -> None:
    """The exception, spelt out: the text is the one that the real host keeps to itself."""
    status = kit.Host(server.base).run("unknown_activity")
    assert status["runtimeStatus"] == "Failed"
    assert status["output"].startswith(
        "Orchestrator function 'unknown_activity' failed: The function 'no_such_activity' doesn't exist, is "
        "disabled, or is not an activity function."
    )
