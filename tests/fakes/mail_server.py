"""A mail server that keeps what it gets, on a free port; a test can make it refuse."""

from __future__ import annotations

import email
from collections.abc import Callable
from email.message import EmailMessage
from email.policy import default
from typing import Any

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session


class MailServer:
    """Use it as a context manager. `answers(command)` may return a refusal such as `550 nobody here`.

    With `password`, users have to sign in with it.
    """

    def __init__(self, *, password: str | None = None, port: int = 0) -> None:
        self.received: list[EmailMessage] = []
        self.recipients: list[list[str]] = []
        self.answers: Callable[[str], str | None] = lambda command: None
        self._password = password.encode() if password else None
        options: dict[str, Any] = {}
        if password:
            options = {"authenticator": self._sign_in, "auth_required": True, "auth_require_tls": False}
        self._controller = _AnyPort(self, hostname="127.0.0.1", port=port, **options)

    @property
    def port(self) -> int:
        """The port that it listens on."""
        assert self._controller.server
        return self._controller.server.sockets[0].getsockname()[1]  # type: ignore[union-attr]

    def __enter__(self) -> MailServer:
        self._controller.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._controller.stop()

    async def handle_RCPT(
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        if refusal := self.answers("RCPT"):
            return refusal
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:
        if refusal := self.answers("DATA"):
            return refusal
        assert isinstance(envelope.content, bytes)
        self.received.append(email.message_from_bytes(envelope.content, EmailMessage, policy=default))
        self.recipients.append(list(envelope.rcpt_tos))
        return "250 OK"

    def _sign_in(
        self, server: SMTP, session: Session, envelope: Envelope, mechanism: str, data: Any
    ) -> AuthResult:
        good = isinstance(data, LoginPassword) and data.password == self._password
        return AuthResult(success=good, handled=False)


class _AnyPort(Controller):
    """A controller that asks the system for a port: its own check at the start needs to know which."""

    def _trigger_server(self) -> None:
        assert self.server
        self.port = self.server.sockets[0].getsockname()[1]  # type: ignore[union-attr]
        super()._trigger_server()
