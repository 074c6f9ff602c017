"""Storage that is down at the start, and storage that goes away in the middle of a batch."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.crash.hosts import KillableHost
from tests.e2e import calls
from tests.e2e.documents import invoices, zipped
from tests.fakes.cuttable_proxy import CuttableProxy

pytestmark = pytest.mark.slow


@pytest.fixture
def proxy(storage: str) -> Iterator[CuttableProxy]:
    """A way to the blob service that can be cut."""
    found = re.search(r"BlobEndpoint=http://127\.0\.0\.1:(\d+)/", storage)
    if found is None:
        pytest.skip("the storage is not an Azurite on this machine, so its connection cannot be cut")
    one = CuttableProxy(int(found.group(1)))
    yield one
    one.cut()


def _through(storage: str, proxy: CuttableProxy) -> str:
    return re.sub(r"(BlobEndpoint=http://127\.0\.0\.1:)\d+/", rf"\g<1>{proxy.port}/", storage)


def test_storage_down_at_start_is_said_and_mends_itself(
    tmp_path: Path, storage: str, proxy: CuttableProxy
) -> None:
    """The host starts, says 503 to health and batches, and works as soon as the storage is there."""
    proxy.cut()
    host = KillableHost(tmp_path, _through(storage, proxy))
    host.start(healthy=False)
    try:
        health = calls.get(f"{host.url}/api/healthz", timeout=30)
        assert health.status_code == 503
        assert health.json()["checks"]["task_hub"] == "ok"
        assert health.json()["checks"]["storage"] != "ok"
        headers = {"Content-Type": "application/zip"}
        documents = invoices(3)
        refused = calls.post(f"{host.url}/api/batches", data=zipped(documents), headers=headers, timeout=60)
        assert (refused.status_code, refused.json()["error"]["code"]) == (503, "storage_unavailable")
        assert int(refused.headers["Retry-After"]) > 0

        proxy.mend()
        assert calls.get(f"{host.url}/api/healthz", timeout=30).status_code == 200
        assert host.wait(host.send(documents))["counts"] == {"valid": 3}
    finally:
        host.stop()


def test_storage_that_goes_away_in_the_middle_is_waited_for(
    tmp_path: Path, storage: str, proxy: CuttableProxy
) -> None:
    """No document is lost, none is set aside: an outage is nobody's fault."""
    host = KillableHost(tmp_path, _through(storage, proxy))
    host.start()
    try:
        url = host.send(invoices(300))
        host.wait(url, until_done=1)
        proxy.cut()
        # What was read a moment ago may be told for a second; then the outage shows.
        deadline = time.monotonic() + 30
        while (away := calls.get(url, timeout=60)).status_code == 202:
            assert time.monotonic() < deadline, away.text
            time.sleep(0.2)
        assert (away.status_code, away.json()["error"]["code"]) == (503, "storage_unavailable")
        time.sleep(4)
        proxy.mend()
        status = host.wait(url)
        assert (status["status"], status["counts"]) == ("completed", {"valid": 300})
    finally:
        host.stop()
