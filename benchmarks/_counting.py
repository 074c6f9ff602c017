"""Counts the requests to a storage account: forwarders in front of its services that read what goes by."""

from __future__ import annotations

import contextlib
import re
import socket
import threading
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Literal
from urllib.parse import parse_qs, urlsplit

Owner = Literal["app", "host"]

_ENDPOINT = re.compile(r"(Blob|Queue|Table)Endpoint=http://127\.0\.0\.1:(\d+)/")
# A request's head is a few hundred bytes: a connection that sends more without an end is no client of ours.
_LARGEST_HEAD = 64 * 1024
_BLOCK = 64 * 1024


@dataclass(frozen=True)
class Request:
    """One request: `service` is `blob`, `queue` or `table`; `path` begins after the account."""

    service: str
    method: str
    path: str
    query: str

    @property
    def owner(self) -> Owner:
        """Whose it is: the host takes messages out of queues, and keeps blobs and tables of its own."""
        if self.service == "table" or self.path.startswith("azure-webjobs-"):
            return "host"
        if self.service == "queue" and "/messages" in self.path and self.method != "POST":
            return "host"
        return "app"

    @property
    def what(self) -> str:
        """A short name of what it does, the same for all blobs of a kind: `PUT blob approvals`."""
        operation = parse_qs(self.query).get("comp", [""])[0]
        parts = self.path.split("/")
        kind = parts[1] if len(parts) > 1 else ""
        if operation == "list":
            kind = parse_qs(self.query).get("prefix", [""])[0].split("/")[0]
        return " ".join(word for word in (self.method, self.service, operation, kind) if word)


@dataclass
class Counted:
    """What went by so far. Safe to use from several threads."""

    _requests: list[Request] = field(default_factory=list)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def add(self, request: Request) -> None:
        """Note one more."""
        with self._lock:
            self._requests.append(request)

    def clear(self) -> None:
        """Begin again at none."""
        with self._lock:
            self._requests.clear()

    def requests(self, owner: Owner | None = None) -> list[Request]:
        """All requests so far, or those of one owner."""
        with self._lock:
            return [one for one in self._requests if owner in (None, one.owner)]

    def by_kind(self, owner: Owner) -> Counter[str]:
        """How many requests of each kind an owner made."""
        return Counter(one.what for one in self.requests(owner))


@contextlib.contextmanager
def counting(storage: str) -> Iterator[tuple[str, Counted]]:
    """Put forwarders in front of an Azurite; yields the connection string to use instead, and the counts.

    `storage` names its services by 127.0.0.1. Raises ValueError for any other account.
    """
    counted = Counted()
    with contextlib.ExitStack() as stack:

        def through(endpoint: re.Match[str]) -> str:
            service, target = endpoint[1], int(endpoint[2])
            port = stack.enter_context(_forwarder(service.lower(), target, counted))
            return f"{service}Endpoint=http://127.0.0.1:{port}/"

        changed, found = _ENDPOINT.subn(through, storage)
        if not found:
            raise ValueError(
                "the storage is not an Azurite on this machine, so its requests cannot be counted"
            )
        yield changed, counted


@contextlib.contextmanager
def _forwarder(service: str, target: int, counted: Counted) -> Iterator[int]:
    with socket.create_server(("127.0.0.1", 0), backlog=128) as listener:
        accepting = threading.Thread(target=_accept, args=(listener, service, target, counted), daemon=True)
        accepting.start()
        try:
            yield listener.getsockname()[1]
        finally:
            with contextlib.suppress(OSError):
                listener.shutdown(socket.SHUT_RDWR)


def _accept(listener: socket.socket, service: str, target: int, counted: Counted) -> None:
    while True:
        try:
            client, _ = listener.accept()
        except OSError:
            return  # the forwarder has ended
        try:
            server = socket.create_connection(("127.0.0.1", target))
        except OSError:
            client.close()
            continue
        for one in (client, server):
            one.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        reader = _RequestReader(service, counted)
        threading.Thread(target=_forward, args=(client, server, reader), daemon=True).start()
        threading.Thread(target=_forward, args=(server, client, None), daemon=True).start()


def _forward(source: socket.socket, sink: socket.socket, reader: _RequestReader | None) -> None:
    with contextlib.suppress(OSError):
        while data := source.recv(_BLOCK):
            if reader is not None:
                reader.feed(data)
            sink.sendall(data)
    for one in (source, sink):
        with contextlib.suppress(OSError):
            one.shutdown(socket.SHUT_RDWR)


class _RequestReader:
    """Finds the heads of requests in what a client sends over one connection."""

    def __init__(self, service: str, counted: Counted) -> None:
        self._service, self._counted = service, counted
        self._head = bytearray()
        self._body_left = 0
        self._chunked = False

    def feed(self, data: bytes) -> None:
        """Take in what came. Raises OSError for what is no request, which ends the connection."""
        view = memoryview(data)
        while view:
            if self._body_left:
                taken = min(self._body_left, len(view))
                self._body_left -= taken
                view = view[taken:]
                continue
            view = self._into_head(view)

    def _into_head(self, view: memoryview) -> memoryview:
        """Complete the head, or the line of a chunk's length; returns what comes after it."""
        before = len(self._head)
        self._head += view
        end_mark = b"\r\n" if self._chunked else b"\r\n\r\n"
        end = self._head.find(end_mark, max(0, before - len(end_mark)))
        if end < 0:
            if len(self._head) > _LARGEST_HEAD:
                raise OSError("no end of a request's head")
            return view[len(view) :]
        rest = view[end + len(end_mark) - before :]
        head = bytes(self._head[:end])
        self._head.clear()
        if self._chunked:
            self._chunk(head)
        else:
            self._request(head.decode("latin-1"))
        return rest

    def _chunk(self, line: bytes) -> None:
        size = int(line.split(b";")[0], 16)
        self._chunked = size > 0
        self._body_left = size + 2  # the line's end after the chunk

    def _request(self, head: str) -> None:
        first, *lines = head.split("\r\n")
        method, target, _ = first.split(" ", 2)
        headers = {
            name.strip().lower(): value.strip() for name, _, value in (one.partition(":") for one in lines)
        }
        self._body_left = int(headers.get("content-length", "0"))
        self._chunked = headers.get("transfer-encoding", "").lower() == "chunked"
        parts = urlsplit(target)
        path = parts.path.lstrip("/").partition("/")[2]
        self._counted.add(Request(self._service, method, path, parts.query))
