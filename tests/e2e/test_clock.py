"""What runs on a clock, over HTTP: the sweep of a container, blobs taken at once, and what is stuck."""

from __future__ import annotations

import contextlib
import uuid
from collections.abc import Iterator
from typing import Any

import pytest

from tests.e2e import calls
from tests.e2e.approvals import invoice, until
from tests.e2e.documents import Documents, invoices
from tests.e2e.visitors import Visitor, hidden_fields

ANN = "ann.roth@example.com"


@pytest.fixture
def container(storage: str | None, inbox: str) -> Iterator[Any]:
    """The container that is swept."""
    if storage is None:
        pytest.skip("the storage of this host is not known: SETTLE_TEST_STORAGE names it")
    from azure.core.exceptions import ResourceExistsError
    from azure.storage.blob import BlobServiceClient

    with BlobServiceClient.from_connection_string(storage) as service:
        made = service.get_container_client(inbox)
        with contextlib.suppress(ResourceExistsError):
            made.create_container()
        yield made


def put(container: Any, folder: str, documents: Documents) -> None:
    """Put blobs into the container, over older ones."""
    for name, content in documents:
        container.upload_blob(f"{folder}/{name}", content, overwrite=True)


def batches(base_url: str, source: str) -> list[dict[str, Any]]:
    """The newest batches whose source begins so, as soon as their documents are known."""
    listed = calls.get(f"{base_url}/api/batches?top=20").json()["batches"]
    return [one for one in listed if str(one["source"]).startswith(source) and one["total"]]


def sweep(base_url: str) -> None:
    """Have the timer come by, as an operator does."""
    answer = calls.operate("POST", f"{base_url}/admin/functions/sweep_inbox", json={"input": ""})
    assert answer.status_code == 202, answer.text


def test_blob_is_taken_at_once(base_url: str, inbox: str, container: Any) -> None:
    """It is a batch of its own. This is before the others: a sweep that is under way might take it first."""
    if not inbox.startswith("inbox-"):
        pytest.skip("whether this host takes blobs at once is not known")
    name = f"now/{uuid.uuid4().hex}.xml"
    container.upload_blob(name, invoices(1)[0][1])
    [batch] = until(lambda: batches(base_url, f"{inbox}/{name}"))
    assert batch["total"] == 1


def test_what_lies_in_the_container_is_one_batch(base_url: str, inbox: str, container: Any) -> None:
    """Once, however often it is swept; a blob that was overwritten is a new document."""
    folder, documents = uuid.uuid4().hex, invoices(3)
    put(container, folder, documents)
    sweep(base_url)
    [first] = until(lambda: batches(base_url, f"{inbox}, "))
    assert first["total"] == 3

    put(container, folder, documents[:1])

    def swept_again() -> list[dict[str, Any]] | None:
        sweep(base_url)  # the last sweep may still be tidying up
        found = batches(base_url, f"{inbox}, ")
        return found if len(found) > 1 else None

    assert [one["total"] for one in until(swept_again)] == [1, 3]
    assert len(list(container.list_blobs(folder))) == 3


def test_what_is_stuck_is_told_and_closed(base_url: str) -> None:
    """An invoice waits for people and is not stuck; closed, it says why in its ledger."""
    sent = calls.post(
        f"{base_url}/api/invoices", data=invoice(), headers={"Content-Type": "application/xml"}
    ).json()
    run = f"{base_url}/api/stuck/{sent['id']}"
    waiting = until(lambda: _waits_for(run, "approval"))
    assert (waiting["stuck"], waiting["actions"]) == (False, ["close"])
    approval = calls.get(f"{base_url}/api/invoices/{sent['id']}").json()["approval"]
    person = until(lambda: _waits_for(f"{base_url}/api/stuck/{approval}", "person"))
    assert person["actions"] == ["reassign"]

    stuck = calls.get(f"{base_url}/api/stuck").json()
    assert sent["id"] not in [one["instance"] for one in stuck["runs"]]

    closed = calls.post(f"{run}/close", json={"reason": "It was sent twice."})
    assert closed.json() == {"instance": sent["id"], "done": "close"}
    assert calls.get(run).status_code == 404
    told = calls.get(f"{base_url}/api/approvals/{approval}").json()
    assert (told["status"], told["closed"]) == ("failed", True)


def test_page_of_what_is_stuck(base_url: str) -> None:
    """Somebody who is signed in sees it; what waits is told on the page of a run as well."""
    visitor = Visitor(base_url)
    if visitor.get("/sign-in").status_code == 404:
        pytest.skip("the host has no development sign-in")
    visitor.sign_in(ANN)
    page = visitor.get("/stuck")
    assert page.status_code == 200
    assert "Stuck runs" in page.text
    assert hidden_fields(page.text)
    assert visitor.post(f"/runs/{'i' + '0' * 24}/close", hidden_fields(page.text)).status_code == 404


def _waits_for(url: str, kind: str) -> dict[str, Any] | None:
    answer = calls.get(url)
    return answer.json() if answer.status_code == 200 and answer.json()["waits_for"] == kind else None
