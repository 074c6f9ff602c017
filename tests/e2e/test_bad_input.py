"""Bad input over HTTP: an answer for a useless request, a finding for a bad document; the rest goes on."""

from __future__ import annotations

import http.client
import os
import uuid
from urllib.parse import urlsplit

import pytest

from tests.e2e import calls
from tests.e2e.documents import (
    encrypted_pdf,
    invoices,
    lying_zip,
    plain_pdf,
    with_doctype,
    zipped,
)
from tests.e2e.test_batches import ZIP, ended, error, report, send

MIB = 1024 * 1024


def _post(base_url: str, body: bytes, content_type: str = "application/zip") -> tuple[int, str]:
    headers = {"Content-Type": content_type} if content_type else {}
    return error(calls.post(f"{base_url}/api/batches", data=body, headers=headers, timeout=60))


@pytest.mark.parametrize(
    ("body", "content_type", "expected"),
    [
        (zipped([]), "application/zip", (400, "empty_zip")),
        (b"PK\x03\x04 and then nothing", "application/zip", (400, "not_a_zip")),
        (b"<Invoice/>", "application/zip", (400, "not_a_zip")),
        (b"<Invoice/>", "application/xml", (415, "unsupported_media_type")),
        (b"x", "text/plain", (415, "unsupported_media_type")),
        (b"", "application/zip", (400, "empty_body")),
        (b"{", "application/json", (400, "bad_json")),
        (b'{"container": "settle"}', "application/json", (400, "container_not_allowed")),
        (b"--b--\r\n", "multipart/form-data; boundary=b", (400, "no_files")),
    ],
)
def test_useless_request_is_refused(
    base_url: str, body: bytes, content_type: str, expected: tuple[int, str]
) -> None:
    """4xx, in the one shape of errors."""
    assert _post(base_url, body, content_type) == expected


def test_zip_with_too_many_files_is_refused(base_url: str) -> None:
    """20,001 of them: 413 before anything is unpacked."""
    body = zipped([(f"{n}", b"") for n in range(20_001)], compressed=False)
    assert _post(base_url, body) == (413, "too_many_documents")


def test_zip_that_declares_too_much_is_refused(base_url: str) -> None:
    """A bomb of many members: 60 times 20 MiB of nothing in a small zip."""
    zeros = bytes(20 * MIB)
    body = zipped([(f"{n}.xml", zeros) for n in range(60)])
    assert _post(base_url, body) == (413, "archive_too_large")


def test_body_over_the_limit_is_refused(base_url: str) -> None:
    """91 MiB, where the limit is 90."""
    assert _post(base_url, b"\0" * (91 * MIB)) == (413, "body_too_large")


def test_bad_documents_are_findings_and_the_others_are_reported(base_url: str) -> None:
    """Each bad file is named with what is wrong with it; the two invoices among them stay valid."""
    (good_name, good), (other_name, other) = invoices(2)
    entity = '<!ENTITY x SYSTEM "file:///etc/passwd">'
    bad = {
        "../climbs.xml": (other, "SETTLE-ZIP-PATH"),
        "empty.xml": (b"", "SETTLE-FILE-EMPTY"),
        "bomb.xml": (b" " * (15 * MIB), "SETTLE-ZIP-RATIO"),
        "nested.zip": (zipped([("inside.xml", other)]), "SETTLE-ZIP-NESTED"),
        "page.pdf": (plain_pdf(), "SETTLE-PDF-NO-INVOICE"),
        "locked.pdf": (encrypted_pdf(), "SETTLE-PDF-ENCRYPTED"),
        "dtd.xml": (with_doctype(other, "<!ELEMENT a ANY>"), "SETTLE-XML-DTD"),
        "entity.xml": (with_doctype(other, entity), "SETTLE-XML-DTD"),
        "picture.png": (b"\x89PNG\r\n\x1a\n" + os.urandom(100), None),
        "cut.xml": (good[: len(good) // 2], None),
    }
    documents = [
        (good_name, good),
        *((name, content) for name, (content, _) in bad.items()),
        (other_name, other),
    ]
    status = ended(send(base_url, documents))
    assert status["status"] == "completed"
    assert status["counts"] == {"valid": 2, "unreadable": len(bad)}, report(status)["documents"]
    rows = {row["name"]: row for row in report(status)["documents"]}
    for name, (_, rule) in bad.items():
        findings = rows[name]["findings"]
        assert rows[name]["outcome"] == "unreadable"
        assert findings[0]["severity"] == "fatal"
        assert findings[0]["text"].endswith(".")
        assert rule is None or findings[0]["rule"] == rule, (name, findings)
        assert "root:" not in str(findings), "an external entity was read"


def test_file_of_60_mb_is_a_finding(base_url: str) -> None:
    """It is not unpacked, it is named, and the invoice beside it is valid."""
    huge = os.urandom(MIB) * 60
    documents = [("huge.bin", huge), *invoices(1)]
    answer = calls.post(
        f"{base_url}/api/batches", data=zipped(documents, compressed=False), headers=ZIP, timeout=120
    )
    assert answer.status_code == 202, answer.text
    status = ended(answer.headers["Location"])
    assert status["counts"] == {"unreadable": 1, "valid": 1}
    row = report(status)["documents"][0]
    assert (row["size"], row["findings"][0]["rule"]) == (60 * MIB, "SETTLE-FILE-TOO-LARGE")
    own = status["links"]["documents"].replace("{n}", "1")
    assert error(calls.get(own, timeout=30)) == (404, "document_not_taken")


def test_zip_that_lies_about_a_size_is_a_finding(base_url: str) -> None:
    """The header says 10 bytes, the content has more: it is damaged, and no more is read than announced."""
    answer = calls.post(
        f"{base_url}/api/batches", data=lying_zip("liar.xml", b"x" * 5000, 10), headers=ZIP, timeout=60
    )
    status = ended(answer.headers["Location"])
    assert status["counts"] == {"unreadable": 1}
    assert report(status)["documents"][0]["findings"][0]["rule"] == "SETTLE-ZIP-DAMAGED"


NO_BATCH, NO_APPROVAL = "b" + "0" * 24, "a" + "0" * 24
JSON = {"Content-Type": "application/json"}
XML = {"Content-Type": "application/xml"}
FORM = {"Content-Type": "multipart/form-data; boundary=x"}
# What a header, a query or a path may hold by mistake or on purpose; each costs its sender a 4xx at most.
ODD_REQUESTS: list[tuple[str, str, dict[str, str | bytes], bytes]] = [
    ("POST", "/api/batches", {**JSON}, b'{"container": "inbox", "prefix": "\\ud800"}'),
    ("POST", "/api/batches", {**JSON}, b'{"container": "inbox", "\\ud800": 1}'),
    ("POST", "/api/batches", {**JSON}, b'{"container": "inbox", "prefix": "\\u0000"}'),
    ("POST", "/api/batches", {**JSON}, b'{"a":' * 10_000),
    ("POST", "/api/batches", {**JSON}, b"[" * 200_000),
    ("POST", f"/api/approvals/{NO_APPROVAL}/decisions", {**JSON}, b"[" * 60_000),
    ("POST", f"/api/approvals/{NO_APPROVAL}/decisions", {**JSON}, b'{"\\ud800": "x"}'),
    ("POST", f"/api/approvals/{NO_APPROVAL}/decisions?t=%00", {**JSON}, b'{"decision": "approve"}'),
    ("POST", "/api/delegations", {**JSON}, b'{"until": "\\ud800"}'),
    ("POST", "/api/invoices", {**XML, "Idempotency-Key": b"\xff\xfe"}, b"<a/>"),
    ("POST", "/api/invoices", {"Content-Type": b"\xff/\xff"}, b"<a/>"),
    ("POST", "/api/invoices?sender=%E2%84%AA@x.example", {**XML}, b"<a/>"),
    ("POST", "/api/invoices?sender=%00", {**XML}, b"<a/>"),
    ("POST", "/api/batches", {**FORM}, b'--x\r\nContent-Disposition: form-data; name="'),
    ("GET", "/api/batches?top=" + "9" * 5000, {}, b""),
    ("GET", "/api/batches?page=" + "9" * 5000, {}, b""),
    ("GET", "/api/batches?page=%00", {}, b""),
    ("GET", "/api/batches?page=%FF", {}, b""),
    ("GET", "/api/batches?%00=1", {}, b""),
    ("GET", "/api/approvals?skip=" + "9" * 5000, {}, b""),
    ("GET", "/api/approvals?approver=%0D%0A", {}, b""),
    ("GET", "/api/outbox?page=%00", {}, b""),
    ("GET", f"/api/batches/{NO_BATCH}/documents/" + "9" * 5000, {}, b""),
    ("GET", "/api/batches/%00", {}, b""),
    ("GET", "/api/invoices/%FF", {}, b""),
    ("GET", "/runs?before=0001-01-01T00:00:00Z", {}, b""),
    ("GET", "/runs/%0D%0A", {}, b""),
    ("GET", "/inbox?page=" + "9" * 5000, {}, b""),
    ("GET", f"/approvals/{NO_APPROVAL}?t=%00", {}, b""),
    ("GET", "/batches?page=%00", {}, b""),
    ("POST", "/sign-in", {**FORM}, b'--x\r\nContent-Disposition: form-data; name="' + b"n" * 70_000),
    ("POST", "/absences", {"Content-Type": "application/x-www-form-urlencoded"}, b"a=%ED%A0%80&b=%00"),
]


@pytest.mark.parametrize(
    ("method", "path", "headers", "body"),
    ODD_REQUESTS,
    ids=[f"{one[0]} {one[1][:50]}" for one in ODD_REQUESTS],
)
def test_odd_request_is_the_callers_mistake(
    base_url: str, method: str, path: str, headers: dict[str, str | bytes], body: bytes
) -> None:
    """4xx, or a sign-in page: never 500 or 503, which would say that it is ours and worth a retry."""
    connection = http.client.HTTPConnection(urlsplit(base_url).netloc, timeout=60)
    key = calls.key_of(base_url)
    connection.request(method, path, body, headers | ({"x-functions-key": key} if key else {}))
    answer = connection.getresponse()
    answer.read()
    connection.close()
    assert 300 <= answer.status < 500


# Names of a document that cannot be used: it is taken all the same, under another one.
ODD_NAMES = [
    b"attachment; filename*=UTF-8''%ED%A0%80%00",
    b"attachment; filename*=idna''xn--%ff",
    b"attachment; filename*=punycode''%ff",
    b"attachment; filename*" + b"9" * 5000 + b"=x",
    b'attachment; filename="\xff\xfe"',
    b'attachment; filename="' + b"n" * 5000 + b'"',
    b";;;;",
]


@pytest.mark.parametrize("name", ODD_NAMES, ids=[repr(name[:40]) for name in ODD_NAMES])
def test_odd_name_costs_no_document(base_url: str, name: bytes) -> None:
    """As the name of a zip, and of a single invoice."""
    for path, media_type, body in (
        ("/api/batches?approval=false", "application/zip", zipped(invoices(1))),
        ("/api/invoices", "application/xml", f"<a>{uuid.uuid4()}</a>".encode()),
    ):
        headers = {"Content-Type": media_type, "Content-Disposition": name}
        answer = calls.post(base_url + path, data=body, headers=headers, timeout=60)
        assert answer.status_code == 202, answer.text
        assert calls.get(answer.headers["Location"], timeout=60).status_code in (200, 202)


def test_lists_answer_after_all_of_that(base_url: str) -> None:
    """Nothing that was sent before broke a list for everybody."""
    for path in ("/api/batches?top=100", "/api/approvals", "/api/outbox", "/api/delegations"):
        assert calls.get(base_url + path, timeout=60).status_code == 200, path
