"""Where requests come from, and our own addresses: what a caller writes into `Host` is never believed."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

import azure.functions as func
import pytest

from adapters import services
from adapters.access_settings import AccessSettings, read_access
from adapters.callers import foreign_name, from_elsewhere, own_address
from tests.unit.page_requests import local_run
from triggers.own_links import own_links

LOCAL = read_access({"AZURE_FUNCTIONS_ENVIRONMENT": "Development", "WEBSITE_HOSTNAME": "localhost:7071"})
AZURE = read_access(
    {
        "WEBSITE_SITE_NAME": "settle",
        "WEBSITE_HOSTNAME": "settle.azurewebsites.net",
        "SETTLE_PUBLIC_URL": "https://settle.example/app",
    }
)
UNKNOWN = AccessSettings()


def _request(url: str, method: str = "POST", **headers: str) -> func.HttpRequest:
    sent = {name.replace("_", "-"): value for name, value in headers.items()}
    return func.HttpRequest(method, url, headers=sent, body=b"")


# ---------------------------------------------------------------- our own addresses in answers


@pytest.mark.parametrize(
    ("access", "url", "expected"),
    [
        (LOCAL, "http://localhost:7071/api/batches", "http://localhost:7071"),
        (LOCAL, "http://127.0.0.1:7071/api/batches", "http://127.0.0.1:7071"),
        (LOCAL, "http://[::1]:7071/api/batches", "http://[::1]:7071"),
        (LOCAL, "http://127.0.0.1:8080/api/batches", "http://localhost:7071"),
        (LOCAL, "http://evil.example:7071/api/batches", "http://localhost:7071"),
        (AZURE, "https://settle.example/api/batches", "https://settle.example/app"),
        (AZURE, "http://settle.example/api/batches", "https://settle.example/app"),
        (AZURE, "https://SETTLE.azurewebsites.net/api/x", "https://settle.azurewebsites.net"),
        (AZURE, "https://evil.example/api/batches", "https://settle.example/app"),
        (AZURE, "https://settle.example.evil.example/", "https://settle.example/app"),
        (AZURE, "https://settle.example@evil.example/", "https://settle.example/app"),
        (AZURE, "https://[/api/batches", "https://settle.example/app"),
        (UNKNOWN, "https://evil.example/api/batches", ""),
    ],
)
def test_answers_name_an_address_of_ours(access: AccessSettings, url: str, expected: str) -> None:
    """The one that the caller used, if it is ours; else the one that people open."""
    assert own_address(_request(url), access) == expected


@pytest.mark.parametrize(
    ("access", "base", "key"),
    [(AZURE, "https://settle.example/app/api/batches", "k"), (UNKNOWN, "/api/batches", None)],
)
def test_key_goes_on_to_our_own_address_and_nowhere_else(
    access: AccessSettings, base: str, key: str | None
) -> None:
    """A link with the key in it and a foreign name would hand the key over."""
    req = func.HttpRequest("GET", "https://evil.example/api/batches?code=k", params={"code": "k"}, body=b"")
    with _settings(access):
        found = own_links(req, "batches")
    assert (found.base, found.key) == (base, key)


@contextmanager
def _settings(access: AccessSettings) -> Iterator[None]:
    with local_run() as here:
        settings = replace(here.settings, access=access)
        with services.replaced_by(replace(here, settings=settings)):
            yield


# ---------------------------------------------------------------- foreign names


@pytest.mark.parametrize(
    "url",
    [
        *("http://localhost:7071/x", "http://127.0.0.1:1/x", "http://[::1]/x", "http://LOCALHOST/x"),
        *("http://192.168.1.7:7071/x", "http://[fe80::1]:7071/x"),
    ],
)
def test_local_run_goes_by_the_names_of_this_machine(url: str) -> None:
    """And by addresses, for those who open it to their network."""
    assert foreign_name(_request(url), LOCAL) is None


@pytest.mark.parametrize(
    ("url", "name"),
    [
        ("http://evil.example:7071/x", "evil.example"),
        ("http://localhost.evil.example/x", "localhost.evil.example"),
        ("http://evil.localhost/x", "evil.localhost"),
        ("http://localhost@evil.example/x", "evil.example"),
        ("http:///x", "(none)"),
        ("http://[/x", "(none)"),
    ],
)
def test_name_that_somebody_gave_to_this_machine_is_foreign(url: str, name: str) -> None:
    """A page of evil.example that now means 127.0.0.1 reads nothing."""
    assert foreign_name(_request(url), LOCAL) == name


def test_name_of_the_settings_is_ours() -> None:
    """A local run behind a proxy or a tunnel."""
    tunnel = replace(LOCAL, public_url="https://tunnel.example")
    assert foreign_name(_request("http://tunnel.example/x"), tunnel) is None


def test_names_are_the_business_of_the_platform_where_there_is_one() -> None:
    """Its front end knows all names of the app; ours would be one too few."""
    assert foreign_name(_request("https://another.example/x"), AZURE) is None


# ---------------------------------------------------------------- other sites


@pytest.mark.parametrize(
    ("headers", "elsewhere"),
    [
        pytest.param({}, False, id="a program"),
        pytest.param({"sec_fetch_site": "same-origin"}, False, id="our page"),
        pytest.param({"sec_fetch_site": "none"}, False, id="an address typed in"),
        pytest.param({"sec_fetch_site": "cross-site"}, True, id="another site"),
        pytest.param({"sec_fetch_site": "same-site"}, True, id="a neighbour of our domain"),
        pytest.param({"sec_fetch_site": "Cross-Site"}, True, id="in capitals"),
        pytest.param(
            {"sec_fetch_site": "same-origin", "origin": "null"}, False, id="what the browser is sure of"
        ),
        pytest.param({"origin": "https://settle.example"}, False, id="our page, old browser"),
        pytest.param({"origin": "https://settle.azurewebsites.net"}, False, id="our page by its other name"),
        pytest.param({"origin": "https://internal:8080"}, False, id="the address that was asked"),
        pytest.param({"origin": "https://evil.example"}, True, id="another site, old browser"),
        pytest.param({"origin": "https://settle.example.evil.example"}, True, id="what begins as ours"),
        pytest.param({"origin": "null"}, True, id="a page that hides itself"),
        pytest.param({"origin": "https://["}, True, id="what is no address"),
    ],
)
def test_browser_says_which_site_sent_it(headers: dict[str, str], elsewhere: bool) -> None:
    """Behind a proxy that asks by another name."""
    assert from_elsewhere(_request("https://internal:8080/api/invoices", **headers), AZURE) is elsewhere


@pytest.mark.parametrize("method", ["GET", "HEAD", "get"])
def test_looking_is_free(method: str) -> None:
    """A link in a mail that is read in a browser comes from another site."""
    assert not from_elsewhere(_request("https://x/", method, sec_fetch_site="cross-site"), AZURE)
