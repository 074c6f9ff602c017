"""Who holds the workflows of Core Tools in storage, and until when.

Core Tools take hold of each partition of the task hub for 30 to 60 seconds and renew that. After a `kill -9`
the hold lasts for the rest of its time, in the name of this machine. Core Tools that start meanwhile find the
partition to be theirs, go on renewing it, and never read its messages (mended in later versions of the
extension): every workflow stands still. So the rest is waited for.
"""

import base64
import hashlib
import hmac
import json
import os
import socket
import time
import urllib.parse
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path
from typing import Any

from devtools.console import Console
from devtools.errors import ApiError, DevError
from devtools.http_client import HttpClient

#: Longer than any hold that nobody renews.
LONGEST = timedelta(seconds=70)
_API_VERSION = "2019-02-02"
_SETTING = "extensions__durableTask__hubName"


@dataclass(frozen=True)
class Lease:
    """One partition of a task hub: `owner` is a machine, `expires` has a time zone."""

    partition: str
    owner: str
    expires: datetime


@dataclass(frozen=True)
class TableAccount:
    """The tables of a storage account, and the key that opens them."""

    name: str
    key: bytes
    url: str


def hub_name(root: Path, environment: Mapping[str, str] = os.environ) -> str | None:
    """The task hub that `host.json` or the environment names; None where it names none outright."""
    override = environment.get(f"AzureFunctionsJobHost__{_SETTING}")
    try:
        tree: Any = json.loads((root / "host.json").read_text("utf-8-sig"))
        written = override or tree["extensions"]["durableTask"]["hubName"]
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return written if isinstance(written, str) and written.isalnum() else None


def table_account(connection: str) -> TableAccount | None:
    """The tables that a connection string leads to, None where it has no key."""
    parts = dict(part.split("=", 1) for part in connection.split(";") if "=" in part)
    name, key = parts.get("AccountName"), parts.get("AccountKey")
    if not name or not key:
        return None
    suffix, scheme = (
        parts.get("EndpointSuffix", "core.windows.net"),
        parts.get("DefaultEndpointsProtocol", "https"),
    )
    url = parts.get("TableEndpoint") or f"{scheme}://{name}.table.{suffix}"
    return TableAccount(name, base64.b64decode(key), url.rstrip("/"))


def request(
    account: TableAccount, method: str, resource: str, body: Mapping[str, Any] | None = None
) -> dict[str, Any]:
    """Send one request to the table service; returns its JSON. Raises ApiError, and OSError for no answer."""
    date = format_datetime(datetime.now(UTC), usegmt=True)
    path = urllib.parse.urlsplit(f"{account.url}/{resource}").path
    signed = hmac.new(account.key, f"{date}\n/{account.name}{path}".encode(), hashlib.sha256).digest()
    headers = {
        "Authorization": f"SharedKeyLite {account.name}:{base64.b64encode(signed).decode()}",
        "x-ms-date": date,
        "x-ms-version": _API_VERSION,
        "Accept": "application/json;odata=nometadata",
        "Content-Type": "application/json",
    }
    data = None if body is None else json.dumps(body).encode()
    answer = HttpClient(account.url, timeout=10).request(
        method, f"{account.url}/{resource}", body=data, headers=headers
    )
    return answer.json() if answer.body else {}


def leases(account: TableAccount, hub: str) -> list[Lease]:
    """The partitions of a task hub that somebody holds; none where there is no such hub yet.

    Raises DevError and OSError where the service does not say.
    """
    try:
        rows = request(account, "GET", f"{hub}Partitions()").get("value", [])
    except ApiError as error:
        if error.status == 404:
            return []
        raise
    try:
        return [
            Lease(row["RowKey"], row["CurrentOwner"], datetime.fromisoformat(row["ExpiresAt"]))
            for row in rows
            if row.get("CurrentOwner") and row.get("ExpiresAt")
        ]
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise DevError(f"the table of partitions is not as expected: {error!r}") from error


def seconds_left(held: Sequence[Lease], machine: str, now: datetime) -> float:
    """How long this machine's hold on partitions lasts; 0 where it has none."""
    ends = [lease.expires for lease in held if lease.owner.lower() == machine.lower()]
    return max([0.0, *((end - now).total_seconds() for end in ends)])


def wait_for_leases(
    console: Console,
    connection: str,
    hub: str | None,
    *,
    machine: str | None = None,
    now: Callable[[], datetime] = lambda: datetime.now(UTC),
    sleep: Callable[[float], None] = time.sleep,
) -> None:
    """Return when Core Tools may start on a storage; says so where that takes a while.

    A storage that does not tell is no reason not to start.
    """
    account = table_account(connection)
    if account is None or hub is None:
        return
    # As .NET names the machine: without its domain.
    machine = machine or socket.gethostname().partition(".")[0]
    deadline, told = now() + LONGEST, False
    while True:
        try:
            left = seconds_left(leases(account, hub), machine, now())
        except (DevError, OSError) as error:
            console.note(f"could not see whether Core Tools were killed here a moment ago: {error}")
            return
        if left <= 0:
            return
        if now() >= deadline:
            console.note("another host works on this storage: the workflows are shared with it")
            return
        if not told:
            console.note(
                f"Core Tools were killed here a moment ago; waiting {left:.0f} s until their hold on the"
                " workflows ends (if they started sooner, no workflow would go on)"
            )
            told = True
        sleep(min(left, 5.0) + 0.1)
