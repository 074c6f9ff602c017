"""Who may send invoices by mail.

The header From is what its writer says. It proves nothing, unless the mail server has checked it: then the
header Authentication-Results of that server (RFC 8601) says so, and a setting can ask for it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from invoicing.mails.heads import Head

# The server repeats what the sender said, such as the address of the envelope. So a comment stands by itself
# and has no quotes, and a text in quotes is a whole value, or what stands before an @.
_COMMENT = re.compile(r'(?<![^\s;)])\([^()"\\]*\)')
_QUOTED = re.compile(r'(?<==)"((?:[^"\\]|\\.)*)"(?=[\s;@]|$)')
_PLAIN = re.compile(r"[a-z0-9._+=@-]+")
_SERVER = re.compile(r"\s*(?:\([^()]*\)\s*)*([^\s;(]+)")
_RESULT = re.compile(r"([a-z0-9-]+)(?:/[0-9]+)?=([a-z]+)")
_PROPERTY = re.compile(r"([a-z]+\.[a-z-]+)=(.*)")


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
        server = _SERVER.match(header.lower())
        if server and server[1] == authserv.lower():
            return any(_passes(result, domain) for result in _results(header))
    return False


@dataclass(frozen=True)
class _Result:
    """What a server found: the method, its result, and the properties with their values."""

    method: str
    result: str
    properties: list[tuple[str, str]]


def _results(header: str) -> list[_Result]:
    """What a header says; nothing where it may be that a part of it is a stranger's."""
    plain = _without_quotes(_without_comments(header.lower()))
    if any(odd in plain for odd in '"()\\'):
        return []
    found: list[_Result] = []
    # Behind the name of the server there may be a version.
    for text in plain.split(";")[1:]:
        words = text.split()
        if not words or words == ["none"]:
            continue
        first = _RESULT.fullmatch(words[0])
        if first is None:
            return []
        named = [match for word in words[1:] if (match := _PROPERTY.fullmatch(word))]
        found.append(_Result(first[1], first[2], [(match[1], match[2]) for match in named]))
    return found if sum(one.method == "dmarc" for one in found) <= 1 else []


def _without_comments(header: str) -> str:
    """A header without `(...)`, which may stand in each other."""
    for _ in range(10):
        shorter = _COMMENT.sub(" ", header)
        if shorter == header:
            break
        header = shorter
    return header


def _without_quotes(header: str) -> str:
    """A header with `x` for `"x"`; what is no plain value is no value that counts here."""
    return _QUOTED.sub(lambda found: found[1] if _PLAIN.fullmatch(found[1]) else "?", header)


def _passes(one: _Result, domain: str) -> bool:
    names = [name for name, _ in one.properties]
    if one.result != "pass" or len(set(names)) < len(names):
        return False
    found = {name: value.rpartition("@")[2].rstrip(".") for name, value in one.properties}
    if one.method == "dmarc":
        return found.get("header.from") == domain
    if one.method == "dkim":
        return _is_over(found.get("header.d") or found.get("header.i", ""), domain)
    return one.method == "spf" and _is_over(found.get("smtp.mailfrom", ""), domain)


def _is_over(checked: str, domain: str) -> bool:
    """Whether a domain is the sender's, or one that the sender's is under; a top level alone is none."""
    return checked == domain or ("." in checked and domain.endswith("." + checked))
