"""A small server that takes callbacks as a careful receiver does: it checks the signature, and knows doubles.

The check is written after the text of Standard Webhooks, with none of the app's code.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import threading
import time
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


@dataclass(frozen=True)
class Came:
    """One callback as it came; names of headers in lower case."""

    headers: dict[str, str]
    body: bytes = field(repr=False)

    @property
    def json(self) -> Any:
        """What it says."""
        return json.loads(self.body)

    @property
    def id(self) -> str:
        """By which doubles are known."""
        return self.headers["webhook-id"]

    def is_signed(self, secret: str) -> bool:
        """Whether one of its signatures was made with this secret (`whsec_…`)."""
        key = base64.b64decode(secret.split("_", 1)[1])
        told = ".".join((self.headers["webhook-id"], self.headers["webhook-timestamp"], "")).encode()
        digest = hmac.new(key, told + self.body, hashlib.sha256).digest()
        return f"v1,{base64.b64encode(digest).decode()}" in self.headers["webhook-signature"].split(" ")


class Receiver:
    """Use it as a context manager. `answer`: status and headers of its answers; `hang`: seconds till then."""

    def __init__(self) -> None:
        self.came: list[Came] = []
        self.answer: tuple[int, dict[str, str]] = (200, {})
        self.hang = 0.0
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                names = {name.lower(): value for name, value in self.headers.items()}
                receiver.came.append(Came(names, body))
                time.sleep(receiver.hang)
                status, headers = receiver.answer
                self.send_response(status)
                for name, value in (headers | {"Content-Length": "0"}).items():
                    self.send_header(name, value)
                self.end_headers()

            def log_message(self, format: str, *args: Any) -> None:
                """Tests are quiet."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)

    @property
    def url(self) -> str:
        """Its address, with a secret in it as the real ones have."""
        return f"http://127.0.0.1:{self._server.server_port}/hook?sig=hush-hush"

    @property
    def ids(self) -> set[str]:
        """The ids of what came."""
        return {one.id for one in self.came}

    def __enter__(self) -> Receiver:
        threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()
