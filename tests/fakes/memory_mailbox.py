"""A mail server in memory, behind the protocol of `adapters.mailbox`; a test can take it away at any call."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from adapters.mailbox import HEAD, Listed, MailboxAway, MailboxRefused
from adapters.mailbox_settings import MailboxSettings


@dataclass
class MemoryServer:
    """Folders with mails by UID. `fails(verb)` is asked before each call; what it raises is the answer.

    `password`: the one that is right. `signed_in`: how often somebody tried. `sizes`: what the server says of
    a mail, where that is not true.
    """

    password: str = "secret"
    validity: int = 1
    folders: dict[str, dict[int, bytes]] = field(default_factory=lambda: {"INBOX": {}})
    sizes: dict[int, int] = field(default_factory=dict)
    calls: list[str] = field(default_factory=list)
    fails: Callable[[str], None] = lambda verb: None
    signed_in: int = 0
    next_uid: int = 1

    def put(self, raw: bytes, folder: str = "INBOX") -> int:
        """A mail comes in; returns its UID."""
        uid, self.next_uid = self.next_uid, self.next_uid + 1
        self.folders.setdefault(folder, {})[uid] = raw
        return uid

    def renumber(self) -> None:
        """The server loses its numbers: another UIDVALIDITY, and all mails get new ones."""
        self.validity += 1
        self.folders = {
            name: {uid + 1000: raw for uid, raw in mails.items()} for name, mails in self.folders.items()
        }
        self.next_uid += 1000

    def open(self, settings: MailboxSettings) -> MemoryMailbox:
        """Sign in, as `ImapMailbox` does."""
        self.signed_in += 1
        self.call("connect")
        if settings.password != self.password:
            raise MailboxRefused("sign in: the server refuses the user or the password")
        return MemoryMailbox(self, settings.folder)

    def call(self, verb: str) -> None:
        """Note a call, and let it fail where the test says so."""
        self.calls.append(verb)
        self.fails(verb)

    def count(self, folder: str) -> int:
        """How many mails are in a folder."""
        return len(self.folders.get(folder, {}))


def away(verb: str) -> None:
    """The answer of a server that has gone."""
    raise MailboxAway(f"{verb}: ConnectionResetError")


class MemoryMailbox:
    """A folder of the server, while it is open."""

    def __init__(self, server: MemoryServer, folder: str) -> None:
        self._server = server
        self._mails = server.folders[folder]
        self.validity = server.validity
        self.waiting = len(self._mails)

    def oldest(self, most: int) -> list[Listed]:
        self._server.call("oldest")
        return [Listed(uid, self._size(uid)) for uid in sorted(self._mails)[:most]]

    def size(self, uid: int) -> int | None:
        self._server.call("size")
        return self._size(uid) if uid in self._mails else None

    def head(self, uid: int) -> bytes | None:
        self._server.call("head")
        raw = self._mails.get(uid)
        return None if raw is None else raw.partition(b"\r\n\r\n")[0][:HEAD]

    def read(self, uid: int, most: int) -> bytes | None:
        self._server.call("read")
        raw = self._mails.get(uid)
        return None if raw is None else raw[:most]

    def move(self, uid: int, folder: str) -> None:
        self._server.call("move")
        self._server.folders.setdefault(folder, {})[uid] = self._mails.pop(uid)

    def close(self) -> None:
        self._server.calls.append("close")

    def _size(self, uid: int) -> int:
        return self._server.sizes.get(uid, len(self._mails[uid]))
