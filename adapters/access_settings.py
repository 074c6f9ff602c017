"""Settings of who may come in: signed links, the platform's sign-in, the development sign-in."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from adapters.setting_values import SettingError, flag, keys

#: Variables that only Azure's own hosts set; nobody may sign in there without a password.
_ON_AZURE = ("WEBSITE_INSTANCE_ID", "WEBSITE_SITE_NAME", "CONTAINER_APP_NAME")


@dataclass(frozen=True)
class AccessSettings:
    """Links and identity.

    `link_keys`: what links are signed with; the first signs, all are believed. `public_url`: our own address
    as people's browsers know it, without a slash at its end, or "" where it is not known. `host_url`: the
    address that the host names (`WEBSITE_HOSTNAME`), which may be the same. `easy_auth`: the
    platform signs people in and stands in front of every request. `development`: this is a local run.
    `dev_sign_in`: anybody may say who they are.
    """

    link_keys: tuple[str, ...] = field(default=(), repr=False)
    public_url: str = ""
    host_url: str = ""
    easy_auth: bool = False
    development: bool = False
    dev_sign_in: bool = False

    @property
    def addresses(self) -> tuple[str, ...]:
        """All addresses that are ours, the one that people open first."""
        return tuple(dict.fromkeys(url for url in (self.public_url, self.host_url) if url))


def read_access(environment: Mapping[str, str]) -> AccessSettings:
    """Read them; raises SettingError where one cannot be used."""
    on_azure = is_on_azure(environment)
    development = environment.get("AZURE_FUNCTIONS_ENVIRONMENT", "").lower() == "development" and not on_azure
    asked = flag(environment, "SETTLE_DEV_SIGN_IN")
    return AccessSettings(
        link_keys=keys(environment, "SETTLE_LINK_KEY"),
        public_url=_public_url(environment),
        host_url=_own_host(environment.get("WEBSITE_HOSTNAME", "").strip()),
        easy_auth=flag(environment, "SETTLE_EASY_AUTH"),
        development=development,
        dev_sign_in=(development or asked) and not on_azure,
    )


def is_on_azure(environment: Mapping[str, str]) -> bool:
    """Whether the app runs on Azure: its hosts set variables that nobody else sets."""
    return any(environment.get(name) for name in _ON_AZURE)


def _public_url(environment: Mapping[str, str]) -> str:
    url = environment.get("SETTLE_PUBLIC_URL", "").strip().rstrip("/")
    if not url:
        return _own_host(environment.get("WEBSITE_HOSTNAME", "").strip())
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.query or parts.fragment:
        raise SettingError(f"SETTLE_PUBLIC_URL is {url!r}. Set it to an address like https://settle.example.")
    return url


def _own_host(host: str) -> str:
    if not host:
        return ""
    local = urlsplit(f"//{host}").hostname in ("localhost", "127.0.0.1", "::1", "0.0.0.0")  # noqa: S104
    return f"{'http' if local else 'https'}://{host}"
