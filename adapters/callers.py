"""Where a request comes from, by what it says of itself, and which of our own addresses it used. Pure.

A page of another site that is open in somebody's browser can send requests here with that person's cookies
(browsers say so, in `Sec-Fetch-Site` or at least in `Origin`), and in local runs can give its own name to
this machine (DNS rebinding). The caller's `Host` is never believed: answers name our own addresses alone.
"""

from __future__ import annotations

import ipaddress
from urllib.parse import urlsplit

import azure.functions as func

from adapters.access_settings import AccessSettings
from adapters.request_headers import sent_header

_LOOPBACK = ("localhost", "127.0.0.1", "::1")
_READS_ONLY = ("GET", "HEAD", "OPTIONS")


def foreign_name(req: func.HttpRequest, access: AccessSettings) -> str | None:
    """In a local run, the name in `Host` if it is none of ours; None otherwise.

    In Azure the platform's front end answers to the app's own names only. An IP address is taken for ours:
    no foreign name can be made into one.
    """
    if not access.development:
        return None
    name = _name(req.url)
    known = {*_LOOPBACK, *map(_name, access.addresses)}
    return None if name in known or _is_address(name) else name or "(none)"


def from_elsewhere(req: func.HttpRequest, access: AccessSettings) -> bool:
    """Whether a request that changes something was sent by a page of another site.

    Programs say nothing of the kind, and old browsers neither; forms carry a token besides.
    """
    if req.method.upper() in _READS_ONLY:
        return False
    site = sent_header(req, "sec-fetch-site").lower()
    if site:
        return site not in ("same-origin", "none")
    origin = sent_header(req, "origin")
    return bool(origin) and not _is_own_origin(origin, req, access)


def own_address(req: func.HttpRequest, access: AccessSettings) -> str:
    """The address of ours that a caller used, without a slash at its end, for links in the answer.

    Another `Host` than those of our addresses gets the one that people open; "" where none is known.
    """
    used = _authority(req.url)
    for address in access.addresses:
        if used in _spellings(address):
            return address if used == _authority(address) else f"{urlsplit(address).scheme}://{used}"
    return access.public_url


def _is_own_origin(origin: str, req: func.HttpRequest, access: AccessSettings) -> bool:
    """Whether a browser's `Origin` is the address that was asked, or behind a proxy one of ours."""
    return _authority(origin) in {_authority(req.url), *map(_authority, access.addresses)} - {""}


def _spellings(address: str) -> set[str]:
    """The authority of an address; for this machine, all ways to write its name."""
    own = _authority(address)
    if _name(address) not in _LOOPBACK:
        return {own}
    port = own.rpartition("]")[2].rpartition(":")
    return {own, *(f"{name}{port[1]}{port[2]}" for name in ("localhost", "127.0.0.1", "[::1]") if port[1])}


def _authority(url: str) -> str:
    try:
        return urlsplit(url).netloc.lower()
    except ValueError:
        return ""


def _name(url: str) -> str:
    try:
        return (urlsplit(url).hostname or "").lower()
    except ValueError:
        return ""


def _is_address(name: str) -> bool:
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True
