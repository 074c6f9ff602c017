"""The orchestrations of the conformance app, each episode decided both ways: by replays and by generators."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import ModuleType

import pytest

from tests.devhost.server_kit import Server
from tests.devhost.test_conformance import KIT, NEEDS_STORAGE, _names, kit

__all__ = ["kit"]

pytestmark = pytest.mark.skipif(not KIT.exists(), reason="the conformance kit is not beside the project")


class BothWays(Server):
    """A host that compares."""

    program = ("-m", "tests.devhost.both_ways_host")


def test_what_the_real_host_was_asked_to_do_goes_the_same_way_both_ways(
    kit: ModuleType, tmp_path: Path
) -> None:
    """Entities, retries, races, suspension, failures, versions and all the rest of it."""
    found = tmp_path / "both.json"
    environment = {"BOTH_WAYS": str(found), "AzureWebJobs.on_message.Disabled": "1"}
    with BothWays(KIT / "app", tmp_path / "work", "--in-memory", environment=environment) as server:

        def run(name: str) -> None:
            kit.SCENARIOS[name](kit.Host(server.base))

        with ThreadPoolExecutor(8) as pool:
            list(pool.map(run, [name for name in _names() if name not in NEEDS_STORAGE]))
        assert server.stop() == 0
    both = json.loads(found.read_text())
    assert both["differences"] == []
    assert both["kept"] > 100
