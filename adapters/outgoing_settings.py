"""Settings of calls to other hosts: which, and which secrets may be sent to whom."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from adapters.access_settings import is_on_azure
from adapters.setting_values import SettingError, between, flag
from invoicing.outgoing.targets import CallPolicy, is_host_pattern

#: Calls to one host at the same time.
PER_HOST, _MOST_PER_HOST = 50, 500

_SECRET = "SETTLE_SECRET_"  # noqa: S105 - the beginning of the names of settings
_SECRET_NAME = re.compile(r"[A-Z][A-Z0-9_]{0,63}")
_LONGEST_SECRET = 4096
_VAULT_REFERENCE = "@Microsoft.KeyVault("


@dataclass(frozen=True)
class OutgoingSettings:
    """What may be called, and the secrets by name; "" for one that is missing or cannot be used.

    Nothing may be called unless a setting names it. `per_host`: calls to one host at the same time, of all
    lists of calls together.
    """

    policy: CallPolicy = field(default_factory=CallPolicy)
    secrets: Mapping[str, str] = field(default_factory=dict[str, str], repr=False)
    per_host: int = PER_HOST


def read_outgoing(environment: Mapping[str, str]) -> OutgoingSettings:
    """Read them; raises SettingError where one cannot be used."""
    loopback = flag(environment, "SETTLE_CALL_LOOPBACK")
    if loopback and is_on_azure(environment):
        raise SettingError(
            "SETTLE_CALL_LOOPBACK is set in Azure, where a machine's own addresses give out keys. Remove it."
        )
    secret_hosts = _secret_hosts(environment)
    policy = CallPolicy(
        hosts=_hosts("SETTLE_CALL_HOSTS", environment.get("SETTLE_CALL_HOSTS", "")),
        http=flag(environment, "SETTLE_CALL_HTTP"),
        loopback=loopback,
        ports=_ports(environment.get("SETTLE_CALL_PORTS", "")),
        secret_hosts=secret_hosts,
    )
    secrets = {name: _secret(environment, name) for name in secret_hosts}
    per_host = between(environment, "SETTLE_CALL_PER_HOST", PER_HOST, 1, _MOST_PER_HOST)
    return OutgoingSettings(policy, secrets, per_host)


def _hosts(setting: str, text: str) -> tuple[str, ...]:
    hosts = tuple(text.lower().replace(",", " ").split())
    for host in hosts:
        if not is_host_pattern(host):
            raise SettingError(
                f"{setting} has {host!r}, which is no host. Set it to names like api.example.com or "
                "*.example.com with commas between: no scheme, port or path."
            )
    return hosts


def _ports(text: str) -> frozenset[int]:
    words = text.replace(",", " ").split()
    if not all(word.isdigit() and 1 <= int(word) <= 65535 for word in words):
        raise SettingError("SETTLE_CALL_PORTS cannot be read. Set it to port numbers with commas between.")
    return frozenset(int(word) for word in words)


def _secret_hosts(environment: Mapping[str, str]) -> dict[str, tuple[str, ...]]:
    """`NAME=host host; OTHER=host`: which secret may go to which hosts."""
    setting = "SETTLE_CALL_SECRETS"
    found: dict[str, tuple[str, ...]] = {}
    for part in filter(str.strip, environment.get(setting, "").split(";")):
        name, equals, text = part.partition("=")
        name, hosts = name.strip(), _hosts(setting, text)
        if not equals or not _SECRET_NAME.fullmatch(name) or not hosts or name in found:
            raise SettingError(
                f"{setting} cannot be read. Set it to NAME=host or NAME=host host, with ; between secrets; "
                "a NAME has capital letters, digits and _."
            )
        found[name] = hosts
    return found


def _secret(environment: Mapping[str, str], name: str) -> str:
    """The secret, or "": where it is missing, only the calls that need it are refused."""
    value = environment.get(_SECRET + name, "").strip()
    is_usable = value.isascii() and value.isprintable() and len(value) <= _LONGEST_SECRET
    # A reference that the key vault did not resolve is known to all who may see the configuration.
    return value if is_usable and not value.startswith(_VAULT_REFERENCE) else ""
