"""Blobs: the one module that talks to Azure Storage.

The SDK's errors are translated here, once, into a small tree that the rest of the app can decide by:

    StorageError
    ├── StorageUnavailable   no answer, a time-out, 5xx or throttling: the same call may work later
    ├── StorageRefused       the account says no (key, firewall, name): a person has to mend the configuration
    ├── BlobMissing          there is no such blob
    └── BlobConflict         the blob exists, or was changed by another since it was read
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Generator, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import IO, Any, Protocol
from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass

from azure.core import MatchConditions
from azure.core.exceptions import (
    AzureError,
    HttpResponseError,
    ResourceExistsError,
    ResourceModifiedError,
    ResourceNotFoundError,
)
from azure.core.pipeline.transport import RequestsTransport
from azure.storage.blob import (
    BlobProperties,
    BlobServiceClient,
    ContainerClient,
    LinearRetry,
    StorageErrorCode,
)

# Activities of a process that run at the same time, each with eight threads that read or write.
_CONNECTIONS = 64
_TIMEOUTS: dict[str, Any] = {"connection_timeout": 5, "read_timeout": 60}


class StorageError(Exception):
    """Any failure of the blob store."""


class StorageUnavailable(StorageError):
    """The store did not answer, or answered that it cannot right now."""


class StorageRefused(StorageError):
    """The store answered that this app may not do that."""


class BlobMissing(StorageError):
    """There is no blob of that name."""


class BlobConflict(StorageError):
    """The blob is there already, is not the one that was read, or was written by another meanwhile."""


@dataclass(frozen=True)
class BlobInfo:
    """One blob of a listing; size in bytes. `etag` names the version of it that was listed.

    `modified`: when that was written, None where nobody says.
    """

    name: str
    size: int
    metadata: dict[str, str] = field(default_factory=dict[str, str])
    etag: str = ""
    modified: datetime | None = None


@dataclass(frozen=True)
class BlobPage:
    """A page of a listing, and the token of the next one (None: this was the last)."""

    blobs: list[BlobInfo]
    next_token: str | None


class Blobs(Protocol):
    """What the app needs of a blob container; `AzureBlobs` is the real one, tests have one in memory."""

    def read(self, name: str) -> bytes:
        """All bytes of a blob. Raises BlobMissing."""
        ...

    def read_range(self, name: str, start: int, length: int) -> bytes:
        """So many bytes of a blob from `start` on, fewer where it ends before. Raises BlobMissing."""
        ...

    def size(self, name: str) -> int:
        """The size of a blob in bytes. Raises BlobMissing."""
        ...

    def read_with_etag(self, name: str) -> tuple[bytes, str]:
        """All bytes of a blob and its ETag. Raises BlobMissing."""
        ...

    def read_version(self, name: str, etag: str) -> bytes:
        """All bytes of a blob that has this ETag. Raises BlobMissing, and BlobConflict for another one."""
        ...

    def read_into(self, name: str, target: IO[bytes]) -> None:
        """Write a blob's bytes to a file. Raises BlobMissing."""
        ...

    def write(self, name: str, data: bytes | IO[bytes], metadata: dict[str, str] | None = None) -> None:
        """Write a blob, over an older one if there is one.

        Raises BlobConflict where another wrote the whole blob meanwhile: it has the other's bytes then. That
        can be with large blobs only, which travel in blocks.
        """
        ...

    def create(self, name: str, data: bytes, metadata: dict[str, str] | None = None) -> None:
        """Write a blob that must not exist yet. Raises BlobConflict."""
        ...

    def replace(self, name: str, data: bytes, etag: str) -> None:
        """Write over the blob that has this ETag. Raises BlobConflict."""
        ...

    def exists(self, name: str) -> bool:
        """Say whether there is such a blob."""
        ...

    def delete(self, name: str) -> None:
        """Remove a blob; one that is not there is no error."""
        ...

    def delete_version(self, name: str, etag: str) -> bool:
        """Remove a blob that has this ETag; says whether that version is gone, now or before.

        False: another one is in its place, which is left alone.
        """
        ...

    def make_container(self) -> None:
        """Make the container, unless it is there: what writes does so too, but a listener wants it before."""
        ...

    def list(self, prefix: str) -> Iterator[BlobInfo]:
        """All blobs below a prefix, by name, with their metadata."""
        ...

    def page(self, prefix: str, size: int, token: str | None) -> BlobPage:
        """One page of the blobs below a prefix, by name.

        Raises StorageRefused for a token that is not ours.
        """
        ...


def _retries() -> LinearRetry:
    # Few and short: an activity that meets an outage says so, and the orchestrator waits without holding a
    # worker.
    return LinearRetry(backoff=1, retry_total=2, random_jitter_range=1)


def _transport() -> Any:
    """What sends requests, with a connection for each thread that may send one at the same time.

    A pool keeps ten of itself. Of more it throws away and makes anew, with a line in the log for each. What
    the environment says of proxies and certificates is read once: read for each request, as the library does
    it, it takes a tenth of the processor time of that.
    """
    # The package gives it no type.
    transport: Any = RequestsTransport(use_env_settings=False, connection_verify=_certificates(), **_TIMEOUTS)
    transport.open()
    assert transport.session is not None  # it was made by `open`
    for adapter in transport.session.adapters.values():
        adapter.init_poolmanager(_CONNECTIONS, _CONNECTIONS)
    return transport


def _proxies(url: str) -> dict[str, str]:
    """The proxies that the environment names for an address, by scheme."""
    return {} if proxy_bypass(urlsplit(url).netloc) else getproxies()


def _certificates() -> str | bool:
    """The file of certificates that the environment names, under the names that `requests` knows."""
    return os.environ.get("REQUESTS_CA_BUNDLE") or os.environ.get("CURL_CA_BUNDLE") or True


@contextlib.contextmanager
def _translated(what: str) -> Generator[None, None, None]:
    """Turn an SDK error into one of ours; `what` names the call in the text."""
    try:
        yield
    except ResourceNotFoundError as error:
        raise BlobMissing(f"{what}: not found") from error
    except (ResourceExistsError, ResourceModifiedError) as error:
        raise BlobConflict(f"{what}: exists or was changed") from error
    except HttpResponseError as error:
        # Who completes a blob first takes away the blocks that others have sent of it so far.
        if getattr(error, "error_code", None) == StorageErrorCode.INVALID_BLOCK_LIST:
            raise BlobConflict(f"{what}: another wrote it meanwhile") from error
        status = error.status_code or 0
        kind = StorageUnavailable if status in (0, 408, 429) or status >= 500 else StorageRefused
        raise kind(f"{what}: HTTP {status} {error.reason or ''}".strip()) from error
    except AzureError as error:  # no answer at all: refused, reset, timed out, cut off in the middle
        raise StorageUnavailable(f"{what}: {type(error).__name__}: {error}") from error


def _quoted(etag: str | None) -> str:
    """An ETag as requests and answers have it: a listing leaves out its quotation marks."""
    return f'"{etag.strip(chr(34))}"' if etag else ""


def _info(blob: BlobProperties, metadata: dict[str, str]) -> BlobInfo:
    return BlobInfo(blob.name, blob.size, metadata, _quoted(blob.etag), blob.last_modified)


class AzureBlobs:
    """One container of a storage account; made on first use where the app owns it.

    Safe to use from several threads.
    """

    def __init__(self, connection: str, container: str, *, owned: bool = True):
        """`owned`: create the container when it is missing (never done to a container that callers name)."""
        try:
            transport = _transport()
            service = BlobServiceClient.from_connection_string(
                connection, retry_policy=_retries(), transport=transport, **_TIMEOUTS
            )
        except ValueError as error:
            raise StorageRefused(f"the storage connection string cannot be used: {error}") from error
        transport.session.proxies.update(_proxies(service.url))
        self._container: ContainerClient = service.get_container_client(container)
        self._owned = owned
        self._ready = not owned

    @property
    def place(self) -> str:
        """Account, address and container, as one may show them: without key or signature."""
        container = self._container
        url = container.url.partition("?")[0]
        address = url.removesuffix(f"/{container.container_name}")
        return f"account {container.account_name} at {address}, container {container.container_name}"

    def read(self, name: str) -> bytes:
        """All bytes of a blob. Raises BlobMissing."""
        with _translated(f"read {name}"):
            return self._container.download_blob(name).readall()

    def read_range(self, name: str, start: int, length: int) -> bytes:
        """So many bytes of a blob from `start` on, fewer where it ends before. Raises BlobMissing."""
        with _translated(f"read {name}"):
            try:
                return self._container.download_blob(name, offset=start, length=length).readall()
            except HttpResponseError as error:
                if getattr(error, "error_code", None) == StorageErrorCode.INVALID_RANGE:
                    return b""  # it ends before: one that is empty does so always
                raise

    def size(self, name: str) -> int:
        """The size of a blob in bytes. Raises BlobMissing."""
        with _translated(f"look at {name}"):
            return self._container.get_blob_client(name).get_blob_properties().size

    def read_with_etag(self, name: str) -> tuple[bytes, str]:
        """All bytes of a blob and its ETag. Raises BlobMissing."""
        with _translated(f"read {name}"):
            download = self._container.download_blob(name)
            return download.readall(), str(download.properties.etag)

    def read_version(self, name: str, etag: str) -> bytes:
        """All bytes of a blob that has this ETag (If-Match). Raises BlobMissing and BlobConflict."""
        condition = MatchConditions.IfNotModified
        try:
            with _translated(f"read {name}"):
                return self._container.download_blob(name, etag=etag, match_condition=condition).readall()
        except BlobConflict as error:
            # A condition on a blob that is gone may be answered as one that is not met.
            if not self.exists(name):
                raise BlobMissing(f"read {name}: not found") from error
            raise

    def read_into(self, name: str, target: IO[bytes]) -> None:
        """Write a blob's bytes to a file, block by block. Raises BlobMissing."""
        with _translated(f"read {name}"):
            self._container.download_blob(name).readinto(target)

    def write(self, name: str, data: bytes | IO[bytes], metadata: dict[str, str] | None = None) -> None:
        """Write a blob, over an older one if there is one. Raises BlobConflict (see `Blobs.write`)."""
        self._upload("write", name, data, overwrite=True, metadata=metadata)

    def create(self, name: str, data: bytes, metadata: dict[str, str] | None = None) -> None:
        """Write a blob that must not exist yet (If-None-Match: *). Raises BlobConflict."""
        self._upload("create", name, data, overwrite=False, metadata=metadata)

    def replace(self, name: str, data: bytes, etag: str) -> None:
        """Write over the blob that has this ETag (If-Match). Raises BlobConflict."""
        condition = {"etag": etag, "match_condition": MatchConditions.IfNotModified}
        self._upload("replace", name, data, overwrite=True, **condition)

    def exists(self, name: str) -> bool:
        """Say whether there is such a blob."""
        with _translated(f"look for {name}"):
            return self._container.get_blob_client(name).exists()

    def delete(self, name: str) -> None:
        """Remove a blob; one that is not there is no error."""
        with contextlib.suppress(BlobMissing), _translated(f"delete {name}"):
            self._container.delete_blob(name)

    def delete_version(self, name: str, etag: str) -> bool:
        """Remove a blob that has this ETag (If-Match); see `Blobs.delete_version`."""
        condition = MatchConditions.IfNotModified
        try:
            with contextlib.suppress(BlobMissing), _translated(f"delete {name}"):
                self._container.delete_blob(name, etag=etag, match_condition=condition)
        except BlobConflict:
            return not self.exists(name)  # as in `read_version`
        return True

    def make_container(self) -> None:
        """Make the container, unless it is there; one that callers name is never made."""
        self._ensure_container()

    def list(self, prefix: str) -> Iterator[BlobInfo]:
        """All blobs below a prefix, by name, with their metadata."""
        with contextlib.suppress(BlobMissing), _translated(f"list {prefix}"):
            for blob in self._container.list_blobs(name_starts_with=prefix, include=["metadata"]):
                yield _info(blob, blob.metadata or {})

    def page(self, prefix: str, size: int, token: str | None) -> BlobPage:
        """One page of the blobs below a prefix, by name.

        Raises StorageRefused for a token that is not ours.
        """
        with _translated(f"list {prefix}"):
            pages = self._container.list_blobs(name_starts_with=prefix, results_per_page=size).by_page(token)
            blobs: list[BlobInfo] = []
            with contextlib.suppress(ResourceNotFoundError, StopIteration):
                blobs = [_info(blob, {}) for blob in next(pages)]
            return BlobPage(blobs, getattr(pages, "continuation_token", None) or None)

    def _upload(self, verb: str, name: str, data: bytes | IO[bytes], **options: Any) -> None:
        self._ensure_container()
        with _translated(f"{verb} {name}"):
            try:
                self._container.upload_blob(name, data, **options)
            except ResourceNotFoundError:
                if not self._owned or not isinstance(data, bytes):
                    raise
                self._ready = False  # somebody removed the container while this process was running
                self._ensure_container()
                self._container.upload_blob(name, data, **options)

    def _ensure_container(self) -> None:
        if self._ready:
            return
        with contextlib.suppress(BlobConflict), _translated("create the container"):
            self._container.create_container()
        self._ready = True
