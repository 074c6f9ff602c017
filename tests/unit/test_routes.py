"""Who may use which route: the functions of the app are held against the table in docs/security.md."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any

import azure.durable_functions as df
import azure.functions as func
import pytest

from adapters import services
from adapters.access_settings import AccessSettings
from adapters.services import Services
from adapters.settings import from_environment
from devhost.app.index import AppIndex, FunctionInfo, import_app, index_app
from devhost.app.settings import load_settings
from tests.fakes.memory_blobs import MemoryBlobs
from tests.fakes.saying_checker import SayingChecker
from tests.security_table import Row, filled, security_table
from tests.unit.page_requests import BASE, Client, local_run

ROOT = Path(__file__).resolve().parents[2]
# What starts functions besides requests; the durable ones are started by these alone.
_OTHER_TRIGGERS = {"queueTrigger", "timerTrigger", "orchestrationTrigger", "activityTrigger", "entityTrigger"}


@dataclass(frozen=True)
class Door:
    """One method of one route, and the function behind it."""

    route: str
    method: str
    function: FunctionInfo

    @property
    def level(self) -> str:
        """The level that the host asks for."""
        return str(self.function.trigger.properties["authLevel"])


@cache
def _index() -> AppIndex:
    """The app as the SDK builds it, once: the SDK builds an app one time only."""
    return index_app(import_app(ROOT), load_settings(ROOT))


def _doors() -> list[Door]:
    found = []
    for function in _index().functions.values():
        if function.trigger.type == "httpTrigger":
            properties = function.trigger.properties
            methods = [str(method) for method in properties["methods"]]
            found += [Door(str(properties["route"]), method, function) for method in methods]
    return found


DOORS = _doors()
_each_door = pytest.mark.parametrize("door", DOORS, ids=[f"{one.method} {one.route}" for one in DOORS])


def _row(door: Door) -> Row:
    (found,) = [row for row in security_table() if row.route == door.route and door.method in row.methods]
    return found


@pytest.fixture
def stored() -> Iterator[MemoryBlobs]:
    """What is stored by a deployed app without the platform's sign-in: only the app asks who comes there."""
    settings = replace(
        from_environment({"AzureWebJobsStorage": "unused"}),
        access=AccessSettings(link_keys=("k" * 40,), public_url=BASE),
    )
    blobs = MemoryBlobs()
    with services.replaced_by(Services(settings, blobs, SayingChecker)):
        yield blobs


async def _answer(door: Door, base: str = BASE, **more: str) -> func.HttpResponse:
    """What the function answers to somebody who proves nothing; `more` are further headers."""
    call: Any = door.function.call
    call = getattr(call, "client_function", call)
    body, headers = b"", {}
    if door.method == "POST":
        json = door.route.startswith("api/")
        headers = {"content-type": "application/json" if json else "application/x-www-form-urlencoded"}
        body = b"{}" if json else b"person=ann.roth@example.com&csrf=x"
    path, given = filled(door.route)
    headers |= {name.replace("_", "-"): value for name, value in more.items()}
    req = func.HttpRequest(door.method, f"{base}{path}", headers=headers, route_params=given, body=body)
    wants_client = any(one.type == "durableClient" for one in door.function.bindings)
    answer = call(req=req, **({"client": Client()} if wants_client else {}))
    return answer if isinstance(answer, func.HttpResponse) else await answer


# ---------------------------------------------------------------- the table and the app


def test_table_lists_every_route_with_its_level_and_no_other() -> None:
    """A route that is added, taken away or opened has to be written down for people too."""
    listed = {(row.route, method, row.level) for row in security_table() for method in row.methods}
    assert listed == {(door.route, door.method, door.level) for door in DOORS}
    assert len(DOORS) > 30, "the reader of the app must see its routes"


def test_each_method_of_a_route_stands_in_one_row() -> None:
    """Two rows could say two things."""
    listed = [(row.route, method) for row in security_table() for method in row.methods]
    assert len(listed) == len(set(listed))


def test_nothing_else_that_callers_reach_starts_a_function() -> None:
    """A trigger of a new kind is a new door."""
    kinds = {function.trigger.type for function in _index().functions.values()}
    assert kinds <= _OTHER_TRIGGERS | {"httpTrigger"}


def test_level_of_a_blueprint_is_ignored() -> None:
    """Why each route says its own: the SDK takes the level of the app. Fails when the SDK changes."""
    blueprint = df.Blueprint(http_auth_level=func.AuthLevel.ANONYMOUS)

    @blueprint.route(route="page")
    def page(req: func.HttpRequest) -> str:
        return ""

    app = df.DFApp(http_auth_level=func.AuthLevel.FUNCTION)
    app.register_functions(blueprint)
    (function,) = app.get_functions()
    trigger = function.get_trigger()
    assert trigger
    assert trigger.get_dict_repr()["authLevel"] == func.AuthLevel.FUNCTION


# ---------------------------------------------------------------- what stands before whom


@_each_door
async def test_route_asks_for_the_person_whom_the_table_names(stored: MemoryBlobs, door: Door) -> None:
    """In a deployed app without the platform's sign-in, where the host lets everybody through to a page."""
    row = _row(door)
    answer = await _answer(door)
    if row.local_runs_only:
        assert answer.status_code == 404
    elif row.person_needed:
        assert answer.status_code == 401
    else:
        assert answer.status_code != 401
        assert door.level == "FUNCTION" or answer.status_code == 200
    assert not stored.names(), "who proves nothing must leave nothing behind"


@_each_door
def test_who_may_says_a_key_where_the_host_asks_for_one(door: Door) -> None:
    """The words of the table and its level agree."""
    assert _row(door).key_needed is (door.level == "FUNCTION")


# ---------------------------------------------------------------- what holds for every route


@_each_door
async def test_no_answer_is_kept_by_a_cache(stored: MemoryBlobs, door: Door) -> None:
    """But static files, which are the same for everybody."""
    kept = (await _answer(door)).headers["Cache-Control"]
    assert kept == ("no-cache" if door.route.startswith("static/") else "no-store")


CHANGING = [door for door in DOORS if door.method not in ("GET", "HEAD", "OPTIONS")]


@pytest.mark.parametrize("door", CHANGING, ids=[f"{one.method} {one.route}" for one in CHANGING])
async def test_route_that_changes_something_refuses_other_sites(stored: MemoryBlobs, door: Door) -> None:
    """By the browser's own word; its page here, and programs, get an answer of another kind."""
    for said in ({"sec_fetch_site": "cross-site"}, {"origin": "https://evil.example"}):
        answer = await _answer(door, **said)
        assert (answer.status_code, b"another site" in answer.get_body()) == (403, True)
    assert not stored.names()
    assert b"another site" not in (await _answer(door, sec_fetch_site="same-origin")).get_body()


@_each_door
async def test_local_run_tells_nothing_to_a_foreign_name(door: Door) -> None:
    """Which a page gave to this machine, to read our answers as its own (DNS rebinding)."""
    if _row(door).who == "everybody":
        pytest.skip("there is nothing private in it")
    with local_run():
        answer = await _answer(door, "http://evil.example:7071")
        assert (answer.status_code, b"SETTLE_PUBLIC_URL" in answer.get_body()) == (403, True)
