"""Which addresses may be called: only those of public hosts, judged as they will be used.

A name that is allowed may resolve to anything, also to the platform under this app, which answers with keys.
So every address of a name is judged, and those that carry another address within are judged by that.
"""

from __future__ import annotations

import ipaddress
import re
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network

Address = IPv4Address | IPv6Address

#: The IANA registry of special IPv4 addresses, multicast, and what the platforms use for themselves.
_NOT_PUBLIC_4 = tuple(
    IPv4Network(network)
    for network in (
        "0.0.0.0/8",
        "10.0.0.0/8",
        "100.64.0.0/10",
        "127.0.0.0/8",
        "168.63.129.16/32",  # Azure's own: names, health, keys of the machine
        "169.254.0.0/16",  # metadata of every cloud
        "172.16.0.0/12",
        "192.0.0.0/24",
        "192.0.2.0/24",
        "192.31.196.0/24",
        "192.52.193.0/24",
        "192.88.99.0/24",
        "192.168.0.0/16",
        "192.175.48.0/24",
        "198.18.0.0/15",
        "198.51.100.0/24",
        "203.0.113.0/24",
        "224.0.0.0/3",
    )
)
_PUBLIC_6 = IPv6Network("2000::/3")
#: Within the public range: Teredo and other protocols, documentation, 6to4, which nobody serves an API on.
_NOT_PUBLIC_6 = tuple(
    IPv6Network(network)
    for network in ("2001::/23", "2001:db8::/32", "2002::/16", "2620:4f:8000::/48", "3fff::/20")
)
#: An IPv4 address stands in the last 32 bits of these: the network translates.
_NAT64 = IPv6Network("64:ff9b::/96")
_ISATAP = (0x00005EFE, 0x02005EFE)
_NUMBER = re.compile(r"0[xX][0-9a-fA-F]*|[0-9]+")


def is_allowed(address: Address, *, loopback: bool) -> bool:
    """Whether an address may be called. `loopback`: this machine itself too, for tests and local runs."""
    if isinstance(address, IPv4Address):
        return (loopback and address.is_loopback) or not any(address in one for one in _NOT_PUBLIC_4)
    if address.scope_id is not None:
        return False
    if address.ipv4_mapped is not None:
        return is_allowed(address.ipv4_mapped, loopback=loopback)
    last = IPv4Address(int(address) & 0xFFFFFFFF)
    if address in _NAT64:
        return is_allowed(last, loopback=False)
    if (int(address) >> 32) & 0xFFFFFFFF in _ISATAP and not is_allowed(last, loopback=False):
        return False
    if loopback and address == IPv6Address("::1"):
        return True
    return address in _PUBLIC_6 and not any(address in one for one in _NOT_PUBLIC_6)


def is_allowed_text(address: str, *, loopback: bool) -> bool:
    """`is_allowed` for an address as a resolver or a socket writes it; anything else is not allowed."""
    try:
        return is_allowed(ipaddress.ip_address(address), loopback=loopback)
    except ValueError:
        return False


def literal(host: str) -> Address | None:
    """The address that a host of a URL names by itself; None where it is a name. IPv6 without brackets.

    Raises ValueError where programs would read it as an address that it does not plainly show (`0x7f.1`,
    `2130706433`, `0177.0.0.1`, a scope id).
    """
    if ":" in host:
        address = IPv6Address(host)
        if address.scope_id is not None:
            raise ValueError("a scope id")
        return address
    if not _NUMBER.fullmatch(host.rstrip(".").rpartition(".")[2]):
        return None
    return IPv4Address(host)
