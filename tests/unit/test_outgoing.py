"""Calls to other hosts that are good, slow, broken or hostile: each ends in one clear answer.

The hosts are real servers on this machine; where a name is needed, a resolver of the test knows it.
"""

from __future__ import annotations

import asyncio
import datetime
import json
import resource
import ssl
import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from adapters import services
from adapters.outgoing import Caller, send
from adapters.outgoing_settings import OutgoingSettings
from adapters.services import Services
from adapters.settings import from_environment
from invoicing.outgoing.targets import CallPolicy
from invoicing.records.outgoing import OutgoingAnswer, OutgoingRequest, SecretRef
from tests.fakes.memory_blobs import MemoryBlobs
from tests.fakes.odd_host import OddHost

NAME = "api.example.com"
SECRET = 'hush"hush/123456'
POLICY = CallPolicy(
    hosts=("127.0.0.1", NAME),
    http=True,
    loopback=True,
    secret_hosts={"ERP": ("127.0.0.1",)},
)
SETTINGS = OutgoingSettings(POLICY, {"ERP": SECRET})


class Names:
    """A resolver that gives another answer each time, the last one for ever; it counts the questions."""

    def __init__(self, *answers: Sequence[str]) -> None:
        self._answers = list(answers)
        self.asked = 0

    async def __call__(self, host: str) -> Sequence[str]:
        self.asked += 1
        return self._answers.pop(0) if len(self._answers) > 1 else self._answers[0]


@pytest.fixture(scope="module")
def host() -> Iterator[OddHost]:
    """A host that answers in all ways."""
    with OddHost() as odd:
        yield odd


def calls(settings: OutgoingSettings, *requests: OutgoingRequest, names: Names | None = None, tls=None):
    """Make calls one after the other over one `Caller`."""

    async def made() -> list[OutgoingAnswer]:
        more = {"resolve": names} if names else {}
        async with Caller(settings, tls=tls, **more) as caller:
            return [await caller.send(request) for request in requests]

    return asyncio.run(made())


def call(url: str, settings: OutgoingSettings = SETTINGS, **more) -> OutgoingAnswer:
    """Make one call."""
    names, tls = more.pop("names", None), more.pop("tls", None)
    [answer] = calls(settings, OutgoingRequest(url=url, **more), names=names, tls=tls)
    return answer


def test_an_answer_comes_whole(host: OddHost) -> None:
    """Status, headers by lower-case names, body; no cookies."""
    answer = call(f"{host.url}/ok")
    assert (answer.outcome, answer.status, answer.body) == ("answered", 200, b'{"ok": true}')
    assert answer.headers["content-type"] == "application/json"
    assert "set-cookie" not in answer.headers


def test_method_headers_and_body_go_out_as_asked(host: OddHost) -> None:
    """And the host gets its own name and port in `Host`."""
    answer = call(f"{host.url}/echo?a=%20b", method="POST", headers={"X-One": "1"}, body=b"hello")
    said = json.loads(answer.body)
    assert (said["method"], said["body"], said["headers"]["x-one"]) == ("POST", "hello", "1")
    assert said["headers"]["host"] == f"127.0.0.1:{host.port}"
    assert host.requests[-1].target == "/echo?a=%20b"


def test_send_takes_the_settings_of_the_app(host: OddHost) -> None:
    """Without a setting nothing is called."""
    base = from_environment({"AzureWebJobsStorage": "unused"})
    request = OutgoingRequest(url=f"{host.url}/ok")
    for outgoing, outcome in ((base.outgoing, "refused"), (SETTINGS, "answered")):
        with services.replaced_by(Services(replace(base, outgoing=outgoing), MemoryBlobs(), _no_checker)):
            assert asyncio.run(send(request)).outcome == outcome


def _no_checker():
    raise AssertionError("nothing is checked here")


@pytest.mark.parametrize(
    ("path", "outcome", "code"),
    [
        ("gigabyte", "failed", "answer_too_large"),
        ("bomb", "failed", "answer_too_large"),
        ("head", "failed", "bad_answer"),
        ("noise", "failed", "bad_answer"),
        ("broken", "failed", "broken_answer"),
        ("closed", "failed", "broken_connection"),
        ("hang", "timed_out", "too_slow"),
        ("trickle", "timed_out", "too_slow"),
    ],
)
def test_bad_hosts_end_in_a_clear_answer(host: OddHost, path: str, outcome: str, code: str) -> None:
    """In bounded time and memory, with an error in our words."""
    begun, before = time.monotonic(), resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    answer = call(f"{host.url}/{path}", timeout_seconds=0.7 if outcome == "timed_out" else 10)
    assert (answer.outcome, answer.code) == (outcome, code)
    assert answer.error.endswith(".")
    assert answer.body == b""
    assert time.monotonic() - begun < 8
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 100 * 1024  # KiB


def test_a_body_of_just_the_limit_is_taken(host: OddHost) -> None:
    """One byte less is too little."""
    assert call(f"{host.url}/ok", largest=12).outcome == "answered"
    assert call(f"{host.url}/ok", largest=11).code == "answer_too_large"


def test_a_redirect_is_an_answer_and_is_not_followed(host: OddHost) -> None:
    """So that no host sends us to an address inside."""
    before = len(host.requests)
    answer = call(f"{host.url}/redirect?http://127.0.0.1:{host.port}/ok")
    assert (answer.outcome, answer.status) == ("answered", 302)
    assert answer.headers["location"].endswith("/ok")
    assert len(host.requests) == before + 1


def test_no_proxy_of_the_environment_is_used(host: OddHost, monkeypatch: pytest.MonkeyPatch) -> None:
    """It would connect to where it likes."""
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "HTTPS_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    assert call(f"{host.url}/ok").outcome == "answered"


def test_nobody_listens() -> None:
    """It can be tried again."""
    assert call("http://127.0.0.1:1/").code == "no_connection"


# ---------------------------------------------------------------- names and addresses

NOT_LOCAL = OutgoingSettings(replace(POLICY, loopback=False, ports=frozenset({1, 443})), {})


@pytest.mark.parametrize(
    "addresses",
    [
        ["127.0.0.1"],
        ["10.0.0.7"],
        ["169.254.169.254"],
        ["168.63.129.16"],
        ["::1"],
        ["::ffff:127.0.0.1"],
        ["64:ff9b::7f00:1"],
        ["fe80::1%2"],
        ["93.184.216.34", "10.0.0.7"],
        ["2a00:1450:4001:82a::200e", "fd00::1"],
    ],
)
def test_a_name_with_any_address_inside_is_refused(addresses: list[str]) -> None:
    """One good address among them does not help; the answer does not tell the address."""
    answer = call(f"http://{NAME}/", NOT_LOCAL, names=Names(addresses))
    assert (answer.outcome, answer.code) == ("refused", "address_not_allowed")
    assert not any(address in answer.error for address in addresses)


def test_a_name_that_resolves_to_an_inside_address_at_the_second_look(host: OddHost) -> None:
    """Each connection looks once, and goes where it looked: an address is never looked up after the check."""
    names = Names(["127.0.0.1"], ["10.0.0.7"])
    url = f"http://{NAME}:{host.port}"
    broken = OutgoingRequest(method="POST", url=f"{url}/closed")  # the next call needs a new connection
    first, second = calls(SETTINGS, broken, OutgoingRequest(url=f"{url}/ok"), names=names)
    assert (first.code, second.code) == ("broken_connection", "address_not_allowed")


def test_the_judged_address_is_the_one_that_is_connected_to(host: OddHost) -> None:
    """The name itself is looked up once, and no resolver of the system is asked: it does not exist there."""
    names = Names(["127.0.0.1"], ["10.0.0.7"])
    url = f"http://{NAME}:{host.port}/echo"
    answer = call(url, names=names)
    assert json.loads(answer.body)["headers"]["host"] == f"{NAME}:{host.port}"
    assert names.asked == 1


def test_a_name_that_nobody_knows(host: OddHost) -> None:
    """Not refused: the name may come back."""

    class Lost(Names):
        async def __call__(self, host: str) -> Sequence[str]:
            raise OSError("no such name")

    assert call(f"http://{NAME}/", names=Lost([])).code == "unknown_name"
    assert call(f"http://{NAME}/", names=Names([])).code == "unknown_name"


def test_addresses_that_the_url_names_by_itself_are_judged_too() -> None:
    """Also where the list has them."""
    settings = OutgoingSettings(replace(POLICY, loopback=False, hosts=("127.0.0.1", "::1")), {})
    for url in ("http://127.0.0.1/", "http://[::1]/"):
        assert call(url, settings).code == "address_not_allowed"


def test_the_name_is_kept_for_tls(tmp_path: Path) -> None:
    """The certificate has to be that of the name, whatever address was connected to."""
    server, trusting = _certificate(tmp_path, NAME)
    with OddHost(tls=server) as secure:
        url = f"https://{NAME}:{secure.port}/ok"
        assert call(url, names=Names(["127.0.0.1"]), tls=trusting).status == 200
        other = replace(SETTINGS, policy=replace(POLICY, hosts=("other.example.com",)))
        wrong = call(url.replace(NAME, "other.example.com"), other, names=Names(["127.0.0.1"]), tls=trusting)
        assert (wrong.outcome, wrong.code) == ("failed", "bad_certificate")
        assert call(url, names=Names(["127.0.0.1"])).code == "bad_certificate"


def _certificate(folder: Path, name: str) -> tuple[ssl.SSLContext, ssl.SSLContext]:
    """A server with a certificate of its own for a name, and a client that believes it."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = datetime.datetime.now(datetime.UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(hours=1))
        .not_valid_after(now + datetime.timedelta(hours=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
        .sign(key, hashes.SHA256())
    )
    public, private = folder / "cert.pem", folder / "key.pem"
    public.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    private.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
    )
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(public, private)
    return server, ssl.create_default_context(cafile=str(public))


# ---------------------------------------------------------------- secrets


def test_a_secret_is_filled_in_when_it_is_sent_and_taken_out_of_the_answer(host: OddHost) -> None:
    """The host gets it; whoever asked does not see it, though the host says all it was sent."""
    answer = call(f"{host.url}/echo", headers={"Authorization": SecretRef(secret="ERP", prefix="Bearer ")})
    assert host.requests[-1].headers["authorization"] == f"Bearer {SECRET}"
    assert b"Bearer [secret ERP]" in answer.body
    assert SECRET.encode() not in answer.body
    assert json.dumps(SECRET)[1:-1].encode() not in answer.body


def test_a_secret_that_is_not_set_is_said(host: OddHost) -> None:
    """Nothing is sent."""
    before = len(host.requests)
    headers: dict[str, str | SecretRef] = {"Authorization": SecretRef(secret="ERP")}
    answer = call(f"{host.url}/echo", OutgoingSettings(POLICY, {"ERP": ""}), headers=headers)
    assert (answer.outcome, answer.code) == ("refused", "secret_missing")
    assert len(host.requests) == before
