"""A batch over HTTP, from POST to the report; black box, on any host."""

from __future__ import annotations

import csv
import io
import json
import os
import re
import time
import uuid
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from urllib.parse import unquote, urljoin

import openpyxl
import pytest
import requests

from tests.e2e import calls
from tests.e2e.documents import Documents, invoices, zipped

ZIP = {"Content-Type": "application/zip"}


def send(base_url: str, documents: Documents, **headers: str) -> str:
    """Start a batch that nobody has to approve, and return its status URL."""
    url = f"{base_url}/api/batches?approval=false"
    answer = calls.post(url, data=zipped(documents), headers=ZIP | headers, timeout=60)
    assert answer.status_code == 202, answer.text
    return answer.headers["Location"]


def ended(url: str, seconds: float = 120) -> dict[str, Any]:
    """Poll as Logic Apps does: until the status is not 202."""
    deadline = time.monotonic() + seconds
    while True:
        answer = calls.get(url, timeout=30)
        if answer.status_code != 202:
            assert answer.status_code == 200, answer.text
            return answer.json()
        assert "Retry-After" in answer.headers
        assert answer.headers["Location"] == url
        assert time.monotonic() < deadline, answer.text
        time.sleep(0.2)


def report(status: dict[str, Any]) -> dict[str, Any]:
    """The report as JSON."""
    answer = calls.get(status["links"]["report_json"], timeout=60)
    assert answer.status_code == 200, answer.text
    return answer.json()


def error(answer: requests.Response) -> tuple[int, str]:
    """Status and code of an error answer, which always has the one shape."""
    body = answer.json()
    assert set(body) == {"error"}
    assert {"code", "message"} <= set(body["error"]) <= {"code", "message", "detail"}
    return answer.status_code, body["error"]["code"]


@pytest.fixture(scope="module")
def batch(base_url: str) -> tuple[Documents, dict[str, Any]]:
    """A finished batch of 60 valid invoices: more than one chunk."""
    documents = invoices(60)
    return documents, ended(send(base_url, documents))


def test_start_answers_at_once_with_our_own_status_url(base_url: str) -> None:
    """202, Location, Retry-After; no URL of the host's management API, which carries a key to everything."""
    documents = invoices(1)
    answer = calls.post(f"{base_url}/api/batches", data=zipped(documents), headers=ZIP, timeout=60)
    assert answer.status_code == 202
    assert answer.headers["Location"].startswith(f"{base_url}/api/batches/b")
    assert int(answer.headers["Retry-After"]) > 0
    assert "durabletask" not in answer.text
    assert ended(answer.headers["Location"])["status"] == "completed"


def test_batch_of_valid_invoices_completes(batch: tuple[Documents, dict[str, Any]]) -> None:
    """Every document is counted once, and each is valid."""
    documents, status = batch
    assert (status["status"], status["done"], status["total"]) == ("completed", 60, 60)
    assert status["counts"] == {"valid": 60}, report(status)["totals"]
    rows = report(status)["documents"]
    assert [(row["n"], row["name"]) for row in rows] == [
        (n, name) for n, (name, _) in enumerate(documents, start=1)
    ]


def test_progress_never_goes_backwards(base_url: str) -> None:
    """Whichever process of the host answers: what was counted once stays counted."""
    url = send(base_url, invoices(500))
    seen, deadline = [0], time.monotonic() + 240
    while True:
        answer = calls.get(url, timeout=30)
        seen.append(answer.json()["done"])
        if answer.status_code == 200:
            break
        assert time.monotonic() < deadline, answer.text
        time.sleep(0.02)
    assert seen == sorted(seen)
    assert seen[-1] == 500


def test_report_comes_in_four_formats(batch: tuple[Documents, dict[str, Any]]) -> None:
    """JSON, CSV, XLSX and HTML tell of the same documents."""
    documents, status = batch
    links = status["links"]
    as_csv = calls.get(links["report_csv"], timeout=60)
    assert as_csv.headers["Content-Type"].startswith("text/csv")
    assert len(list(csv.reader(io.StringIO(as_csv.content.decode("utf-8-sig"))))) == 61
    as_xlsx = calls.get(links["report_xlsx"], timeout=60)
    book = openpyxl.load_workbook(io.BytesIO(as_xlsx.content), read_only=True)
    names = {str(cell) for row in book.worksheets[0].iter_rows(values_only=True) for cell in row}
    assert {name for name, _ in documents} <= names
    as_html = calls.get(links["report_html"], timeout=60)
    assert as_html.headers["Content-Type"].startswith("text/html")
    assert "default-src 'none'" in as_html.headers["Content-Security-Policy"]
    assert "<script" not in as_html.text.lower()
    assert all(name in as_html.text for name, _ in documents)
    assert {one.headers["Cache-Control"] for one in (as_csv, as_xlsx, as_html)} == {"no-store"}


def test_document_comes_back_byte_for_byte(batch: tuple[Documents, dict[str, Any]]) -> None:
    """By its number, as a file to save under its own name."""
    documents, status = batch
    for n in (1, 33, 60):
        name, content = documents[n - 1]
        answer = calls.get(status["links"]["documents"].replace("{n}", str(n)), timeout=60)
        assert answer.content == content
        assert unquote(answer.headers["Content-Disposition"]).endswith(name.rpartition("/")[2])
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        assert answer.headers["Cache-Control"] == "no-store"


def test_html_report_links_to_the_documents(batch: tuple[Documents, dict[str, Any]]) -> None:
    """A relative link of the page leads to the document."""
    documents, status = batch
    page = calls.get(status["links"]["report_html"], timeout=60)
    links = re.findall(r'href="(documents/\d+)"', page.text)
    assert len(set(links)) == 60
    found = calls.get(urljoin(page.url, links[0]), timeout=60)
    assert found.content in [content for _, content in documents]


def test_multipart_form_is_a_batch(base_url: str) -> None:
    """Each file of the form is a document."""
    documents = invoices(3)
    files = [("files", (name, content, "application/xml")) for name, content in documents]
    answer = calls.post(f"{base_url}/api/batches", files=files, timeout=60)
    assert answer.status_code == 202, answer.text
    status = ended(answer.headers["Location"])
    assert status["counts"] == {"valid": 3}
    assert [row["name"] for row in report(status)["documents"]] == [name for name, _ in documents]


def test_container_and_prefix_are_a_batch(base_url: str, storage: str | None) -> None:
    """The blobs below the prefix are the documents; others in the container are not."""
    if storage is None:
        pytest.skip("the storage of the host is not known: set SETTLE_TEST_STORAGE to its connection string")
    from azure.storage.blob import BlobServiceClient

    prefix, documents = f"{uuid.uuid4().hex}/", invoices(3)
    container = BlobServiceClient.from_connection_string(storage).get_container_client("inbox")
    if not container.exists():
        container.create_container()
    for name, content in documents:
        container.upload_blob(prefix + name, content)
    container.upload_blob(f"other-{prefix}x.xml", b"not asked for")
    asked = {"container": "inbox", "prefix": prefix}
    answer = calls.post(f"{base_url}/api/batches", json=asked, timeout=60)
    assert answer.status_code == 202, answer.text
    rows = report(ended(answer.headers["Location"]))["documents"]
    assert sorted(row["name"] for row in rows) == sorted(prefix + name for name, _ in documents)


def test_container_without_documents_fails_with_a_reason(base_url: str, storage: str | None) -> None:
    """The batch ends as failed, and says where to look."""
    if storage is None:
        pytest.skip("the storage of the host is not known: set SETTLE_TEST_STORAGE to its connection string")
    asked = {"container": "inbox", "prefix": f"nothing-{uuid.uuid4().hex}/"}
    answer = calls.post(f"{base_url}/api/batches", json=asked, timeout=60)
    status = ended(answer.headers["Location"])
    assert (status["status"], status["error"]["code"]) == ("failed", "empty_batch")
    assert error(calls.get(f"{answer.headers['Location']}/report", timeout=30)) == (409, "no_report")


def test_same_content_finds_the_same_batch(base_url: str, batch: tuple[Documents, dict[str, Any]]) -> None:
    """A client that got no answer sends again, and nothing runs twice."""
    documents, status = batch
    again = calls.post(f"{base_url}/api/batches", data=zipped(documents), headers=ZIP, timeout=60)
    assert (again.status_code, again.json()["id"], again.json()["status"]) == (202, status["id"], "completed")
    assert ended(again.headers["Location"])["created"] == status["created"]


def test_idempotency_key_finds_the_same_batch(base_url: str) -> None:
    """The key counts, not the content: another content under the same key is the caller's mistake."""
    key, documents = uuid.uuid4().hex, invoices(2)
    first = send(base_url, documents, **{"Idempotency-Key": key})
    assert send(base_url, documents, **{"Idempotency-Key": key}) == first
    other = calls.post(
        f"{base_url}/api/batches",
        data=zipped(documents[:1]),
        headers=ZIP | {"Idempotency-Key": key},
        timeout=60,
    )
    assert error(other) == (422, "idempotency_key_reused")
    ended(first)


def test_large_upload_sent_four_times_at_once_is_one_batch(base_url: str) -> None:
    """As by a client that repeats after a time-out: over 64 MiB, storage takes an upload in blocks."""
    files = [(f"{n}.bin", os.urandom(11 * 1024 * 1024)) for n in range(6)]
    body, url = zipped(files, compressed=False), f"{base_url}/api/batches?approval=false"

    def post(_: int) -> requests.Response:
        return calls.post(url, data=body, headers=ZIP, timeout=300)

    with ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(post, range(4)))
    assert [answer.status_code for answer in answers] == [202] * 4, [answer.text for answer in answers]
    assert len({answer.headers["Location"] for answer in answers}) == 1
    assert ended(answers[0].headers["Location"])["counts"] == {"unreadable": 6}


def test_invoice_that_was_seen_before_is_a_duplicate(base_url: str) -> None:
    """Within the batch and of an earlier batch; the finding names the first one."""
    documents = invoices(2)
    first = ended(send(base_url, [*documents, ("copy.xml", documents[0][1])]))
    assert first["counts"] == {"valid": 2, "duplicate": 1}
    copy = report(first)["documents"][2]
    assert (copy["outcome"], copy["findings"][-1]["rule"]) == ("duplicate", "SETTLE-DUPLICATE")
    assert "document 1 of this batch" in copy["findings"][-1]["text"]

    second = ended(send(base_url, [documents[1], *invoices(1)]))
    assert second["counts"] == {"valid": 1, "duplicate": 1}
    assert f"document 2 of batch {first['id']}" in report(second)["documents"][0]["findings"][-1]["text"]


def test_batches_are_listed_newest_first_in_pages(base_url: str) -> None:
    """Following `next` from page to page shows each batch once."""
    made = []
    for _ in range(3):
        made.append(ended(send(base_url, invoices(1)))["id"])
    url, seen, pages = f"{base_url}/api/batches?top=2", [], 0
    while url and pages < 200 and not set(made) <= set(seen):
        body = calls.get(url, timeout=60).json()
        assert len(body["batches"]) <= 2
        seen += [one["id"] for one in body["batches"]]
        url, pages = body["links"].get("next"), pages + 1
    assert [one for one in seen if one in made] == made[::-1]
    assert len(set(seen)) == len(seen)


def test_running_batch_can_be_stopped(base_url: str) -> None:
    """It ends as stopped, claims nothing, and the same content can be sent again."""
    documents = invoices(600)
    url = send(base_url, documents)
    stopped = calls.delete(url, timeout=30)
    assert (stopped.status_code, stopped.json()["status"]) == (202, "stopping")
    status = ended(url)
    assert status["status"] == "stopped"
    assert error(calls.get(f"{url}/report", timeout=30)) == (409, "no_report")
    assert error(calls.delete(url, timeout=30)) == (409, "batch_ended")

    again = ended(send(base_url, documents))
    assert (again["id"], again["status"], again["counts"]) == (status["id"], "completed", {"valid": 600})


def test_progress_is_shown_while_the_batch_runs(base_url: str) -> None:
    """Done grows from one look to a later one, and never beyond the total."""
    url, seen = send(base_url, invoices(600)), []
    while (answer := calls.get(url, timeout=30)).status_code == 202:
        seen.append(answer.json())
        time.sleep(0.1)
    done = [one["done"] for one in seen if one["phase"] == "checking"]
    assert done == sorted(done)
    assert len(set(done)) > 1, seen
    assert {one["total"] for one in seen if one["phase"] == "checking"} <= {0, 600}


@pytest.mark.parametrize(
    ("method", "path", "expected"),
    [
        ("GET", "/api/batches/b" + "0" * 24, (404, "unknown_batch")),
        ("DELETE", "/api/batches/b" + "0" * 24, (404, "unknown_batch")),
        ("GET", "/api/batches/b" + "0" * 24 + "/report", (404, "unknown_batch")),
        ("GET", "/api/batches/b" + "0" * 24 + "/documents/1", (404, "unknown_batch")),
        ("GET", "/api/batches/nonsense", (404, "unknown_batch")),
        ("GET", "/api/batches/%2e%2e%2fsecret", (404, "unknown_batch")),
        ("GET", "/api/batches/b%22%27%3Cscript%3E", (404, "unknown_batch")),
        ("GET", "/api/batches/" + "é" * 5, (404, "unknown_batch")),
        ("GET", "/api/batches?top=0", (400, "bad_top")),
        ("GET", "/api/batches?top=x", (400, "bad_top")),
    ],
)
def test_unknown_and_odd_ids_are_not_found(
    base_url: str, method: str, path: str, expected: tuple[int, str]
) -> None:
    """A clear 404 or 400, never a 500, and nothing of the path is looked up as a blob."""
    assert error(calls.request(method, base_url + path, timeout=30)) == expected


def test_path_with_a_zero_byte_is_no_request(base_url: str) -> None:
    """The web server in front of the Functions host answers before any function, and without a word."""
    answer = calls.get(f"{base_url}/api/batches/b%00", timeout=30)
    assert (answer.status_code, answer.content) == (400, b"")


def test_report_and_document_requests_are_checked(
    base_url: str, batch: tuple[Documents, dict[str, Any]]
) -> None:
    """An unknown format and a document that the batch does not have."""
    own = f"{base_url}/api/batches/{batch[1]['id']}"
    assert error(calls.get(f"{own}/report?format=pdf", timeout=30)) == (400, "bad_format")
    assert error(calls.get(f"{own}/documents/61", timeout=30)) == (404, "unknown_document")
    assert calls.get(f"{own}/documents/first", timeout=30).status_code == 404


def test_health_says_what_answers(base_url: str) -> None:
    """200 with a word for each thing that the app stands on."""
    answer = calls.get(f"{base_url}/api/healthz", timeout=30)
    checks = answer.json()["checks"]
    assert (answer.status_code, answer.json()["status"]) == (200, "ok")
    assert {"storage", "task_hub", "rules", "policy", "links", "ledger"} <= checks.keys()
    assert set(checks.values()) == {"ok"}


def test_report_is_json_that_any_reader_takes(batch: tuple[Documents, dict[str, Any]]) -> None:
    """Money is text, so that no reader rounds it; there is no NaN in it."""
    text = calls.get(batch[1]["links"]["report_json"], timeout=60).text
    rows = json.loads(text, parse_constant=pytest.fail)["documents"]
    assert all(re.fullmatch(r"-?\d+(\.\d+)?", row["invoice"]["payable"]) for row in rows)
