"""Who may speak to a host that asks for no password: decided from what a browser says of itself. Pure.

A page of another site, open in a browser on this machine, reaches whatever listens on it. It has two ways.
A name of its own that suddenly means 127.0.0.1 (DNS rebinding) makes our answers its own: hence the names in
``Host`` are known ones. A plain form or image needs no answer to do harm: hence what a browser says to come
from another site (``Sec-Fetch-Site``, ``Origin``) is refused. Programs send neither and are let through.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum

__all__ = ["ANY_NAME", "LOOPBACK_NAMES", "Callers", "Door", "Refusal", "Said", "host_name", "names_of"]

LOOPBACK_NAMES = frozenset({"localhost", "127.0.0.1", "::1"})
#: Among the names: every name is let in.
ANY_NAME = "*"

_AUTHORITY = re.compile(
    r"(?:\[(?P<six>[0-9A-Fa-f:.]{2,45})\]|(?P<name>[^\s\[\]:@/?#\\]{1,253}))(?::[0-9]{0,5})?"
)
_ORIGIN = re.compile(r"[a-z][a-z0-9+.-]{0,30}://(?P<authority>[^/?#]{1,300})", re.IGNORECASE)
# What a form without a script can send; the browser asks before a script of another site sends anything else.
_FORM_TYPES = frozenset({"application/x-www-form-urlencoded", "multipart/form-data", "text/plain"})
_LONGEST_SHOWN = 100


class Door(Enum):
    """What is asked: routes of the app, or what starts, ends and runs anything (management, admin, RPC)."""

    APP = "app"
    MANAGEMENT = "management"


@dataclass(frozen=True)
class Said:
    """What a request says of where it comes from.

    ``hosts`` has one entry for each Host header; ``headers`` are looked up in any case. ``answers_forms``:
    who is asked tells a form from a program by itself.
    """

    method: str
    hosts: Sequence[str]
    headers: Mapping[str, str]
    answers_forms: bool = False


@dataclass(frozen=True)
class Refusal:
    """Why a request is not served: status, a word for programs, and what to do."""

    status: int
    code: str
    message: str


@dataclass(frozen=True)
class Callers:
    """The names that this host goes by, and the other sites that may speak to it.

    ``names``: host names in lower case, without ports; ``ANY_NAME`` lets all in. ``any_address``: an IP
    address counts as a name of ours, as on a host that listens on all of them; no foreign name can be turned
    into one. ``origins``: of Host.CORS in local.settings.json; "*" there opens routes of the app only.
    """

    names: frozenset[str] = LOOPBACK_NAMES
    any_address: bool = False
    origins: frozenset[str] = field(default_factory=frozenset)

    def refusal(self, said: Said, door: Door) -> Refusal | None:
        """Why a request is not served, None when it is."""
        return self._wrong_host(said) or self._wrong_site(said, door)

    def _wrong_host(self, said: Said) -> Refusal | None:
        if len(said.hosts) != 1:
            return Refusal(400, "bad_host", "A request names its host once, in the header Host.")
        name = host_name(said.hosts[0])
        if name is None:
            return Refusal(400, "bad_host", "The header Host is no name of a host.")
        if name in self.names or ANY_NAME in self.names or (self.any_address and _is_address(name)):
            return None
        known = ", ".join(sorted(self.names))
        return Refusal(
            403,
            "foreign_host",
            f"This host goes by {known}, not by {_shown(name)}. If that is a name of yours, "
            "start the host with --allow-host and the name.",
        )

    def _wrong_site(self, said: Said, door: Door) -> Refusal | None:
        origin, site = said.headers.get("Origin", ""), said.headers.get("Sec-Fetch-Site", "").lower()
        if origin and (origin in self.origins or ("*" in self.origins and door is Door.APP)):
            return None
        if site:
            own = site in ("same-origin", "none") or (door is Door.APP and _follows_a_link(said))
            return None if own else _from_elsewhere(origin)
        if origin:
            return None if self._is_own(origin, said.hosts[0]) else _from_elsewhere(origin)
        return _plain_form(said) if door is Door.MANAGEMENT else None

    def _is_own(self, origin: str, host: str) -> bool:
        """Whether a page of ours sent this; behind a proxy its host is one of our names, not `host`."""
        found = _ORIGIN.fullmatch(origin)
        if found is None:
            return False
        authority = found["authority"].lower()
        return authority == host.lower() or host_name(authority) in self.names - LOOPBACK_NAMES


def host_name(authority: str) -> str | None:
    """The name in ``name:port``, in lower case and without brackets; None where it is none."""
    found = _AUTHORITY.fullmatch(authority)
    return (found["six"] or found["name"]).lower() if found else None


def names_of(authorities: Iterable[str]) -> frozenset[str]:
    """The names in texts like ``settle.example`` and ``[::1]:7071``; what is no name is left out."""
    found = (host_name(f"[{text}]" if _is_address(text) and ":" in text else text) for text in authorities)
    return frozenset(name for name in found if name)


def _is_address(name: str) -> bool:
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True


def _follows_a_link(said: Said) -> bool:
    """Whether the user goes to a page of ours: a link in a mail that is read in a browser leads here."""
    goes = said.headers.get("Sec-Fetch-Mode", "").lower() == "navigate"
    whole = said.headers.get("Sec-Fetch-Dest", "document").lower() == "document"
    return said.method in ("GET", "HEAD") and goes and whole


def _from_elsewhere(origin: str) -> Refusal:
    whose = f" ({_shown(origin)})" if origin else ""
    return Refusal(
        403,
        "from_elsewhere",
        f"This was sent by a page of another site{whose}. If that site is yours, "
        "name it in Host.CORS of local.settings.json.",
    )


def _plain_form(said: Said) -> Refusal | None:
    media_type = said.headers.get("Content-Type", "").partition(";")[0].strip().lower()
    if media_type not in _FORM_TYPES or said.answers_forms:
        return None
    return Refusal(
        415,
        "form",
        f"A body of the type {media_type} may come from a form of another site. "
        "Send the header Content-Type: application/json.",
    )


def _shown(text: str) -> str:
    return ascii(text[:_LONGEST_SHOWN])
