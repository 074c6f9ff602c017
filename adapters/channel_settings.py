"""Settings of the channels that carry messages to people: a mail server, a webhook of Teams."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from email.utils import parseaddr
from urllib.parse import SplitResult, parse_qs, unquote, urlsplit

from adapters.setting_values import SettingError, whole
from invoicing.records.messages import Channel

#: A quarter of an hour; in a local run a few seconds, so that the outbox does not look empty.
DIGEST_SECONDS = 900
LOCAL_DIGEST_SECONDS = 5
_LONGEST_DIGEST = 24 * 3600

_LOCAL = ("localhost", "127.0.0.1", "::1")
_FORM = "smtp://user:password@host:587?starttls=1, smtps://user:password@host:465 or smtp://host:25"


@dataclass(frozen=True)
class SmtpServer:
    """A mail server; `security` is `tls` from the first byte, `starttls`, or `none`."""

    host: str
    port: int
    security: str
    user: str = ""
    password: str = field(default="", repr=False)


@dataclass(frozen=True)
class ChannelSettings:
    """Where messages go; a channel that is None is not used, and without any they go to the outbox.

    `digest_seconds`: how long messages to a person are gathered before they go out as one.
    """

    smtp: SmtpServer | None = None
    mail_from: str = ""
    teams_webhook: str | None = field(default=None, repr=False)  # whoever knows it can write to the channel
    digest_seconds: int = DIGEST_SECONDS

    @property
    def names(self) -> tuple[Channel, ...]:
        """The channels in use: `mail`, `teams`, or else `outbox`."""
        used: list[Channel] = []
        if self.smtp:
            used.append("mail")
        if self.teams_webhook:
            used.append("teams")
        return tuple(used) or ("outbox",)


def read_channels(environment: Mapping[str, str], *, development: bool = False) -> ChannelSettings:
    """Read them; raises SettingError where one cannot be used. `development`: this is a local run."""
    smtp = _smtp(environment.get("SETTLE_SMTP_URL", "").strip())
    sender = environment.get("SETTLE_MAIL_FROM", "").strip()
    if smtp and "@" not in parseaddr(sender)[1]:
        raise SettingError("SETTLE_MAIL_FROM is not an address. Mails need one, like settle@example.com.")
    webhook = _webhook(environment.get("SETTLE_TEAMS_WEBHOOK", "").strip())
    usual = LOCAL_DIGEST_SECONDS if development else DIGEST_SECONDS
    return ChannelSettings(smtp, sender, webhook, _digest_seconds(environment, usual))


def _digest_seconds(environment: Mapping[str, str], usual: int) -> int:
    seconds = whole(environment, "SETTLE_DIGEST_SECONDS", usual)
    if seconds > _LONGEST_DIGEST:
        raise SettingError(f"SETTLE_DIGEST_SECONDS is {seconds}. Set it to at most {_LONGEST_DIGEST}, a day.")
    return seconds


def _smtp(url: str) -> SmtpServer | None:
    if not url:
        return None
    parts, port = _split("SETTLE_SMTP_URL", url, ("smtp", "smtps"), _FORM)
    starttls = parse_qs(parts.query).get("starttls", ["0"])[-1].lower() in ("1", "true")
    security = "tls" if parts.scheme == "smtps" else "starttls" if starttls else "none"
    user, password = unquote(parts.username or ""), unquote(parts.password or "")
    if user and security == "none" and parts.hostname not in _LOCAL:
        raise SettingError("SETTLE_SMTP_URL would send the password in the clear. Add ?starttls=1 to it.")
    default = 465 if security == "tls" else 587 if starttls else 25
    return SmtpServer(parts.hostname or "", port or default, security, user, password)


def _webhook(url: str) -> str | None:
    if not url:
        return None
    example = "the address that the Teams workflow shows, https://…"
    parts, _ = _split("SETTLE_TEAMS_WEBHOOK", url, ("http", "https"), example)
    if parts.scheme == "http" and parts.hostname not in _LOCAL:
        raise SettingError("SETTLE_TEAMS_WEBHOOK does not begin with https://. Set it to one that does.")
    return url


def _split(name: str, url: str, schemes: tuple[str, ...], form: str) -> tuple[SplitResult, int | None]:
    """The parts of an address and its port; the error does not repeat the address, which holds a secret."""
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        parts = SplitResult("", "", "", "", "")
        port = None
    if parts.scheme not in schemes or not parts.hostname:
        raise SettingError(f"{name} cannot be read. Set it to {form}, or remove it.")
    return parts, port
