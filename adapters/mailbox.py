"""The watched folder over IMAP: the one module that talks to the server.

What goes wrong is one of two things. `MailboxAway`: the server does not answer, or not now; the same look may
work later. `MailboxRefused`: it does not let us in, or there is no such folder; a person has to mend it, and
trying again and again would lock the account out.
"""

from __future__ import annotations

import contextlib
import logging
import re
import ssl
from collections.abc import Generator
from dataclasses import dataclass
from typing import Any, Protocol

from imapclient import IMAPClient, SocketTimeout
from imapclient.exceptions import IMAPClientAbortError, IMAPClientError, LoginError

from adapters.mailbox_settings import MailboxSettings

#: Seconds to connect, and to wait for each answer.
PATIENCE = SocketTimeout(connect=15, read=60)
#: Mails that are looked at to find the oldest: on a server that never takes away what was deleted.
MOST_LISTED = 2_000
#: Bytes of a mail that are fetched for its head.
HEAD = 64 * 1024
# Answers to a sign-in that speak of the server and not of the password (RFC 5530).
_NOT_NOW = re.compile(r"\[(unavailable|inuse|limit|serverbug)\]|too many|try again|temporar", re.IGNORECASE)


class MailboxError(Exception):
    """Something about the mailbox; the text names no password."""


class MailboxAway(MailboxError):
    """The server does not answer, or says that it cannot right now."""


class MailboxRefused(MailboxError):
    """The server does not let us in, or has no such folder: a person has to mend it."""


@dataclass(frozen=True)
class Listed:
    """A mail in the folder; size in bytes."""

    uid: int
    size: int


class Mailbox(Protocol):
    """The watched folder while it is open. Everything may raise MailboxAway and MailboxRefused."""

    #: By which numbers of the server the mails are known: another validity, other mails.
    validity: int
    #: How many mails are in the folder.
    waiting: int

    def oldest(self, most: int) -> list[Listed]:
        """The oldest mails, at most so many; without those that are marked as deleted."""
        ...

    def size(self, uid: int) -> int | None:
        """The size of a mail in bytes; None where it is not there any more."""
        ...

    def head(self, uid: int) -> bytes | None:
        """The headers of a mail, at most 64 KiB of them; None where it is not there."""
        ...

    def read(self, uid: int, most: int) -> bytes | None:
        """A mail, at most so many bytes of it; None where it is not there. It stays unread on the server."""
        ...

    def move(self, uid: int, folder: str) -> None:
        """Put a mail into a folder, which is made where it is missing."""
        ...

    def close(self) -> None:
        """Sign out; never raises."""
        ...


class ImapMailbox:
    """A folder of an IMAP server."""

    def __init__(self, settings: MailboxSettings) -> None:
        """Connect, sign in and open the folder. Raises MailboxAway and MailboxRefused."""
        if not settings.password:
            raise MailboxRefused("SETTLE_MAILBOX_PASSWORD refers to a key vault, and was not resolved.")
        with _translated("connect"):
            self._client: Any = _connected(settings)
        try:
            self._sign_in(settings)
            self._open(settings.folder)
        except BaseException:
            self.close()
            raise

    def oldest(self, most: int) -> list[Listed]:
        """As `Mailbox.oldest`."""
        found: list[Listed] = []
        last = min(self.waiting, MOST_LISTED)
        with _translated("list mails"):
            # By their places and not by a search: its answer would name every mail of the folder.
            for first in range(1, last + 1, most):
                found += self._listed(range(first, min(first + most, last + 1)))
                if len(found) >= most:
                    break
        return sorted(found, key=_uid)[:most]

    def size(self, uid: int) -> int | None:
        """As `Mailbox.size`."""
        return self._fetch(uid, "RFC822.SIZE", b"RFC822.SIZE")

    def head(self, uid: int) -> bytes | None:
        """As `Mailbox.head`."""
        return self._fetch(uid, f"BODY.PEEK[HEADER]<0.{HEAD}>", b"BODY[HEADER]<0>")

    def read(self, uid: int, most: int) -> bytes | None:
        """As `Mailbox.read`."""
        return self._fetch(uid, f"BODY.PEEK[]<0.{most}>", b"BODY[]<0>")

    def move(self, uid: int, folder: str) -> None:
        """As `Mailbox.move`. A server without MOVE copies and deletes."""
        with _translated("move a mail"):
            name = self._name(folder)
            if not self._client.folder_exists(name):
                self._make(name)
            if self._client.has_capability("MOVE"):
                self._client.move([uid], name)
                return
            self._client.copy([uid], name)
            self._client.delete_messages([uid], silent=True)
            if self._client.has_capability("UIDPLUS"):
                self._client.uid_expunge([uid])

    def close(self) -> None:
        """Sign out; a server that has gone is no error."""
        with contextlib.suppress(Exception):
            self._client.logout()
        with contextlib.suppress(Exception):
            self._client.shutdown()

    def _listed(self, places: range) -> list[Listed]:
        """The mails at some places of the folder, without those that are deleted."""
        self._client.use_uid = False
        try:
            answer: Any = self._client.fetch(list(places), ["UID", "RFC822.SIZE", "FLAGS"])
        finally:
            self._client.use_uid = True
        return [Listed(one[b"UID"], one.get(b"RFC822.SIZE", 0)) for one in answer.values() if _is_there(one)]

    def _sign_in(self, settings: MailboxSettings) -> None:
        with _translated("sign in"):
            try:
                self._login(settings.user, settings.password)
            except LoginError as error:
                # The library calls it the same when the server hangs up: that says nothing of the password.
                if isinstance(error.__context__, IMAPClientAbortError) or _NOT_NOW.search(str(error)):
                    raise MailboxAway("sign in: the server hangs up, or cannot right now") from None
                # The server's answer may repeat what it was given.
                raise MailboxRefused("sign in: the server refuses the user or the password") from None

    def _login(self, user: str, password: str) -> None:
        """Sign in; LOGIN takes ASCII alone, and no user with a space."""
        if (user + password).isascii() and " " not in user:
            self._client.login(user, password)
        else:
            self._client.plain_login(user, password)

    def _open(self, folder: str) -> None:
        with _translated("open the folder"):
            name = self._name(folder)
            if not self._client.folder_exists(name):
                raise MailboxRefused(f"There is no folder {folder} (SETTLE_MAILBOX_FOLDER).")
            answer: Any = self._client.select_folder(name)
            self.waiting: int = answer.get(b"EXISTS", 0)
            if b"UIDVALIDITY" not in answer:
                raise MailboxRefused("The server gives its mails no lasting numbers (UIDVALIDITY).")
            self.validity: int = answer[b"UIDVALIDITY"]

    def _make(self, name: str) -> None:
        try:
            self._client.create_folder(name)
        except IMAPClientError:
            if not self._client.folder_exists(name):  # another one was quicker
                raise

    def _name(self, folder: str) -> str:
        """A folder as the server names it: below what is ours, with its own sign between."""
        if folder.upper() == "INBOX":
            return "INBOX"
        prefix, between = "", "/"
        if self._client.has_capability("NAMESPACE"):
            personal: Any = self._client.namespace().personal
            if personal:
                prefix, between = personal[0][0] or "", personal[0][1] or "/"
        name = folder.replace("/", between)
        return name if prefix and name.startswith(prefix) else prefix + name

    def _fetch(self, uid: int, what: str, key: bytes) -> Any:
        with _translated("fetch a mail"):
            answer: Any = self._client.fetch([uid], [what])
            return answer.get(uid, {}).get(key)


def _is_there(answer: Any) -> bool:
    """Whether an answer is about a mail, and one that nobody has deleted."""
    return b"UID" in answer and b"\\Deleted" not in answer.get(b"FLAGS", ())


def _uid(mail: Listed) -> int:
    return mail.uid


def _connected(settings: MailboxSettings) -> Any:
    make: Any = IMAPClient  # its package says too little of its types
    context = ssl.create_default_context()
    is_tls = settings.security == "tls"
    client = make(
        settings.host, settings.port, ssl=is_tls, ssl_context=context if is_tls else None, timeout=PATIENCE
    )
    if settings.security == "starttls":
        try:
            client.starttls(context)
        except BaseException:
            with contextlib.suppress(Exception):
                client.shutdown()
            raise
    return client


@contextlib.contextmanager
def _translated(what: str) -> Generator[None, None, None]:
    """Turn what the library raises into an error of ours.

    It raises its own errors for a word that it does not like, those of the socket for a server that has gone,
    and errors of Python for an answer that it cannot read.
    """
    try:
        yield
    except MailboxError:
        raise
    except ssl.SSLCertVerificationError as error:
        text = f"{what}: the server's certificate cannot be trusted: {error.verify_message}"
        raise MailboxRefused(text) from error
    except OSError as error:
        raise MailboxAway(f"{what}: {type(error).__name__}") from error
    except Exception as error:
        logging.info("mailbox: %s: %s", what, type(error).__name__)
        raise MailboxAway(f"{what}: {type(error).__name__}: {_plain(str(error))}") from error


def _plain(text: str) -> str:
    """The server's words on one line, cut."""
    return " ".join("".join(c if c.isprintable() else " " for c in text).split())[:200]
