"""Starting a batch while an equal request does the same: one batch, and the same answer to both."""

from __future__ import annotations

import io
import json
import zipfile
from typing import Any

import azure.functions as func
import pytest

from stores import batch_names
from stores.blobs import BlobConflict
from tests.unit.page_requests import Client, handler, local_run, status
from triggers import batches


class StartingClient(Client):
    """A client that starts instances; of two of one id the second start is refused, as by the host.

    `unseen`: so many looks come before the other's start.
    """

    unseen = 0

    async def get_status(self, instance_id: str, *_: Any, **__: Any) -> Any:
        if self.unseen:
            self.unseen -= 1
            return None
        return await super().get_status(instance_id)

    async def start_new(self, name: str, instance_id: str, value: Any = None) -> str:
        if instance_id in self.statuses:
            raise RuntimeError(f"{instance_id} exists")
        self.statuses[instance_id] = status(instance_id, name=name)
        return instance_id


def _request() -> func.HttpRequest:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr(zipfile.ZipInfo("a.xml"), b"<Invoice/>")
    headers = {"content-type": "application/zip"}
    return func.HttpRequest(
        "POST", "http://localhost:7071/api/batches", headers=headers, body=buffer.getvalue()
    )


async def test_upload_that_an_equal_request_completed_first_is_as_good() -> None:
    """Of a large zip, sent twice at once, the slower one's blocks are gone: it goes on with the other's."""
    client = StartingClient()
    with local_run() as here:

        def overtaken(verb: str, name: str) -> None:
            if verb == "write" and name.endswith("upload.zip"):
                raise BlobConflict(f"{verb} {name}: another wrote it meanwhile")

        here.blobs.fails = overtaken  # pyright: ignore[reportAttributeAccessIssue] - the fake has it
        answer = await handler(batches.start_batch)(_request(), client=client)
        batch = json.loads(answer.get_body())["id"]
        listed = list(here.blobs.list(batch_names.INDEX))
    assert (answer.status_code, list(client.statuses)) == (202, [batch])
    assert [batch_names.batch_of_index(blob.name) for blob in listed] == [batch]


@pytest.mark.parametrize("moment", ["before", "meanwhile"])
async def test_equal_request_finds_the_batch(moment: str) -> None:
    """Whether the other one was started long before, or between the look and the start."""
    client = StartingClient()
    with local_run():
        first = await handler(batches.start_batch)(_request(), client=client)
        if moment == "meanwhile":
            client.unseen = 1
        second = await handler(batches.start_batch)(_request(), client=client)
    told = [json.loads(answer.get_body()) for answer in (first, second)]
    assert (first.status_code, second.status_code) == (202, 202)
    assert (told[0]["id"], told[0]["links"]) == (told[1]["id"], told[1]["links"])
