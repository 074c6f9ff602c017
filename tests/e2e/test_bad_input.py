"""Bad input over HTTP: an answer for a useless request, a finding for a bad document; the rest goes on."""

from __future__ import annotations

import os

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
