"""The batch API of the app, from the outside: send a batch, wait for it, read its report."""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from devtools.errors import DevError
from devtools.http_client import HttpClient

Status = dict[str, Any]
"""The JSON of ``GET /api/batches/{id}``: id, status, phase, done, total, counts, links, error."""

FINISHED = frozenset({"completed", "stopped", "failed"})
POLL_SECONDS = 0.5
# A question costs the app a listing of storage: what takes long is asked for less often.
LONGEST_POLL_SECONDS, POLL_SHARE = 2.0, 0.1
# A host that restarts (a crash test, a redeployment) may be away for a moment.
AWAY_SECONDS = 30.0


@dataclass(frozen=True)
class Started:
    """A batch that was accepted: its id and the URL of its status."""

    id: str
    url: str


def next_pause(waited: float, shortest: float) -> float:
    """How long to wait until the next question, after so many seconds of waiting."""
    return max(shortest, min(waited * POLL_SHARE, LONGEST_POLL_SECONDS))


class BatchClient:
    """Sends batches to one host; ``key`` is its function key, where it asks for one."""

    def __init__(self, base_url: str, *, timeout: float = 120.0, key: str | None = None) -> None:
        self.key = key
        self.http = HttpClient(base_url, timeout=timeout, headers={"x-functions-key": key} if key else {})

    def post_batch(
        self,
        content: bytes,
        *,
        content_type: str = "application/zip",
        headers: Mapping[str, str] | None = None,
    ) -> Started:
        """Send a batch. Raises ApiError when it is refused."""
        answer = self.http.request(
            "POST", "/api/batches", body=content, headers={"Content-Type": content_type, **(headers or {})}
        )
        location = answer.headers.get("Location")
        if answer.status != 202 or not location:
            raise DevError(
                f"POST /api/batches answered {answer.status} without a Location; 202 was expected."
            )
        return Started(str(answer.json()["id"]), self.http.url(location))

    def status(self, batch: str) -> Status:
        """The status of a batch, by its id or its URL."""
        return self.http.get_json(batch if "/" in batch else f"/api/batches/{batch}")

    def wait(
        self,
        batch: str,
        *,
        timeout: float = 600.0,
        poll: float = POLL_SECONDS,
        seen: Callable[[Status], None] = lambda status: None,
        check: Callable[[], None] = lambda: None,
        away: float = AWAY_SECONDS,
    ) -> Status:
        """Poll until the batch is finished and return its last status; ``seen`` gets each one.

        ``poll`` seconds lie between two questions, more of them the longer it takes.
        ``check`` is called before each question and may raise to end the wait. A host that does not answer is
        waited for, up to ``away`` seconds. Raises DevError when ``timeout`` seconds are over.
        """
        started = time.monotonic()
        deadline = started + timeout
        last_answer = time.monotonic()
        while True:
            check()
            try:
                status = self.status(batch)
                last_answer = time.monotonic()
                seen(status)
                if status["status"] in FINISHED:
                    return status
            except OSError:
                if time.monotonic() - last_answer > away:
                    raise
            if time.monotonic() > deadline:
                raise DevError(f"The batch was not done after {timeout:.0f} seconds: {batch}")
            time.sleep(next_pause(time.monotonic() - started, poll))

    def approvals(self) -> list[dict[str, Any]]:
        """The approvals that wait for a decision."""
        return list(self.http.get_json("/api/approvals")["approvals"])

    def report(self, batch: str, format: str = "json") -> Any:
        """The report of a finished batch: parsed for ``json``, else the bytes of the file."""
        answer = self.http.request("GET", f"/api/batches/{batch}/report?format={format}")
        return answer.json() if format == "json" else answer.body
