"""What `POST /api/batches` takes, and what it says of anything else."""

from __future__ import annotations

import dataclasses
import io
import json
import zipfile
from pathlib import Path

import azure.functions as func
import pytest

from adapters.settings import MIB, Settings, from_environment
from invoicing.records.batch import BatchSource
from triggers.batch_requests import parse
from triggers.errors import Refused
from usecases.take_in_batch import NewBatch

SETTINGS = from_environment({"AzureWebJobsStorage": "UseDevelopmentStorage=true"})


def _zip(**members: bytes) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, content in members.items():
            archive.writestr(zipfile.ZipInfo(name), content)
    return buffer.getvalue()


def _request(body: bytes, content_type: str = "application/zip", **headers: str) -> func.HttpRequest:
    all_headers = {"content-type": content_type} | {k.replace("_", "-"): v for k, v in headers.items()}
    return func.HttpRequest("POST", "http://localhost:7071/api/batches", headers=all_headers, body=body)


def _form(*files: tuple[str, bytes], boundary: str = "frontier") -> func.HttpRequest:
    parts = b"".join(
        f'--{boundary}\r\nContent-Disposition: form-data; name="f"; filename="{name}"\r\n\r\n'.encode()
        + content
        + b"\r\n"
        for name, content in files
    )
    return _request(parts + f"--{boundary}--\r\n".encode(), f"multipart/form-data; boundary={boundary}")


def _parsed(req: func.HttpRequest, settings: Settings = SETTINGS) -> NewBatch:
    return parse(req, settings)


def _refused(req: func.HttpRequest, settings: Settings = SETTINGS) -> tuple[int, str]:
    with pytest.raises(Refused) as caught:
        parse(req, settings)
    assert caught.value.message.endswith((".", ")", "}")), "the message is a sentence that says what to do"
    return caught.value.status, caught.value.code


def _members(upload: bytes | None) -> list[tuple[str, bytes]]:
    with zipfile.ZipFile(io.BytesIO(upload or b"")) as archive:
        return [(member.filename, archive.read(member)) for member in archive.infolist()]


def test_zip_is_stored_as_it_came() -> None:
    """Its id comes from its content, its name from Content-Disposition."""
    body = _zip(a=b"1")
    asked = _parsed(_request(body, content_disposition='attachment; filename="may.zip"'))
    assert asked.upload == body
    assert asked.source == BatchSource("upload", "may.zip", size=len(body))
    assert asked.batch == _parsed(_request(body)).batch
    assert asked.batch != _parsed(_request(_zip(a=b"2"))).batch


@pytest.mark.parametrize(
    ("sent", "kept"),
    [
        ("C:\\\\Users\\\\x\\\\m.xml", "m.xml"),
        ("/home/x/m.xml", "m.xml"),
        ("../m.xml", "m.xml"),
        ("may/m.xml", "may/m.xml"),
        ("m.xml", "m.xml"),
    ],
)
def test_full_path_of_a_file_of_a_form_is_cut(sent: str, kept: str) -> None:
    """Old browsers send it; the file was refused as one that leads out of the archive."""
    asked = _parsed(_form((sent, b"<a/>"), ("b.xml", b"<b/>")))
    assert [name for name, _ in _members(asked.upload)] == [kept, "b.xml"]


def test_idempotency_key_makes_the_id() -> None:
    """Equal keys, equal ids, whatever the content; the fingerprint tells the contents apart."""
    one = _parsed(_request(_zip(a=b"1"), idempotency_key="k1"))
    other = _parsed(_request(_zip(a=b"2"), idempotency_key="k1"))
    assert (one.batch == other.batch, one.fingerprint == other.fingerprint) == (True, False)
    assert _parsed(_request(_zip(a=b"1"), idempotency_key="k2")).batch != one.batch


@pytest.mark.parametrize("key", ["", "   ", "x" * 256])
def test_unusable_idempotency_key_is_refused(key: str) -> None:
    """An empty key would make all batches one."""
    assert _refused(_request(_zip(a=b"1"), idempotency_key=key)) == (400, "bad_idempotency_key")


def test_form_becomes_a_zip_of_its_files() -> None:
    """In the order of the form; two files of one name stay two; the boundary does not change the id."""
    files = (("a.xml", b"1"), ("b.pdf", b"\x00\xff"), ("a.xml", b"2"))
    asked = _parsed(_form(*files))
    assert _members(asked.upload) == list(files)
    assert asked.source.name == "3 files"
    assert asked.batch == _parsed(_form(*files, boundary="other")).batch


def test_form_with_one_zip_is_that_zip() -> None:
    """What a browser sends when a person picks one zip."""
    body = _zip(a=b"1", b=b"2")
    asked = _parsed(_form(("june.zip", body)))
    assert (asked.upload, asked.source.name) == (body, "june.zip")


def test_form_with_more_than_a_thousand_files_is_taken() -> None:
    """The form parser's own limit of 1,000 parts does not apply; ours does."""
    files = [(f"{n}.xml", b"x") for n in range(1001)]
    assert len(_members(_parsed(_form(*files)).upload)) == 1001
    few = dataclasses.replace(SETTINGS, limits=dataclasses.replace(SETTINGS.limits, max_documents=1000))
    assert _refused(_form(*files), few) == (413, "too_many_documents")


def test_form_without_files_is_refused() -> None:
    """A text field is no document; a body that is cut off is no form."""
    field = b'--b\r\nContent-Disposition: form-data; name="f"\r\n\r\ntext\r\n--b--\r\n'
    assert _refused(_request(field, "multipart/form-data; boundary=b")) == (400, "no_files")
    assert _refused(_request(b"--b\r\nno end", "multipart/form-data; boundary=b")) == (400, "bad_multipart")
    assert _refused(_request(b"xx", "multipart/form-data"))[0] == 400


def test_json_names_a_container_and_a_prefix() -> None:
    """A new id each time, as the same place may hold other files by now; a key makes it the same."""
    body = json.dumps({"container": "inbox", "prefix": "2026/05/"}).encode()
    asked = _parsed(_request(body, "application/json; charset=utf-8"))
    assert asked.upload is None
    assert asked.source == BatchSource("container", "inbox/2026/05/", container="inbox", prefix="2026/05/")
    assert asked.batch != _parsed(_request(body, "application/json")).batch


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (b"{", "bad_json"),
        (b"\xff", "bad_json"),
        (b"[]", "bad_request"),
        (b'{"container": 5}', "bad_request"),
        (b'{"container": "settle"}', "container_not_allowed"),
        (b'{"container": "azure-webjobs-secrets"}', "container_not_allowed"),
        (b'{"container": "../inbox"}', "container_not_allowed"),
        (b'{"container": "inbox", "prefix": 1}', "bad_field"),
        (b'{"container": "inbox", "glob": "*"}', "unknown_field"),
    ],
)
def test_json_of_another_form_is_refused(body: bytes, code: str) -> None:
    """Only containers that the settings allow are read: never the app's own, nor the host's secrets."""
    assert _refused(_request(body, "application/json")) == (400, code)


@pytest.mark.parametrize(
    ("body", "content_type", "expected"),
    [
        (b"", "application/zip", (400, "empty_body")),
        (b"not a zip", "application/zip", (400, "not_a_zip")),
        (_zip(), "application/zip", (400, "empty_zip")),
        (b"<Invoice/>", "application/xml", (415, "unsupported_media_type")),
        (b"x", "", (415, "unsupported_media_type")),
    ],
)
def test_useless_body_is_refused(body: bytes, content_type: str, expected: tuple[int, str]) -> None:
    """Nothing is stored and nothing is started."""
    assert _refused(_request(body, content_type)) == expected


def test_body_over_the_limit_is_refused() -> None:
    """The answer says the limit and another way."""
    small = dataclasses.replace(SETTINGS, max_body=MIB)
    assert _refused(_request(b"x" * (MIB + 1)), small) == (413, "body_too_large")


def test_settings_name_what_is_missing_or_wrong() -> None:
    """The text says which setting and what to set."""
    with pytest.raises(ValueError, match="AzureWebJobsStorage is not set"):
        from_environment({})
    with pytest.raises(ValueError, match="SETTLE_MAX_BODY_MIB is 'many'"):
        from_environment({"AzureWebJobsStorage": "x", "SETTLE_MAX_BODY_MIB": "many"})


def test_settings_have_defaults_and_can_be_set() -> None:
    """Development storage means Azurite; another account can hold the app's blobs."""
    assert "127.0.0.1:10000" in SETTINGS.storage_connection
    own = from_environment(
        {
            "AzureWebJobsStorage": "host",
            "SETTLE_STORAGE": "own",
            "SETTLE_SOURCE_CONTAINERS": "a1, b22,",
            "SETTLE_RULES": "/rules",
            "SETTLE_CHUNK_DOCUMENTS": "7",
        }
    )
    assert (own.storage_connection, own.source_containers) == ("own", ("a1", "b22"))
    assert (own.rules_folder, own.chunk_documents) == (Path("/rules"), 7)


def _asked(query: dict[str, str], body: bytes | None = None) -> func.HttpRequest:
    kind = "application/zip" if body is None else "application/json"
    content = _zip(a=b"x") if body is None else body
    headers = {"content-type": kind}
    return func.HttpRequest(
        "POST", "http://localhost:7071/api/batches", headers=headers, params=query, body=content
    )


def test_batch_goes_on_to_approval_and_does_not_wait_unless_asked() -> None:
    """In the query, or in the body of a batch that names a container."""
    wishes = [
        _asked({}),
        _asked({"wait": "true"}),
        _asked({"approval": "False"}),
        _asked({}, b'{"container": "inbox", "wait": true}'),
        _asked({"wait": "true"}, b'{"container": "inbox", "approval": false, "wait": false}'),
    ]
    got = [(batch.approval, batch.wait) for batch in map(_parsed, wishes)]
    assert got == [(True, False), (True, True), (False, False), (True, True), (False, False)]


@pytest.mark.parametrize("value", ["yes", "1", "null"])
def test_wish_that_is_neither_true_nor_false_is_refused(value: str) -> None:
    """Guessing what somebody meant could pay or not pay an invoice."""
    assert _refused(_asked({"wait": value})) == (400, "bad_wait")
    assert _refused(_asked({"approval": value})) == (400, "bad_approval")
    body = json.dumps({"container": "inbox", "wait": value}).encode()
    assert _refused(_asked({}, body)) == (400, "bad_wait")


def test_name_of_a_file_in_a_form_is_cut() -> None:
    """A zip holds names of 64 KiB at most; what cannot be shown is marked."""
    upload = _parsed(_form(("n" * 70_000 + ".xml", b"1"), ("a\x01b.xml", b"2"))).upload
    assert [name for name, _ in _members(upload)] == ["n" * 399 + "…", "a\ufffdb.xml"]
