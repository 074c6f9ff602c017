"""Settings of invoices by mail: the folder that is watched, who may send, and whether they are answered."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from email.utils import parseaddr
from typing import Literal

from adapters.setting_values import SettingError, between, flag
from invoicing import texts
from invoicing.approval.persons import BadPerson, person_id
from invoicing.mails.identity import place_of
from invoicing.mails.senders import SenderRules
from invoicing.records.mails import MailOutcome

Security = Literal["tls", "starttls", "none"]
"""`tls` from the first byte, `starttls`, or nothing, which is for a server on this machine only."""

_LOCAL = ("localhost", "127.0.0.1", "::1")
_UNRESOLVED = "@Microsoft.KeyVault("
_MIB = 1024 * 1024
_LONGEST = 200
_MOST_SENDERS = 500
#: Under the folder that the server calls ours; `/` stands between folders, whatever the server has there.
_FOLDERS: dict[str, str] = {
    "SETTLE_MAILBOX_DONE": "Settle/Done",
    "SETTLE_MAILBOX_NO_INVOICES": "Settle/No invoices",
    "SETTLE_MAILBOX_FAILED": "Settle/Failed",
    "SETTLE_MAILBOX_REFUSED": "Settle/Refused",
}


@dataclass(frozen=True)
class MailboxSettings:
    """The watched folder. Sizes in bytes, pauses in seconds.

    `password` is empty where it stands in a key vault that did not answer. `answers`: whether senders get the
    report, and `answers_a_day`: how many one of them gets at most. `first` and `longest`: pauses between two
    looks while nothing comes.
    """

    host: str
    port: int
    security: Security
    user: str
    folder: str
    done: str
    no_invoices: str
    failed: str
    refused: str
    senders: SenderRules
    password: str = field(repr=False)
    answers: bool = False
    answers_a_day: int = 20
    largest: int = 40 * _MIB
    first: int = 30
    longest: int = 300

    @property
    def place(self) -> str:
        """12 hex digits that stand for server, user and folder."""
        return place_of(self.host, self.port, self.user, self.folder)

    def folder_of(self, outcome: MailOutcome) -> str:
        """Where a mail of this outcome goes."""
        folders = {"batch": self.done, "no_invoices": self.no_invoices, "refused": self.refused}
        return folders.get(outcome, self.failed)


def read_mailbox(environment: Mapping[str, str]) -> MailboxSettings | None:
    """Read them; None where no mailbox is named. Raises SettingError."""
    host = environment.get("SETTLE_MAILBOX_HOST", "").strip()
    if not host:
        return None
    user = environment.get("SETTLE_MAILBOX_USER", "").strip()
    password = environment.get("SETTLE_MAILBOX_PASSWORD", "")
    for name, value in (("SETTLE_MAILBOX_USER", user), ("SETTLE_MAILBOX_PASSWORD", password)):
        if not value or texts.fault(value, 1000):
            raise SettingError(f"{name} is not set, or cannot be used. SETTLE_MAILBOX_HOST needs it.")
    security = _security(environment, host)
    answers = flag(environment, "SETTLE_MAILBOX_ANSWER")
    folders = {name: _folder(environment, name, usual) for name, usual in _FOLDERS.items()}
    folder = _folder(environment, "SETTLE_MAILBOX_FOLDER", "INBOX")
    if folder in folders.values():
        raise SettingError("SETTLE_MAILBOX_FOLDER is also one that mails are moved to. Name another one.")
    return MailboxSettings(
        host=host,
        port=between(environment, "SETTLE_MAILBOX_PORT", 993 if security == "tls" else 143, 1, 65535),
        security=security,
        user=user,
        folder=folder,
        done=folders["SETTLE_MAILBOX_DONE"],
        no_invoices=folders["SETTLE_MAILBOX_NO_INVOICES"],
        failed=folders["SETTLE_MAILBOX_FAILED"],
        refused=folders["SETTLE_MAILBOX_REFUSED"],
        senders=_senders(environment, user, answers),
        # A reference that was not resolved is no password: to try it would only lock the account out.
        password="" if password.startswith(_UNRESOLVED) else password,
        answers=answers,
        answers_a_day=between(environment, "SETTLE_MAILBOX_ANSWERS_A_DAY", 20, 1, 1000),
        largest=between(environment, "SETTLE_MAILBOX_MAX_MIB", 40, 1, 90) * _MIB,
        first=between(environment, "SETTLE_MAILBOX_SECONDS", 30, 1, 3600),
        longest=between(environment, "SETTLE_MAILBOX_LONGEST_SECONDS", 300, 1, 3600),
    )


def _security(environment: Mapping[str, str], host: str) -> Security:
    text = environment.get("SETTLE_MAILBOX_SECURITY", "").strip().lower() or "tls"
    if text not in ("tls", "starttls", "none"):
        raise SettingError(
            f"SETTLE_MAILBOX_SECURITY is {text!r}. Set it to tls or starttls, or remove it (tls)."
        )
    if text == "none" and host not in _LOCAL:
        raise SettingError(
            "SETTLE_MAILBOX_SECURITY is none: the password would travel in the clear. That is for a "
            "server on this machine only. Set it to tls or starttls."
        )
    return text


def _folder(environment: Mapping[str, str], name: str, usual: str) -> str:
    value = environment.get(name, "").strip().strip("/") or usual
    if texts.fault(value, _LONGEST) or "//" in value or "*" in value or "%" in value:
        raise SettingError(f"{name} is no name of a folder. Set it to one such as {usual}, or remove it.")
    return value


def _senders(environment: Mapping[str, str], user: str, answers: bool) -> SenderRules:
    given = environment.get("SETTLE_MAILBOX_SENDERS", "").split(",")
    words = [word.strip() for word in given if word.strip()]
    authserv = environment.get("SETTLE_MAILBOX_AUTHSERV", "").strip()
    if not words:
        raise SettingError(
            "SETTLE_MAILBOX_SENDERS is not set. Set it to the addresses and domains that may send invoices, "
            "such as ann@example.com, @example.com, or to * for everybody."
        )
    if len(words) > _MOST_SENDERS:
        raise SettingError(f"SETTLE_MAILBOX_SENDERS has more than {_MOST_SENDERS} entries. List domains.")
    listed = frozenset[str]() if words == ["*"] else frozenset(_sender(word) for word in words)
    if answers and not listed and not authserv:
        raise SettingError(
            "SETTLE_MAILBOX_ANSWER with SETTLE_MAILBOX_SENDERS=* would answer whomever a forged mail names. "
            "List the senders, or name the server that proves them in SETTLE_MAILBOX_AUTHSERV."
        )
    own = [user, parseaddr(environment.get("SETTLE_MAIL_FROM", ""))[1]]
    return SenderRules(listed=listed, own=frozenset(_own(own)), authserv=authserv)


def _sender(word: str) -> str:
    """An address, or a domain as `@example.com`, in the form that persons have."""
    try:
        if word.startswith("@"):
            return person_id(f"x{word}").removeprefix("x")
        return person_id(word)
    except BadPerson as error:
        text = f"SETTLE_MAILBOX_SENDERS: {texts.quoted(word)} {error}. A domain is written as @example.com."
        raise SettingError(text) from error


def _own(addresses: list[str]) -> list[str]:
    found: list[str] = []
    for address in addresses:
        try:
            found.append(person_id(address))
        except BadPerson:
            continue  # the user of a mailbox need not be an address
    return found
