"""Work at another host that the host itself calls, and that is polled: no workflow of the app does so yet.

The generator is there for any workflow, so its histories are those of one of our own.
"""

from __future__ import annotations

from collections.abc import Generator, Iterator
from datetime import timedelta
from typing import Any

import azure.durable_functions as df

from devhost.testing import Host
from orchestrators.durable_http import call_and_poll
from tests.histories.kept import Keep, Recorded, of_host

_URL = "https://api.example.com/jobs"
bp = df.Blueprint()


@bp.orchestration_trigger(context_name="context")
def polled_work(context: df.DurableOrchestrationContext) -> Generator[Any, Any, Any]:
    """Post once and poll for an hour at most; the output is the status of the last answer."""
    until = context.current_utc_datetime + timedelta(hours=1)
    answer = yield from call_and_poll(context, "POST", _URL, until, content="go")
    return None if answer is None else answer.status


def scenes(version: str) -> Iterator[Recorded]:
    """Histories of instances that are started with a version, by file name: there are none before 1.3."""
    if tuple(int(part) for part in version.split(".")) < (1, 3):
        return
    for file, looks, minutes in (("done", 2, 61), ("waiting", 9, 1), ("given-up", 999, 61)):
        yield _played(version, f"polled-work-{file}", looks, minutes)


def _played(version: str, file: str, looks: int, minutes: int) -> Recorded:
    asked: list[str] = []

    def answer(request: dict[str, Any]) -> dict[str, Any]:
        asked.append(request["uri"])
        if len(asked) > looks:
            return {"statusCode": 200, "headers": {}, "content": "done"}
        return {"statusCode": 202, "headers": {"Location": "/jobs/1", "Retry-After": "300"}, "content": ""}

    def play(host: Host) -> Keep:
        host.start("polled_work", instance_id="polled")
        host.advance(minutes=minutes)
        return {"polled": file}

    return of_host(version, [bp], play, http=answer)
