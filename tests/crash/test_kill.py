"""`kill -9` of the host in the middle of a batch, then start again: the report is the same as without."""

from __future__ import annotations

import random
import time
from pathlib import Path
from typing import Any

import pytest

from samples.generator import generate
from tests.crash.hosts import KillableHost
from tests.e2e.documents import Documents

pytestmark = pytest.mark.slow

DOCUMENTS = 200


@pytest.fixture(scope="module")
def documents() -> Documents:
    """200 invoices, of which two are copies and three are broken: the report has something to say."""
    some = list(generate(DOCUMENTS - 5, seed=7))
    broken = [("broken-1.xml", some[3][1][:500]), ("broken-2.xml", b""), ("broken-3.txt", b"hello")]
    return [*some[:100], ("copy-1.xml", some[0][1]), *broken, *some[100:], ("copy-2.xml", some[150][1])]


@pytest.fixture(scope="module")
def undisturbed(
    tmp_path_factory: pytest.TempPathFactory, storage: str, documents: Documents
) -> tuple[dict[str, Any], float]:
    """The report of the same batch on a host that nobody kills, and how long it took."""
    host = KillableHost(tmp_path_factory.mktemp("undisturbed"), storage)
    host.start()
    try:
        began = time.monotonic()
        status = host.wait(host.send(documents))
        assert status["counts"]["valid"] == DOCUMENTS - 5
        assert status["counts"]["duplicate"] == 2
        return host.report(status), time.monotonic() - began
    finally:
        host.stop()


@pytest.mark.parametrize("place", range(3))
def test_killed_host_ends_the_batch_with_the_same_report(
    place: int,
    tmp_path: Path,
    storage: str,
    documents: Documents,
    undisturbed: tuple[dict[str, Any], float],
) -> None:
    """At a random moment, another one each time; the seed of a failure is in its output."""
    expected, took = undisturbed
    seed = random.SystemRandom().randrange(2**32)
    print(f"seed {seed}")
    moment = random.Random(seed).uniform(place / 3, (place + 1) / 3) * took
    host = KillableHost(tmp_path, storage)
    host.start()
    try:
        url = host.send(documents)
        time.sleep(moment)
        host.kill()
        host.start()
        status = host.wait(url)
        assert status["status"] == "completed", status
        assert host.report(status) == expected
    finally:
        host.stop()


def test_host_that_is_killed_again_and_again_gets_there(
    tmp_path: Path, storage: str, documents: Documents, undisturbed: tuple[dict[str, Any], float]
) -> None:
    """Five kills in one batch: each start goes on from what was finished."""
    expected, _ = undisturbed
    host = KillableHost(tmp_path, storage)
    host.start()
    try:
        url = host.send(documents)
        for _ in range(5):
            time.sleep(0.4)
            host.kill()
            host.start()
        assert host.report(host.wait(url)) == expected
    finally:
        host.stop()
