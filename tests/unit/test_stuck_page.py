"""The page of stuck runs, and what people do there."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import azure.functions as func
from azure.durable_functions import OrchestrationRuntimeStatus as Runtime

from invoicing.records.supervision import FailedRun, OpenWork
from invoicing.supervision import case_of
from stores import supervised
from tests.unit.approvals_on_paper import ANN
from tests.unit.page_requests import Client, handler, local_run, request, status
from triggers import pages_runs, pages_stuck, watching

RUN = "i" + "1" * 24
WORK = OpenWork(instance=RUN, orchestrator="process_invoice", input={})
FAULT = "Orchestrator function 'process_invoice' failed: KeyError: <b>x</b>"


class Hub(Client):
    """A task hub that notes what it is asked to do."""

    def __init__(self, *statuses: Any) -> None:
        super().__init__(*statuses)
        self.rewound: list[tuple[str, str]] = []

    async def rewind(self, instance_id: str, reason: str) -> None:
        self.rewound.append((instance_id, reason))

    async def get_status_by(self, **asked: Any) -> list[Any]:
        return [one for one in self.statuses.values() if one.runtime_status in asked["runtime_status"]]


def failed() -> Hub:
    """A task hub with one run that failed of itself."""
    return Hub(status(RUN, name="process_invoice", runtime_status=Runtime.Failed, output=FAULT))


async def _page(builder: Any, hub: Hub, path: str, **more: Any) -> Any:
    return await handler(builder)(request(path, **more), client=hub)


async def test_page_names_what_is_stuck_and_what_may_be_done() -> None:
    """Each with its buttons; what failed is shown as text."""
    long_ago = datetime.now(UTC) - timedelta(hours=3)
    hub = failed()
    pending = status("b" + "1" * 24, name="process_batch", runtime_status=Runtime.Pending)
    pending.created_time = long_ago
    hub.statuses[pending.instance_id] = pending
    with local_run() as services:
        run = FailedRun(work=WORK, failure=FAULT)
        supervised.keep(services.blobs, case_of(run, datetime.now(UTC), None))
        page = (await _page(pages_stuck.page_stuck, hub, "/stuck")).get_body().decode()
        assert "its start" in page
        assert "3 hours" in page
        assert "KeyError: &lt;b&gt;x" in page
        for act in ("restart", "rewind", "close"):
            assert f'action="/runs/{RUN}/{act}"' in page
        assert page.index(pending.instance_id) < page.index(RUN)  # the longest wait first

        shown = (await _page(pages_runs.page_run, hub, f"/runs/{RUN}")).get_body().decode()
        assert "somebody who mends a fault" in shown
        assert f'action="/runs/{RUN}/close"' in shown


async def test_page_where_nothing_is_stuck() -> None:
    """Most days. A run that has ended well waits for nothing."""
    hub = Hub(status(RUN, runtime_status=Runtime.Completed, output={"status": "booked"}))
    with local_run():
        assert "Nothing is stuck" in (await _page(pages_stuck.page_stuck, hub, "/stuck")).get_body().decode()
        shown = (await _page(pages_runs.page_run, hub, f"/runs/{RUN}")).get_body().decode()
        assert "Waits for" not in shown


class Crowd(Hub):
    """A task hub with many runs, of which it lists 100 at most, and which counts what it is asked."""

    def __init__(self, runs: list[Any]) -> None:
        super().__init__(*runs)
        self.lists = self.histories = 0

    async def get_status(self, instance_id: str, *_: Any, **__: Any) -> Any:
        self.histories += 1
        return self.statuses.get(instance_id)

    async def get_status_by(self, **asked: Any) -> list[Any]:
        self.lists += 1
        prefix = asked.get("instance_id_prefix") or ""
        first, last = asked["created_time_from"], asked["created_time_to"]
        found = (one for one in self.statuses.values() if one.instance_id.startswith(prefix))
        return [one for one in found if first <= one.created_time <= last][:100]


async def test_a_look_has_bounds_however_many_runs_there_are() -> None:
    """What it has not looked at is said, and the next look goes on there."""
    now = datetime.now(UTC)
    begun = [now - timedelta(hours=1, seconds=number) for number in range(5000)]
    runs = [status(f"i{n:024x}", name="process_invoice", created_time=at) for n, at in enumerate(begun)]
    hub = Crowd(runs)
    with local_run():
        found = await watching.look(hub, now)  # pyright: ignore[reportArgumentType]
        assert found.before is not None
        assert found.before > begun[-1]
        assert hub.lists <= 80
        assert hub.histories <= watching.MOST

        quiet = Crowd([])
        assert (await watching.look(quiet, now)).before is None  # pyright: ignore[reportArgumentType]
        assert quiet.lists <= 10


async def test_person_closes_and_rewinds() -> None:
    """Who it was goes with the reason."""
    hub = failed()
    with local_run() as services:
        supervised.note(services.blobs, WORK)
        form: dict[str, Any] = {"method": "POST", "fields": {"reason": "It was mended."}}
        answer = await _page(pages_stuck.page_rewind, hub, f"/runs/{RUN}/rewind", **form)
        assert (answer.status_code, answer.headers["location"]) == (303, f"/runs/{RUN}")
        assert hub.rewound == [(RUN, f"By%20{ANN.replace('@', '%40')}%3A%20It%20was%20mended.")]

        answer = await _page(pages_stuck.page_close, hub, f"/runs/{RUN}/close", **form)
        assert (answer.status_code, answer.headers["location"]) == (303, "/stuck?done=close")
        assert not supervised.is_noted(services.blobs, RUN)
        case = supervised.case_of(services.blobs, RUN)
        assert case is not None
        assert case.closed is not None


async def test_forms_of_others_and_long_reasons_are_refused() -> None:
    """Nothing is done then."""
    hub = failed()
    with local_run():
        path = f"/runs/{RUN}/close"
        bare = await _page(pages_stuck.page_close, hub, path, method="POST")
        assert bare.status_code == 403
        form = {"reason": "x" * 301}
        long = await _page(pages_stuck.page_close, hub, path, method="POST", fields=form)
        assert long.status_code == 400
        assert hub.rewound == []


async def test_odd_questions_have_clear_answers() -> None:
    """A moment that is none, an id that can be none."""
    with local_run():
        for before, code in (("yesterday", 400), ("0001-01-01T00:00:00Z", 200), ("9999-12-31", 200)):
            answer = await _page(watching.list_stuck, Hub(), f"/api/stuck?before={before}")
            assert answer.status_code == code, before
        for instance in ("..", "a b", "x" * 201, "a?b"):
            url, route = "https://settle.example/api/stuck/x", {"id": instance}
            req = func.HttpRequest("GET", url, route_params=route, body=b"")
            assert (await handler(watching.get_waiting)(req, client=Hub())).status_code == 404
