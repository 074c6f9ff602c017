"""What is answered for an error: the same status from the API and from a page."""

from __future__ import annotations

import io
import json
import zipfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import azure.functions as func
import pytest

from adapters import csrf, services
from adapters.setting_values import SettingError
from invoicing.approval.policy import PolicyInvalid
from invoicing.rules.folder import RulesMissing
from stores.blobs import StorageRefused, StorageUnavailable
from stores.records import RecordDamaged
from tests.unit.page_requests import Client, handler, local_run, request, text
from triggers import batches, pages_batches
from triggers.errors import Refused
from triggers.pages_common import page
from triggers.responses import answers_errors

ERRORS = [
    (Refused(409, "batch_ended", "The batch has ended already."), 409, "batch_ended"),
    (StorageUnavailable("away"), 503, "storage_unavailable"),
    (StorageRefused("no"), 500, "storage_refused"),
    (SettingError("SETTLE_LINK_KEY is not set."), 503, "setting"),
    (RulesMissing("the rules are missing"), 503, "rules_missing"),
    (PolicyInvalid(["no rule"]), 503, "policy_invalid"),
    (RecordDamaged("batches/b1/batch.json"), 500, "record_damaged"),
    (KeyError("x"), 500, "internal"),
]


@pytest.mark.parametrize(("error", "status", "code"), ERRORS, ids=[code for _, _, code in ERRORS])
async def test_api_and_pages_answer_an_error_with_the_same_status(
    error: Exception, status: int, code: str
) -> None:
    """One mapping: the API says the code, a page has a title for it; both say when to come back."""

    async def handle(req: func.HttpRequest) -> func.HttpResponse:
        raise error

    with local_run():
        told = await answers_errors(handle)(request("/api/batches"))
        shown = await page(handle)(request("/batches"))
    assert (told.status_code, json.loads(told.get_body())["error"]["code"]) == (status, code)
    assert (shown.status_code, shown.mimetype) == (status, "text/html")
    assert told.headers.get("Retry-After") == shown.headers.get("Retry-After")


async def test_page_tells_what_to_mend_and_hides_what_went_wrong_inside() -> None:
    """A setting that is missing is named; the text of a fault of ours is for the log."""

    async def unset(req: func.HttpRequest) -> func.HttpResponse:
        raise SettingError("SETTLE_LINK_KEY is not set.")

    async def broken(req: func.HttpRequest) -> func.HttpResponse:
        raise KeyError("secret of ours")

    with local_run():
        assert "SETTLE_LINK_KEY is not set." in text(await page(unset)(request("/batches")))
        assert "secret of ours" not in text(await page(broken)(request("/batches")))


# ---------------------------------------------------------------- a policy that cannot be used


def _zip() -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr(zipfile.ZipInfo("a.xml"), b"<Invoice/>")
    return buffer.getvalue()


def _api_request() -> func.HttpRequest:
    headers = {"content-type": "application/zip"}
    return func.HttpRequest("POST", "https://settle.example/api/batches", headers=headers, body=_zip())


def _page_request() -> func.HttpRequest:
    """The form of the page, with one zip in it."""
    made = request("/batches", method="POST", fields={})
    token = made.get_body().decode().partition(f"{csrf.FIELD}=")[2]
    head = b"--limit\r\nContent-Disposition: form-data; name="
    body = b"".join(
        [
            head + f'"{csrf.FIELD}"\r\n\r\n{token}\r\n'.encode(),
            head + b'"files"; filename="a.zip"\r\n\r\n' + _zip() + b"\r\n--limit--\r\n",
        ]
    )
    headers = dict(made.headers) | {"content-type": "multipart/form-data; boundary=limit"}
    return func.HttpRequest("POST", made.url, headers=headers, body=body)


async def test_batch_without_a_usable_policy_is_refused_alike(tmp_path: Path) -> None:
    """The page answered 500, as if something of ours was broken."""
    with local_run() as made:
        unset = replace(made, settings=replace(made.settings, policy_file=tmp_path / "none.json"))
        with services.replaced_by(unset):
            client: Any = Client()
            told = await handler(batches.start_batch)(req=_api_request(), client=client)
            shown = await handler(pages_batches.send_batch)(req=_page_request(), client=client)
    assert (told.status_code, json.loads(told.get_body())["error"]["code"]) == (503, "policy_invalid")
    assert shown.status_code == 503
    assert "none.json" in text(shown)


# ---------------------------------------------------------------- how a host hands a request over


@pytest.mark.parametrize("guard", [page, answers_errors])
async def test_handlers_may_be_called_by_name_and_by_position(guard: Any) -> None:
    """Hosts and versions of the SDK differ in it."""

    @guard
    async def handle(req: func.HttpRequest, client: Any) -> func.HttpResponse:
        return func.HttpResponse(f"{req.method} {client}")

    with local_run():
        answers = [
            await handle(req=request("/batches"), client="hub"),
            await handle(request("/batches"), "hub"),
            await handle(request("/batches"), client="hub"),
        ]
    assert [answer.get_body() for answer in answers] == [b"GET hub"] * 3
