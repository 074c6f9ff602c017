"""The blob store's contract, held against the fake of the tests and against Azurite."""

from __future__ import annotations

import io
import os
import socket
import uuid
from collections.abc import Callable, Iterator
from threading import Thread

import pytest

from stores.blobs import (
    AzureBlobs,
    BlobConflict,
    BlobMissing,
    Blobs,
    StorageError,
    StorageRefused,
    StorageUnavailable,
)
from tests.fakes.memory_blobs import MemoryBlobs

_AZURITE_KEY = "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw=="


def _connection(port: int) -> str:
    return (
        f"DefaultEndpointsProtocol=http;AccountName=devstoreaccount1;AccountKey={_AZURITE_KEY};"
        f"BlobEndpoint=http://127.0.0.1:{port}/devstoreaccount1;"
    )


@pytest.fixture(params=["memory", "azurite"])
def blobs(request: pytest.FixtureRequest) -> Iterator[Blobs]:
    """An empty container: the fake's, and a real one where a storage is given."""
    if request.param == "memory":
        yield MemoryBlobs()
        return
    connection = os.environ.get("SETTLE_TEST_STORAGE")
    if not connection:
        pytest.skip("no storage to test against: SETTLE_TEST_STORAGE is not set (dev.py test sets it)")
    yield AzureBlobs(connection, f"contract-{uuid.uuid4().hex[:12]}")


def test_what_was_written_is_read(blobs: Blobs) -> None:
    """Bytes and files go in, bytes come out, the last write wins."""
    blobs.write("a/1", b"one")
    blobs.write("a/1", io.BytesIO(b"two"))
    target = io.BytesIO()
    blobs.read_into("a/1", target)
    assert (blobs.read("a/1"), target.getvalue(), blobs.exists("a/1")) == (b"two", b"two", True)


def test_part_of_a_blob_is_read(blobs: Blobs) -> None:
    """Up to its end, where that comes before; nothing behind it, and of one that is empty."""
    blobs.write("a/1", b"0123456789")
    assert (blobs.size("a/1"), blobs.read_range("a/1", 3, 4)) == (10, b"3456")
    assert blobs.read_range("a/1", 8, 100) == b"89"
    blobs.write("a/2", b"")
    assert (blobs.read_range("a/1", 10, 5), blobs.read_range("a/2", 0, 5)) == (b"", b"")


def test_missing_blob_is_said_to_be_missing(blobs: Blobs) -> None:
    """Also before the container exists; removing it is no error."""
    for read in (
        blobs.read,
        blobs.size,
        blobs.read_with_etag,
        lambda name: blobs.read_range(name, 0, 5),
        lambda name: blobs.read_into(name, io.BytesIO()),
    ):
        with pytest.raises(BlobMissing, match="nowhere"):
            read("nowhere")
    blobs.delete("nowhere")
    assert not blobs.exists("nowhere")
    assert list(blobs.list("no")) == []
    assert blobs.page("no", 5, None).blobs == []


def test_create_refuses_an_existing_blob(blobs: Blobs) -> None:
    """The first one stays."""
    blobs.create("x", b"first")
    with pytest.raises(BlobConflict):
        blobs.create("x", b"second")
    assert blobs.read("x") == b"first"


def test_replace_needs_the_etag_that_was_read(blobs: Blobs) -> None:
    """Of two that read the same version, the second to write is refused."""
    blobs.write("shard", b"0")
    _, etag = blobs.read_with_etag("shard")
    blobs.replace("shard", b"1", etag)
    with pytest.raises(BlobConflict):
        blobs.replace("shard", b"2", etag)
    assert blobs.read("shard") == b"1"


def test_one_version_is_read_and_removed(blobs: Blobs) -> None:
    """Listings name the version; another one under the same name is neither read nor removed."""
    blobs.write("a/1", b"one")
    (listed,), page = list(blobs.list("a/")), blobs.page("a/", 5, None).blobs
    assert [one.etag for one in page] == [listed.etag] == [blobs.read_with_etag("a/1")[1]]
    assert blobs.read_version("a/1", listed.etag) == b"one"
    blobs.write("a/1", b"two")
    with pytest.raises(BlobConflict):
        blobs.read_version("a/1", listed.etag)
    assert not blobs.delete_version("a/1", listed.etag)
    assert blobs.delete_version("a/1", next(blobs.list("a/")).etag)
    assert not blobs.exists("a/1")
    assert blobs.delete_version("a/1", listed.etag)  # it is gone already
    with pytest.raises(BlobMissing):
        blobs.read_version("a/1", listed.etag)


def test_listing_is_by_name_with_metadata(blobs: Blobs) -> None:
    """Only what begins with the prefix; metadata as it was written."""
    for name in ("r/2", "r/10", "q/1"):
        blobs.write(name, b"xx", {"valid": name[2:]})
    found = list(blobs.list("r/"))
    assert [(blob.name, blob.size, blob.metadata) for blob in found] == [
        ("r/10", 2, {"valid": "10"}),
        ("r/2", 2, {"valid": "2"}),
    ]


def test_pages_go_on_where_the_last_one_ended(blobs: Blobs) -> None:
    """Every blob once, and no token after the last page."""
    for n in range(5):
        blobs.write(f"p/{n}", b"")
    names, token, pages = [], None, 0
    while pages == 0 or token:
        page = blobs.page("p/", 2, token)
        names += [blob.name for blob in page.blobs]
        token, pages = page.next_token, pages + 1
    assert (names, pages) == ([f"p/{n}" for n in range(5)], 3)


def test_deleted_blob_is_gone(blobs: Blobs) -> None:
    """It is neither listed nor read."""
    blobs.write("x", b"1")
    blobs.delete("x")
    assert (blobs.exists("x"), list(blobs.list(""))) == (False, [])


def test_storage_that_is_away_is_unavailable() -> None:
    """A port that nobody listens on: an error that a retry may mend, whatever the call was."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        away = AzureBlobs(_connection(taken.getsockname()[1]), "settle")
        with pytest.raises(StorageUnavailable):
            away.read("x")


def test_wrong_key_is_refused_not_retried() -> None:
    """A person has to mend the configuration; waiting does not help."""
    connection = os.environ.get("SETTLE_TEST_STORAGE")
    if not connection:
        pytest.skip("no storage to test against: SETTLE_TEST_STORAGE is not set (dev.py test sets it)")
    with pytest.raises(StorageRefused):
        AzureBlobs(connection.replace("AccountKey=Eby8", "AccountKey=Wrong"), "settle").read("x")


def test_unusable_connection_string_is_refused() -> None:
    """The text says what is wrong with it."""
    with pytest.raises(StorageError, match="connection string"):
        AzureBlobs("nonsense", "settle")


def test_container_that_vanished_is_made_again() -> None:
    """Somebody emptied the account while the process was running: writing goes on."""
    connection = os.environ.get("SETTLE_TEST_STORAGE")
    if not connection:
        pytest.skip("no storage to test against: SETTLE_TEST_STORAGE is not set (dev.py test sets it)")
    name = f"vanish-{uuid.uuid4().hex[:12]}"
    blobs = AzureBlobs(connection, name)
    blobs.write("x", b"1")
    blobs._container.delete_container()
    blobs.write("x", b"2")
    assert blobs.read("x") == b"2"


class _Overtaken(io.BytesIO):
    """A large file; while it is read for the third time, another completes the blob that it is meant for."""

    def __init__(self, size: int, other: Callable[[], object]) -> None:
        super().__init__(bytes(size))
        self._other, self._reads = other, 0

    def read(self, size: int | None = -1, /) -> bytes:
        self._reads += 1
        if self._reads == 3:
            self._other()
        return super().read(size)


def test_large_blob_that_another_completed_meanwhile_is_a_conflict() -> None:
    """Large blobs travel in blocks, and the first to complete one takes the blocks of the others away."""
    connection = os.environ.get("SETTLE_TEST_STORAGE")
    if not connection:
        pytest.skip("no storage to test against: SETTLE_TEST_STORAGE is not set (dev.py test sets it)")
    blobs = AzureBlobs(connection, f"overtaken-{uuid.uuid4().hex[:12]}")
    blobs.write("x", b"before")
    other = blobs._container.get_blob_client("x")
    slow = _Overtaken(65 * 1024 * 1024, lambda: other.commit_block_list([]))
    with pytest.raises(BlobConflict, match="another wrote it meanwhile"):
        blobs.write("x", slow)
    assert blobs.read("x") == b""


class _Proxy(Thread):
    """Takes one connection, and keeps the first line that is said on it."""

    def __init__(self) -> None:
        super().__init__(daemon=True)
        self._server = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._server.getsockname()[1]}"
        self.said = ""

    def run(self) -> None:
        connection, _ = self._server.accept()
        with connection:
            self.said = connection.recv(4096).decode().partition("\r\n")[0]
            connection.sendall(b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
        self._server.close()


def test_proxy_that_the_environment_names_is_used(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is read once, when the connection is made."""
    proxy = _Proxy()
    proxy.start()
    monkeypatch.setenv("HTTP_PROXY", proxy.url)
    monkeypatch.setenv("http_proxy", proxy.url)
    monkeypatch.setenv("NO_PROXY", "")
    monkeypatch.setenv("no_proxy", "")
    blobs = AzureBlobs(_account("http://a.blob.example/a"), "settle", owned=False)
    with pytest.raises(BlobMissing):
        blobs.read("x")
    proxy.join(10)
    assert proxy.said.startswith("GET http://a.blob.example/a/settle/x ")


def test_address_that_needs_no_proxy_gets_none(monkeypatch: pytest.MonkeyPatch) -> None:
    """As other programs of the machine do it."""
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:1")
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    storage = _Proxy()
    storage.start()
    blobs = AzureBlobs(_account(f"{storage.url}/a"), "settle", owned=False)
    with pytest.raises(BlobMissing):
        blobs.read("x")
    storage.join(10)
    assert storage.said.startswith("GET /a/settle/x ")


def _account(endpoint: str) -> str:
    return f"DefaultEndpointsProtocol=http;AccountName=a;AccountKey=YQ==;BlobEndpoint={endpoint};"
