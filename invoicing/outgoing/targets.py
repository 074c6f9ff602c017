"""Where a call goes: a URL is read by one narrow grammar, and held against the list of allowed hosts.

Two programs that read a URL in two ways are how such checks are passed by. So what does not follow the plain
form is refused, and what is sent is built from the parts that were checked.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from functools import lru_cache

from invoicing.outgoing import addresses
from invoicing.outgoing.refusals import CallRefused
from invoicing.records.outgoing import LONGEST_URL

_URL = re.compile(
    r"(?P<scheme>[A-Za-z][A-Za-z0-9+.-]*)://"
    r"(?P<authority>[^/?#]*)"
    r"(?P<path>/[^?#]*)?"
    r"(?:\?(?P<query>[^#]*))?"
)
_AUTHORITY = re.compile(
    r"(?:\[(?P<six>[0-9A-Fa-f:.]+)\]|(?P<name>[A-Za-z0-9._-]+))(?::(?P<port>[0-9]{1,5}))?"
)
_LABEL = re.compile(r"[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?")
_PRINTABLE = re.compile(r"[\x21-\x7e]+")
_USUAL_PORTS = {"https": 443, "http": 80}


@dataclass(frozen=True)
class CallPolicy:
    """Which calls are allowed.

    `hosts`: names, or `*.example.com` for all names below one. `http`: calls without TLS as well.
    `loopback`: this machine, on any port, for tests and local runs. `ports`: besides 443, and 80 for http.
    `secret_hosts`: for the name of each secret the hosts that it may be sent to, in the form of `hosts`.
    """

    hosts: tuple[str, ...] = ()
    http: bool = False
    loopback: bool = False
    ports: frozenset[int] = frozenset()
    secret_hosts: dict[str, tuple[str, ...]] = field(default_factory=dict[str, tuple[str, ...]])


@dataclass(frozen=True)
class Target:
    """Where a call goes. `host`: lower case, IPv6 without brackets; `path` begins with a slash."""

    scheme: str
    host: str
    port: int
    path: str
    query: str

    @property
    def address(self) -> addresses.Address | None:
        """The address that the host names by itself; None for a name."""
        return _literal(self.host)

    @property
    def key(self) -> str:
        """The host as leases and failures are counted: name and port."""
        return f"{self.host}:{self.port}"


_literal = lru_cache(maxsize=1024)(addresses.literal)


def target_of(url: str, policy: CallPolicy) -> Target:
    """Read a URL. Raises CallRefused where it cannot be read, or is not allowed."""
    target = parse(url)
    if target.scheme == "http" and not policy.http:
        raise CallRefused("https_needed", "Only https is called. Use https:// (setting SETTLE_CALL_HTTP).")
    if not matches(target.host, policy.hosts):
        raise CallRefused(
            "host_not_allowed", "This host is not on the list of hosts to call (setting SETTLE_CALL_HOSTS)."
        )
    _check_port(target, policy)
    address = target.address
    if address is not None and not addresses.is_allowed(address, loopback=policy.loopback):
        raise not_allowed_address()
    return target


def parse(url: str) -> Target:
    """Read a URL, whichever host it names. Raises CallRefused."""
    if len(url) > LONGEST_URL:
        raise CallRefused("bad_url", f"The URL has more than {LONGEST_URL:,} characters.")
    if not _PRINTABLE.fullmatch(url) or "\\" in url:
        text = "The URL has characters that no URL has. Write others as %XX, and names of hosts in ASCII."
        raise CallRefused("bad_url", text)
    found = _URL.fullmatch(url)
    if found is None:
        raise CallRefused("bad_url", "This is no URL. Write https://host/path, without a fragment (#).")
    scheme = found["scheme"].lower()
    if scheme not in _USUAL_PORTS:
        raise CallRefused("bad_scheme", "Only https is called (and http, where a setting allows it).")
    host, port = _host_and_port(found["authority"])
    return Target(scheme, host, port or _USUAL_PORTS[scheme], found["path"] or "/", found["query"] or "")


def matches(host: str, patterns: tuple[str, ...]) -> bool:
    """Whether a host is one of a list: `example.com` is that name alone, `*.example.com` all below it."""
    return any(host == one or (one.startswith("*.") and host.endswith(one[1:])) for one in patterns)


def not_allowed_address() -> CallRefused:
    """The refusal of an address; it does not say which: names of inside networks are nobody's business."""
    return CallRefused(
        "address_not_allowed",
        "The host has an address that is not called: one of this machine, a private network or the platform.",
    )


def is_host_pattern(text: str) -> bool:
    """Whether a text may stand in a list of hosts: a name, an address, or `*.` and a name of two labels."""
    name = text.removeprefix("*.")
    if name != text and "." not in name:
        return False
    try:
        is_literal = addresses.literal(name) is not None
    except ValueError:
        return False
    return (is_literal and name == text) or (not is_literal and _is_name(name))


@lru_cache(maxsize=1024)
def _host_and_port(authority: str) -> tuple[str, int | None]:
    if "@" in authority:
        raise CallRefused("user_in_url", "A user or password stands in the URL. Send it as a header.")
    found = _AUTHORITY.fullmatch(authority)
    if found is None:
        raise CallRefused("bad_host", "The host of the URL cannot be read. Write its name in ASCII.")
    port = int(found["port"]) if found["port"] else None
    if port is not None and not 1 <= port <= 65535:
        raise CallRefused("bad_port", "The port of the URL is not one from 1 to 65535.")
    return _host(found["six"] or found["name"]), port


def _host(text: str) -> str:
    host = text.lower().removesuffix(".")
    try:
        address = addresses.literal(host)
    except ValueError:
        raise CallRefused(
            "address_not_allowed",
            "The host is an address in an unusual form. Write the name of the host instead.",
        ) from None
    if address is not None:
        return str(address)
    if not _is_name(host):
        raise CallRefused("bad_host", "The host of the URL is no name that can be looked up.")
    return host


def _is_name(host: str) -> bool:
    return len(host) <= 253 and all(_LABEL.fullmatch(label) for label in host.split("."))


def _check_port(target: Target, policy: CallPolicy) -> None:
    if target.port == _USUAL_PORTS[target.scheme] or target.port in policy.ports or policy.loopback:
        return
    raise CallRefused(
        "port_not_allowed", f"Port {target.port} is not one to call (setting SETTLE_CALL_PORTS)."
    )
