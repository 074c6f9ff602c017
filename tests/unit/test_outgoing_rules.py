"""Which calls to other hosts are allowed: addresses, URLs, headers, secrets. Nothing is looked up here."""

from __future__ import annotations

import pytest

from adapters.outgoing_settings import read_outgoing
from adapters.setting_values import SettingError
from invoicing.outgoing.addresses import is_allowed_text
from invoicing.outgoing.headers import check_headers
from invoicing.outgoing.refusals import CallRefused
from invoicing.outgoing.targets import CallPolicy, parse, target_of
from invoicing.records.outgoing import SecretRef

POLICY = CallPolicy(
    hosts=("api.example.com", "*.example.org", "93.184.216.34", "127.0.0.1", "::1", "10.0.0.1", "localhost"),
    secret_hosts={"ERP": ("api.example.com",)},
)

INSIDE = [
    "0.0.0.0",
    "10.1.2.3",
    "100.100.100.200",
    "127.0.0.1",
    "127.255.255.254",
    "168.63.129.16",
    "169.254.169.254",
    "172.16.0.1",
    "172.31.255.255",
    "192.0.0.192",
    "192.168.1.1",
    "198.18.0.1",
    "224.0.0.1",
    "240.0.0.1",
    "255.255.255.255",
    "::",
    "::1",
    "::ffff:127.0.0.1",
    "::ffff:169.254.169.254",
    "::ffff:a9fe:a9fe",
    "::127.0.0.1",
    "64:ff9b::127.0.0.1",
    "64:ff9b::a9fe:a9fe",
    "64:ff9b:1::1",
    "2002:7f00:1::1",
    "2002:a9fe:a9fe::1",
    "2001:0:1::1",
    "2001:db8::1",
    "2a00:1450:4001:0:0:5efe:7f00:1",
    "fc00::1",
    "fd00:ec2::254",
    "fe80::1",
    "fe80::1%eth0",
    "2a00:1450:4001::1%1",
    "fec0::1",
    "ff02::1",
    "nonsense",
    "",
]
OUTSIDE = ["93.184.216.34", "8.8.8.8", "172.32.0.1", "2a00:1450:4001:82a::200e", "64:ff9b::808:808"]


@pytest.mark.parametrize("address", INSIDE)
def test_what_is_not_public_is_not_called(address: str) -> None:
    """Private networks, the platform, this machine, and all the ways to write them in IPv6."""
    assert not is_allowed_text(address, loopback=False)


@pytest.mark.parametrize("address", OUTSIDE)
def test_public_addresses_are_called(address: str) -> None:
    """Also those that a network translates from IPv4."""
    assert is_allowed_text(address, loopback=False)


@pytest.mark.parametrize("address", INSIDE)
def test_loopback_lets_in_this_machine_and_nothing_else(address: str) -> None:
    """For tests and local runs: no other address comes in by that."""
    ours = address in ("127.0.0.1", "127.255.255.254", "::1", "::ffff:127.0.0.1")
    assert is_allowed_text(address, loopback=True) == ours


@pytest.mark.parametrize(
    ("url", "code"),
    [
        ("https://127.0.0.1/", "address_not_allowed"),
        ("https://10.0.0.1/", "address_not_allowed"),
        ("https://[::1]/", "address_not_allowed"),
        ("https://169.254.169.254/metadata", "host_not_allowed"),
        ("https://168.63.129.16/", "host_not_allowed"),
        ("https://[::ffff:127.0.0.1]/", "host_not_allowed"),
        ("https://0x7f.1/", "address_not_allowed"),
        ("https://0x7f000001/", "address_not_allowed"),
        ("https://2130706433/", "address_not_allowed"),
        ("https://0177.0.0.1/", "address_not_allowed"),
        ("https://127.1/", "address_not_allowed"),
        ("https://127.0.0.1./", "address_not_allowed"),
        ("https://0x/", "address_not_allowed"),
        ("https://a.example.org.0x7f/", "address_not_allowed"),
        ("https://[fe80::1%25eth0]/", "bad_host"),
        ("https://[::1]x/", "bad_host"),
        ("https://api.example.com@127.0.0.1/", "user_in_url"),
        ("https://user:pw@api.example.com/", "user_in_url"),
        ("https://api.example.com%2f@evil.test/", "user_in_url"),
        ("https://api.example.com%00.evil.test/", "bad_host"),
        ("https://evil.test\\@api.example.com/", "bad_url"),
        ("https://evil.test/", "host_not_allowed"),
        ("https://api.example.com.evil.test/", "host_not_allowed"),
        ("https://xapi.example.com/", "host_not_allowed"),
        ("https://example.org/", "host_not_allowed"),
        ("https://evilexample.org/", "host_not_allowed"),
        ("https://api.example.com:8443/", "port_not_allowed"),
        ("https://api.example.com:22/", "port_not_allowed"),
        ("https://api.example.com:99999/", "bad_port"),
        ("https://api.example.com:/", "bad_host"),
        ("https://api.example.com:+443/", "bad_host"),
        ("http://api.example.com/", "https_needed"),
        ("ftp://api.example.com/", "bad_scheme"),
        ("file:///etc/passwd", "bad_scheme"),
        ("gopher://api.example.com/", "bad_scheme"),
        ("//api.example.com/", "bad_url"),
        ("api.example.com", "bad_url"),
        ("https:///path", "bad_host"),
        ("https://api.example.com/#x", "bad_url"),
        ("https://api.example.com/ HTTP/1.1", "bad_url"),
        ("https://api.example.com/\r\nX: y", "bad_url"),
        ("https://bücher.example.org/", "bad_url"),
        ("https://a\u3002example.org/", "bad_url"),
        ("https://a..example.org/", "bad_host"),
        ("https://-a.example.org/", "bad_host"),
        ("https://" + "a" * 64 + ".example.org/", "bad_host"),
        ("https://api.example.com/" + "a" * 2000, "bad_url"),
        ("", "bad_url"),
    ],
)
def test_urls_that_are_refused(url: str, code: str) -> None:
    """Each with a code of its own, and a text that does not quote the URL, which may hold a key."""
    with pytest.raises(CallRefused) as caught:
        target_of(url, POLICY)
    assert caught.value.code == code
    assert "evil" not in caught.value.text


@pytest.mark.parametrize(
    ("url", "host", "port", "path", "query"),
    [
        ("https://api.example.com", "api.example.com", 443, "/", ""),
        ("HTTPS://API.Example.COM./a/b?c=d", "api.example.com", 443, "/a/b", "c=d"),
        ("https://a.b.example.org:443/%2e%2e/x?", "a.b.example.org", 443, "/%2e%2e/x", ""),
        ("https://93.184.216.34/", "93.184.216.34", 443, "/", ""),
        ("https://api.example.com?q=1", "api.example.com", 443, "/", "q=1"),
    ],
)
def test_urls_that_are_called(url: str, host: str, port: int, path: str, query: str) -> None:
    """The parts as they are sent: names in lower case, paths byte for byte."""
    target = target_of(url, POLICY)
    assert (target.host, target.port, target.path, target.query) == (host, port, path, query)


def test_ports_and_http_are_for_settings() -> None:
    """Without them it is 443 alone."""
    open_policy = CallPolicy(hosts=("api.example.com",), http=True, ports=frozenset({8443}))
    assert target_of("https://api.example.com:8443/", open_policy).port == 8443
    assert target_of("http://api.example.com/", open_policy).port == 80
    with pytest.raises(CallRefused):
        target_of("http://api.example.com:81/", open_policy)


@pytest.mark.parametrize(
    ("headers", "code"),
    [
        ({"Host": "evil.test"}, "header_not_allowed"),
        ({"Transfer-Encoding": "chunked"}, "header_not_allowed"),
        ({"content-LENGTH": "3"}, "header_not_allowed"),
        ({"Connection": "close"}, "header_not_allowed"),
        ({"Proxy-Authorization": "x"}, "header_not_allowed"),
        ({"Upgrade": "h2c"}, "header_not_allowed"),
        ({"X": "a\r\nY: b"}, "bad_header"),
        ({"X": "a\nb"}, "bad_header"),
        ({"X": "a\0b"}, "bad_header"),
        ({"X": "\u2028"}, "bad_header"),
        ({"X\r\nY": "b"}, "bad_header"),
        ({"X Y": "b"}, "bad_header"),
        ({"": "b"}, "bad_header"),
        ({"X": "1", "x": "2"}, "bad_header"),
        ({"X": "a" * 5000}, "bad_header"),
        ({f"X-{n}": "a" * 4000 for n in range(5)}, "headers_too_large"),
        ({f"X-{n}": "a" for n in range(51)}, "too_many_headers"),
        ({"Authorization": SecretRef(secret="OTHER")}, "secret_not_allowed"),
        ({"Authorization": SecretRef(secret="ERP", prefix="a\r\n")}, "bad_header"),
    ],
)
def test_headers_that_are_refused(headers: dict, code: str) -> None:
    """What belongs to the connection, what ends a line, what is too much."""
    with pytest.raises(CallRefused) as caught:
        check_headers(headers, parse("https://api.example.com/"), POLICY)
    assert caught.value.code == code


def test_a_secret_goes_to_its_hosts_over_tls_only() -> None:
    """Another host of the list does not get it."""
    headers = {"Authorization": SecretRef(secret="ERP", prefix="Bearer ")}
    check_headers(headers, parse("https://api.example.com/"), POLICY)
    for url, code in (
        ("https://a.example.org/", "secret_not_allowed"),
        ("http://api.example.com/", "https_needed"),
    ):
        with pytest.raises(CallRefused) as caught:
            check_headers(headers, parse(url), POLICY)
        assert caught.value.code == code


# ---------------------------------------------------------------- settings


def test_nothing_is_called_unless_a_setting_says_so() -> None:
    """Without settings the list is empty."""
    policy = read_outgoing({}).policy
    assert policy == CallPolicy()


def test_settings_are_read() -> None:
    """Secrets do not show in the text of the settings."""
    settings = read_outgoing(
        {
            "SETTLE_CALL_HOSTS": "API.example.com, *.example.org",
            "SETTLE_CALL_PORTS": "8443",
            "SETTLE_CALL_SECRETS": "ERP=api.example.com a.example.org; VIES=*.example.org",
            "SETTLE_SECRET_ERP": "hush-hush",
        }
    )
    assert settings.policy.hosts == ("api.example.com", "*.example.org")
    assert settings.policy.secret_hosts["VIES"] == ("*.example.org",)
    assert settings.secrets == {"ERP": "hush-hush", "VIES": ""}
    assert "hush" not in repr(settings)


@pytest.mark.parametrize(
    "environment",
    [
        {"SETTLE_CALL_HOSTS": "https://api.example.com"},
        {"SETTLE_CALL_HOSTS": "*"},
        {"SETTLE_CALL_HOSTS": "*.com"},
        {"SETTLE_CALL_HOSTS": "api.example.com/x"},
        {"SETTLE_CALL_HOSTS": "0x7f.1"},
        {"SETTLE_CALL_HOSTS": "*.1.2.3.4"},
        {"SETTLE_CALL_PORTS": "0"},
        {"SETTLE_CALL_PORTS": "443-500"},
        {"SETTLE_CALL_HTTP": "perhaps"},
        {"SETTLE_CALL_SECRETS": "ERP"},
        {"SETTLE_CALL_SECRETS": "erp=api.example.com"},
        {"SETTLE_CALL_SECRETS": "ERP="},
        {"SETTLE_CALL_SECRETS": "ERP=a.example.com;ERP=b.example.com"},
        {"SETTLE_CALL_LOOPBACK": "true", "WEBSITE_SITE_NAME": "settle"},
    ],
)
def test_settings_that_cannot_be_used_say_so(environment: dict[str, str]) -> None:
    """The error names the setting."""
    with pytest.raises(SettingError, match="SETTLE_CALL_"):
        read_outgoing(environment)


def test_a_secret_that_the_key_vault_did_not_resolve_is_none() -> None:
    """Its reference is known to many."""
    environment = {"SETTLE_CALL_SECRETS": "ERP=a.example.com", "SETTLE_SECRET_ERP": "@Microsoft.KeyVault(x)"}
    assert read_outgoing(environment).secrets == {"ERP": ""}
