"""The host that the end-to-end tests talk to: one that is up already, or one that is started here."""

import json
import os
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from devtools import azurite, host
from devtools.errors import DevError
from devtools.project import Project
from tests.e2e import calls


@pytest.fixture(scope="session")
def storage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str | None]:
    """The connection string of the host's storage account; None where another's host keeps it to itself.

    ``SETTLE_TEST_STORAGE`` names it. Without it, and without a host that is up already, an Azurite runs here.
    """
    named = os.environ.get("SETTLE_TEST_STORAGE")
    if named or os.environ.get("SETTLE_E2E_HOST"):
        yield named
        return
    with _azurite(Project(Project.here().root, tmp_path_factory.mktemp("azurite"))) as own:
        yield own.connection_string


@pytest.fixture(scope="session")
def inbox() -> str:
    """The container that the host sweeps; of a host that someone else started, the default."""
    return "inbox" if os.environ.get("SETTLE_E2E_HOST") else f"inbox-{uuid.uuid4().hex[:12]}"


@pytest.fixture(scope="session")
def app_container() -> str:
    """The container that the host's app stores in; of a host that someone else started, the default."""
    return "settle" if os.environ.get("SETTLE_E2E_HOST") else f"e2e-{uuid.uuid4().hex[:12]}"


@pytest.fixture(scope="session")
def base_url(
    tmp_path_factory: pytest.TempPathFactory, storage: str | None, inbox: str, app_container: str
) -> Iterator[str]:
    """The address of a host with Settle, without a slash at its end.

    ``SETTLE_E2E_HOST`` names one that someone else started, ``SETTLE_E2E_KEY`` its function key where it asks
    for one. Without it an embedded host runs for this session: with keys, state and a container of its own,
    and with the options of its command line that ``SETTLE_E2E_SWITCHES`` has.
    """
    if named := os.environ.get("SETTLE_E2E_HOST"):
        calls.use_key(named, os.environ.get("SETTLE_E2E_KEY"))
        calls.use_master_key(named, os.environ.get("SETTLE_E2E_MASTER_KEY"))
        yield named.rstrip("/")
        return
    project = Project(Project.here().root, tmp_path_factory.mktemp("host"))
    with _embedded_host(project, storage or "", inbox, app_container) as own:
        calls.use_key(own.url, own.key)
        calls.use_master_key(own.url, json.loads(host.keys_file(project.host_state).read_text())["master"])
        yield own.url


def _azurite(project: Project) -> azurite.Azurite:
    try:
        return azurite.start(project, preferred=azurite.ANY_PORTS)
    except DevError as error:
        pytest.skip(f"no storage to test against: {error.message} {error.hint}")


def _embedded_host(project: Project, storage: str, inbox: str, app_container: str) -> host.Host:
    variables = {
        "SETTLE_SWEEP_CONTAINER": inbox,
        "SETTLE_SWEEP_AT_ONCE": "poll",
        "SETTLE_CONTAINER": app_container,
        "SETTLE_POLICY": str(_policy(project)),
        "FUNCTIONS_WORKER_RUNTIME": "python",
        "SETTLE_LEDGER_KEY": uuid.uuid4().hex,
        "SETTLE_DIGEST_SECONDS": "1",
        "SETTLE_CALLBACK_KEY": calls.CALLBACK_KEY,
        # Callbacks go to a small server of the tests, on this machine.
        "SETTLE_CALL_HOSTS": "127.0.0.1",
        "SETTLE_CALL_HTTP": "true",
        "SETTLE_CALL_LOOPBACK": "true",
    }
    switches = tuple(os.environ.get("SETTLE_E2E_SWITCHES", "").split())
    options = host.HostOptions("embedded", 0, storage, auth=True, switches=switches, variables=variables)
    return host.start(project, options)


def _policy(project: Project) -> Path:
    """The example policy, with a rule in front whose stage lasts seconds: links can be seen to end.

    And with goods receipts: other tests name orders that nobody sent in.
    """
    policy = json.loads((project.root / "policy.json").read_bytes())
    stage = {"name": "clerk", "approvers": ["ann.roth@example.com"], "expire_after": "PT6S"}
    policy["rules"].insert(0, {"name": "quick", "when": {"currency": ["ISK"]}, "stages": [stage]})
    policy["goods_receipt"] = {"wait": "P30D", "unknown_order": "ignore"}
    file = project.data / "policy.json"
    file.write_text(json.dumps(policy))
    return file
