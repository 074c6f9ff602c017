"""A webhook on a free port that keeps what is posted to it; a test says what it answers."""

from __future__ import annotations

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


class Webhook:
    """Use it as a context manager. `answer`: status, body and further headers of its answers."""

    def __init__(self) -> None:
        self.received: list[Any] = []
        self.content_types: list[str] = []
        self.answer: tuple[int, bytes, dict[str, str]] = (202, b"", {})
        hook = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                hook.received.append(json.loads(body))
                hook.content_types.append(self.headers["Content-Type"])
                status, content, headers = hook.answer
                self.send_response(status)
                for name, value in (headers | {"Content-Length": str(len(content))}).items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(content)

            def log_message(self, format: str, *args: Any) -> None:
                """Tests are quiet."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)

    @property
    def url(self) -> str:
        """Its address, with a secret in it as the real ones have."""
        return f"http://127.0.0.1:{self._server.server_port}/hook?sig=hush-hush"

    def __enter__(self) -> Webhook:
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()
