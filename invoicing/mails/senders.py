"""Who may send invoices by mail.

The header From is what its writer says. It proves nothing, unless the mail server has checked it: then the
header Authentication-Results of that server (RFC 8601) says so, and a setting can ask for it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from invoicing.mails.heads import Head

_COMMENT = re.compile(r"\([^()]*\)")
_PROPERTY = re.compile(r"([a-z]+\.[a-z-]+)\s*=\s*\"?([^\s;\"]+)\"?")


@dataclass(frozen=True)
class SenderRules:
    """Who may send.

    `listed`: addresses, and domains as `@example.com`, in the form of persons; empty: everybody. `own`: our
    own addresses. `authserv`: the server whose Authentication-Results have to prove the sender; empty: none
    is asked.
    """

    listed: frozenset[str] = frozenset()
    own: frozenset[str] = frozenset()
    authserv: str = ""


@dataclass(frozen=True)
class NotFromThem:
    """Why a mail is not taken: `code` for programs, `text` for people."""

    code: str
    text: str


def refusal(head: Head, rules: SenderRules) -> NotFromThem | None:
    """Why a mail is not taken because of its sender; None where it is."""
    if head.sender is None:
        return NotFromThem("no_sender", head.sender_fault)
    if head.sender in rules.own:
        return NotFromThem("own_mail", "It comes from an address of Settle itself.")
    domain = head.sender.rpartition("@")[2]
    if rules.listed and not {head.sender, f"@{domain}"} & rules.listed:
        return NotFromThem("sender_not_listed", "Its sender is not listed in SETTLE_MAILBOX_SENDERS.")
    if rules.authserv and not is_authenticated(head.results, rules.authserv, domain):
        text = f"The mail server {rules.authserv} does not say that it comes from {domain}."
        return NotFromThem("sender_not_proved", text)
    return None


def is_authenticated(results: tuple[str, ...], authserv: str, domain: str) -> bool:
    """Say whether a server found that a mail comes from the domain in From.

    Only the topmost header of the server counts: it puts its own on top. DMARC has passed for the domain, or
    DKIM or SPF for it or for the domain that it is under.
    """
    for header in results:
        server, _, rest = _without_comments(header).partition(";")
        # Behind the name there may be a version.
        if (server.split() or [""])[0].lower() == authserv.lower():
            return any(_passes(result, domain) for result in rest.split(";"))
    return False


def _without_comments(header: str) -> str:
    """A header without `(...)`, which may stand in each other."""
    for _ in range(10):
        shorter = _COMMENT.sub(" ", header)
        if shorter == header:
            break
        header = shorter
    return header.lower()


def _passes(result: str, domain: str) -> bool:
    method, _, rest = result.strip().partition("=")
    if (rest.split() or [""])[0] != "pass":
        return False
    found = {name: value.rpartition("@")[2].rstrip(".") for name, value in _PROPERTY.findall(rest)}
    if method.strip() == "dmarc":
        return found.get("header.from") == domain
    if method.strip() == "dkim":
        return _is_over(found.get("header.d") or found.get("header.i", ""), domain)
    return method.strip() == "spf" and _is_over(found.get("smtp.mailfrom", ""), domain)


def _is_over(checked: str, domain: str) -> bool:
    """Whether a domain is the sender's, or one that the sender's is under; a top level alone is none."""
    return checked == domain or ("." in checked and domain.endswith("." + checked))
