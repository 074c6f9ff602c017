"""Pages of other sites, open in a browser on this machine: what they send is refused, and nothing else is."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import requests
from requests.structures import CaseInsensitiveDict

from devhost.http.callers import LOOPBACK_NAMES, Callers, Door, Said, host_name, names_of
from tests.devhost.server_kit import Server, write_app

APP = """
@app.route(route="secret", methods=["GET", "POST"])
def secret(req: func.HttpRequest) -> func.HttpResponse:
    return func.HttpResponse("the secret")

@app.activity_trigger(input_name="value")
def deed(value):
    return value

@app.orchestration_trigger(context_name="context")
def waits(context):
    yield context.wait_for_external_event("never")
"""
HOOKS = "/runtime/webhooks/durabletask"
CROSS = {"Sec-Fetch-Site": "cross-site", "Origin": "http://evil.example"}
FORM = {"Content-Type": "application/x-www-form-urlencoded"}
LINK = {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "document"}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """A host as it starts by default, with one more name."""
    folder = write_app(tmp_path_factory.mktemp("callers") / "app", APP)
    work = tmp_path_factory.mktemp("work")
    with Server(folder, work, "--in-memory", "--allow-host", "settle.example") as running:
        yield running


def _code(answer: requests.Response) -> tuple[int, str]:
    return answer.status_code, answer.json()["error"]["code"]


# ---------------------------------------------------------------- the attacks, as they are made


@pytest.mark.parametrize("path", ["/", "/api/secret", f"{HOOKS}/instances", "/admin/functions"])
def test_foreign_name_that_means_this_machine_reads_nothing(server: Server, path: str) -> None:
    """DNS rebinding: to the browser the answer is evil.example's own, so its page could read it."""
    port = urlsplit(server.base).port
    own = {"Sec-Fetch-Site": "same-origin", "Origin": f"http://evil.example:{port}"}
    answer = server.http("GET", path, headers=own | {"Host": f"evil.example:{port}"})
    assert _code(answer) == (403, "foreign_host")
    assert "--allow-host" in answer.text
    assert server.http("GET", path).status_code == 200


@pytest.mark.parametrize("said", [CROSS, {"Origin": "http://evil.example"}, {"Sec-Fetch-Site": "same-site"}])
def test_form_of_another_site_starts_ends_and_runs_nothing(server: Server, said: dict[str, str]) -> None:
    """Its answer cannot be read there, but that is not needed to do harm."""
    started = server.http("POST", f"{HOOKS}/orchestrators/waits/victim-{len(said)}-{len(str(said))}")
    victim = started.json()["id"]
    for method, path in [
        ("POST", f"{HOOKS}/orchestrators/waits/made-by-evil"),
        ("POST", f"{HOOKS}/instances/{victim}/terminate?reason=x"),
        ("POST", "/admin/functions/deed"),
        ("POST", "/api/secret"),
        ("GET", f"{HOOKS}/instances"),
        ("DELETE", f"{HOOKS}/instances/{victim}"),
    ]:
        answer = server.http(method, path, headers=FORM | said, data="a=b")
        assert _code(answer) == (403, "from_elsewhere"), path
    assert server.http("GET", f"{HOOKS}/instances/{victim}").json()["runtimeStatus"] in ("Running", "Pending")
    assert server.http("GET", f"{HOOKS}/instances/made-by-evil").status_code == 404


def test_form_of_a_browser_that_says_nothing_of_itself_starts_nothing(server: Server) -> None:
    """Old ones send neither header; a form cannot be JSON, and the answer says what programs send instead."""
    for kind in ("application/x-www-form-urlencoded", "multipart/form-data; boundary=x", "text/plain"):
        for path in (f"{HOOKS}/orchestrators/waits/made-by-a-form", "/admin/functions/deed"):
            answer = server.http("POST", path, headers={"Content-Type": kind}, data='{"a": 1}')
            assert _code(answer) == (415, "form")
            assert "application/json" in answer.text
    assert server.http("GET", f"{HOOKS}/instances/made-by-a-form").status_code == 404


def test_client_of_the_sdk_has_a_door_of_its_own_that_is_guarded_too(server: Server) -> None:
    """It asks for no key at all, so neither rebinding nor forms may get to it."""
    rpc = json.loads(server.ready_file.read_text())["rpc"]

    def ask(method: str, path: str, **headers: str) -> requests.Response:
        return requests.request(
            method,
            rpc + path,
            headers={name.replace("_", "-"): text for name, text in headers.items()},
            timeout=10,
        )

    assert ask("GET", "instances").status_code == 200
    assert _code(ask("GET", "instances", Host="evil.example")) == (403, "foreign_host")
    assert _code(ask("POST", "orchestrators/waits/x", Sec_Fetch_Site="cross-site")) == (403, "from_elsewhere")
    assert _code(ask("POST", "orchestrators/waits/x", Content_Type="text/plain")) == (415, "form")
    assert ask("GET", "instances/x").status_code == 404


# ---------------------------------------------------------------- who has to get through


@pytest.mark.parametrize("name", ["localhost", "127.0.0.1", "[::1]", "LOCALHOST", "settle.example"])
def test_host_is_reached_by_its_names(server: Server, name: str) -> None:
    """With its port, with that of a proxy, and without one."""
    for port in (f":{urlsplit(server.base).port}", ":443", ""):
        assert server.http("GET", "/api/secret", headers={"Host": name + port}).text == "the secret"


def test_link_in_a_mail_that_is_read_in_a_browser_opens_a_page(server: Server) -> None:
    """The user goes there, and sees it; an image or a frame of that site does not get it."""
    assert server.http("GET", "/api/secret", headers=LINK).text == "the secret"
    for dest, mode in (
        ("image", "no-cors"),
        ("iframe", "navigate"),
        ("empty", "cors"),
        ("script", "no-cors"),
    ):
        answer = server.http(
            "GET", "/api/secret", headers=LINK | {"Sec-Fetch-Dest": dest, "Sec-Fetch-Mode": mode}
        )
        assert _code(answer) == (403, "from_elsewhere")
    assert _code(server.http("POST", "/api/secret", headers=LINK)) == (403, "from_elsewhere")


@pytest.mark.parametrize(
    "headers",
    [
        pytest.param({}, id="a program"),
        pytest.param(FORM, id="curl -d, and a page of an old browser"),
        pytest.param({"Sec-Fetch-Site": "same-origin", "Origin": "http://localhost:1"}, id="our own page"),
        pytest.param({"Sec-Fetch-Site": "none"}, id="an address typed in"),
        pytest.param(
            {"Sec-Fetch-Site": "same-origin", "Origin": "https://settle.example"},
            id="our page, behind a proxy",
        ),
        pytest.param({"Origin": "https://settle.example"}, id="an older browser, behind a proxy"),
    ],
)
def test_programs_and_our_own_pages_get_through(server: Server, headers: dict[str, str]) -> None:
    """They send nothing of the kind, or say that they are of this site."""
    assert server.http("POST", "/api/secret", headers=headers, data="a=b").text == "the secret"


def test_older_browser_on_our_own_page_gets_through(server: Server) -> None:
    """It names the page's origin, which is the one that it asks."""
    assert server.http("POST", "/api/secret", headers={"Origin": server.base}, data="a=b").status_code == 200


def test_host_says_in_its_log_whom_it_refused_once(tmp_path: Path) -> None:
    """A page can send thousands."""
    with Server(write_app(tmp_path / "app", APP), tmp_path / "work", "--in-memory") as server:
        for _ in range(5):
            server.http("GET", "/api/secret", headers={"Host": "evil.example"})
        server.stop()
        assert server.output.read_text().count("not by 'evil.example'") == 1


def test_origins_of_the_settings_get_through(tmp_path: Path) -> None:
    """Who is named in Host.CORS has been let in by the developer, to management too."""
    folder = write_app(tmp_path / "app", APP)
    (folder / "local.settings.json").write_text('{"Values": {}, "Host": {"CORS": "http://a.example"}}')
    with Server(folder, tmp_path / "work", "--in-memory") as server:
        named = {"Sec-Fetch-Site": "cross-site", "Origin": "http://a.example"}
        assert server.http("POST", "/api/secret", headers=named).status_code == 200
        assert server.http("GET", f"{HOOKS}/instances", headers=named).status_code == 200
        assert server.http("POST", "/api/secret", headers=CROSS).status_code == 403


# ---------------------------------------------------------------- the decision


def _decide(callers: Callers, host: str | list[str], door: Door = Door.APP, **headers: str) -> str | None:
    named = CaseInsensitiveDict({name.replace("_", "-"): text for name, text in headers.items()})
    hosts = [host] if isinstance(host, str) else host
    refusal = callers.refusal(Said("POST", hosts, named), door)
    return refusal.code if refusal else None


@pytest.mark.parametrize(
    "host",
    [
        *(
            "evil.example",
            "localhost.evil.example",
            "evil.localhost",
            "localhost.",
            "127.0.0.1.nip.io",
            "127.0.0.2",
        ),
        *("0.0.0.0", "[::]", "[::ffff:127.0.0.1]", "192.168.1.7"),
    ],
)
def test_what_only_looks_like_a_name_of_ours_is_foreign(host: str) -> None:
    """The whole name counts."""
    assert _decide(Callers(), host) == "foreign_host"


@pytest.mark.parametrize(
    "host",
    [
        "",
        " ",
        "localhost:x",
        "a@localhost",
        "localhost/x",
        "local host",
        "[::1",
        "::1",
        [],
        ["localhost"] * 2,
    ],
)
def test_what_is_no_name_is_said_to_be_none(host: str | list[str]) -> None:
    """None, two, or something else."""
    assert _decide(Callers(), host) == "bad_host"


def test_host_that_listens_on_all_addresses_goes_by_each_of_them() -> None:
    """No foreign name can be made into an address; names have to be given all the same."""
    everywhere = Callers(LOOPBACK_NAMES | {"box"}, any_address=True)
    for host in ("192.168.1.7:7071", "[fe80::1]:7071", "box:7071", "localhost"):
        assert _decide(everywhere, host) is None
    assert _decide(everywhere, "evil.example") == "foreign_host"


def test_any_name_can_be_let_in() -> None:
    """Where a proxy in front looks at names; cross-site requests stay out."""
    callers = Callers(LOOPBACK_NAMES | {"*"})
    assert _decide(callers, "whatever.example") is None
    assert _decide(callers, "whatever.example", Sec_Fetch_Site="cross-site") == "from_elsewhere"


def test_star_in_cors_opens_the_app_and_not_the_management() -> None:
    """A developer who lets every site call the app has not let every site end its workflows."""
    callers = Callers(origins=frozenset({"*"}))
    origin = "http://any.example"
    for door, expected in ((Door.APP, None), (Door.MANAGEMENT, "from_elsewhere")):
        assert _decide(callers, "localhost", door, Sec_Fetch_Site="cross-site", Origin=origin) == expected


@pytest.mark.parametrize(
    "origin",
    ["null", "http://evil.example", "http://localhost:8080", "http://127.0.0.1:7071", "x", "file://"],
)
def test_origin_that_is_not_ours_is_another_site(origin: str) -> None:
    """A browser that sends no Sec-Fetch-Site; another port of this machine is another site as well."""
    assert _decide(Callers(), "localhost:7071", Origin=origin) == "from_elsewhere"
    assert _decide(Callers(), "localhost:7071", Origin="http://localhost:7071") is None


def test_names_are_read_with_and_without_ports() -> None:
    """As they stand in settings, on the command line, and in requests."""
    assert names_of(["Settle.example", "[::1]:7071", "fe80::1", "box:80", "a b", ""]) == {
        *("settle.example", "::1", "fe80::1", "box")
    }
    assert host_name("[::1]:7071") == "::1"
    assert host_name("x" * 300) is None
