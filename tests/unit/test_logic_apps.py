"""The workflow definitions in docs/logic-apps, and the linter: each of its checks finds a fault."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from devtools.logic_apps.expressions import (
    Access,
    BadExpression,
    Call,
    Literal,
    expressions_of,
    parse,
    parts_of,
    walk,
)
from devtools.logic_apps.functions import ARGUMENTS
from devtools.logic_apps.linter import problems
from devtools.logic_apps.scopes import scopes_of
from triggers.openapi import document

FOLDER = Path(__file__).resolve().parents[2] / "docs" / "logic-apps"
NAMES = sorted(path.stem for path in FOLDER.glob("*.json"))
HIDDEN = {"secureData": {"properties": ["inputs"]}}
KEY = {"x-functions-key": "@parameters('settleKey')"}

Json = dict[str, Any]
Change = Callable[[Json], object]


def _read(name: str) -> Json:
    return json.loads((FOLDER / f"{name}.json").read_text("utf-8"))


def _faults(definition: Json) -> str:
    found = problems(definition, document())
    return "\n".join(f"{problem.place}: {problem.text}" for problem in found)


# ---------------------------------------------------------------- our definitions


@pytest.mark.parametrize("name", NAMES)
def test_definition_has_no_problem(name: str) -> None:
    """Order, parameters, expressions, and the routes, bodies and answers of the API as it is today."""
    assert _faults(_read(name)) == ""


def test_definitions_go_both_ways() -> None:
    """One where a Logic App waits for Settle, one that Settle calls, and one with people in Teams."""
    assert NAMES == ["approval-in-teams", "batch-by-webhook", "settle-calls"]


@pytest.mark.parametrize("name", NAMES)
def test_definition_has_no_secret_and_no_place_of_ours(name: str) -> None:
    """Whoever copies it fills in their own."""
    text = json.dumps(_read(name))
    assert "azurewebsites" not in text
    assert "code=" not in text
    assert "sig=" not in text


@pytest.mark.parametrize("name", ["batch-by-webhook", "settle-calls"])
def test_what_comes_is_verified_before_anything_is_made_of_it(name: str) -> None:
    """Whatever uses the body of a callback comes after the check of its signature."""
    definition = _read(name)
    (scope, *_) = scopes_of(definition["actions"])
    verify = scope["Verify"].body["inputs"]
    assert set(verify["body"]) == {"webhook_id", "webhook_timestamp", "webhook_signature", "body"}
    for action in scope.values():
        if action.name not in ("Verify", "Start_batch_and_wait"):
            assert "Verify" in action.before()
    assert "genuine" in json.dumps(definition)


def test_decision_of_teams_is_made_by_the_sign_in_of_the_approver() -> None:
    """With no key and no word of a Logic App: the connector is signed in, and the responder is compared."""
    text = json.dumps(_read("approval-in-teams"))
    assert "x-functions-key" not in text
    assert "settleKey" not in text
    assert "responder" in text


# ---------------------------------------------------------------- each check finds its fault


def _good() -> Json:
    """A small definition without a problem, which the tests break in one place each."""
    url = "@{parameters('settleUrl')}"
    return {
        "$schema": "https://schema.management.azure.com/x",
        "contentVersion": "1.0.0.0",
        "parameters": {"settleUrl": {"type": "String"}, "settleKey": {"type": "SecureString"}},
        "triggers": {"Manual": {"type": "Request", "inputs": {"schema": {}}}},
        "actions": {
            "Make": {
                "type": "InitializeVariable",
                "inputs": {"variables": [{"name": "count", "type": "integer", "value": 0}]},
                "runAfter": {},
            },
            "Start": {
                "type": "HttpWebhook",
                "inputs": {
                    "subscribe": {
                        "method": "POST",
                        "uri": f"{url}/api/batches",
                        "headers": KEY,
                        "body": {"container": "inbox", "callback_url": "@{listCallbackUrl()}"},
                    },
                    "unsubscribe": {
                        "method": "DELETE",
                        "uri": f"{url}/api/subscriptions",
                        "headers": KEY,
                        "queries": {"callback_url": "@{listCallbackUrl()}"},
                    },
                },
                "limit": {"timeout": "P1D"},
                "runtimeConfiguration": HIDDEN,
                "runAfter": {"Make": ["Succeeded"]},
            },
            "Get": {
                "type": "Http",
                "inputs": {
                    "method": "GET",
                    "uri": f"{url}/api/batches/@{{body('Start')?['target']}}",
                    "headers": KEY,
                },
                "runtimeConfiguration": HIDDEN,
                "runAfter": {"Start": ["Succeeded", "TimedOut"]},
            },
            "Each": {
                "type": "Foreach",
                "foreach": "@range(0, 3)",
                "actions": {
                    "Count": {
                        "type": "SetVariable",
                        "inputs": {"name": "count", "value": "@add(items('Each'), variables('count'))"},
                        "runAfter": {},
                    }
                },
                "runAfter": {"Get": ["Succeeded"]},
            },
            "Show": {
                "type": "Compose",
                "inputs": "@{body('Get')?['counts']?['valid']} of @{body('Start')?['data']?['total']}",
                "runAfter": {"Each": ["Succeeded"]},
            },
        },
        "outputs": {},
    }


def test_good_definition_has_no_problem() -> None:
    """Or the tests below prove nothing."""
    assert _faults(_good()) == ""


def _set(*path: str, to: object) -> Change:
    def change(definition: Json) -> None:
        place: Any = definition
        for name in path[:-1]:
            place = place[name]
        if to is None:
            del place[path[-1]]
        else:
            place[path[-1]] = to

    return change


def _action(name: str, *path: str, to: object) -> Change:
    return _set("actions", name, *path, to=to)


def _deep(levels: int) -> Json:
    inner: Json = {"type": "Compose", "inputs": 1, "runAfter": {}}
    for level in range(levels):
        inner = {"type": "Scope", "actions": {f"In_{level}": inner}, "runAfter": {}}
    return inner


BROKEN: list[tuple[str, Change, str]] = [
    ("no schema", _set("$schema", to=None), "has no $schema"),
    ("no trigger", _set("triggers", to={}), "has no triggers"),
    ("unknown trigger", _set("triggers", "Manual", "type", to="Telex"), "Manual: has an unknown type"),
    ("unknown action", _action("Show", "type", to="Composer"), "Show: has an unknown type"),
    (
        "long name",
        _set("actions", "N" * 81, to={"type": "Compose", "inputs": 1, "runAfter": {"Show": ["Succeeded"]}}),
        "more than 80",
    ),
    ("too deep", _set("actions", "Deep", to=_deep(9)), "nested more than 8 deep"),
    (
        "too many",
        _set("actions", to={f"A{n}": {"type": "Compose", "inputs": 1, "runAfter": {}} for n in range(501)}),
        "more than 500 actions",
    ),
    (
        "runAfter of nothing",
        _action("Get", "runAfter", to={"Begin": ["Succeeded"]}),
        "runAfter names 'Begin'",
    ),
    (
        "runAfter of another scope",
        _action("Show", "runAfter", to={"Count": ["Succeeded"]}),
        "no action of the same scope",
    ),
    ("unknown status", _action("Get", "runAfter", to={"Start": ["Done"]}), "unknown one"),
    ("no status", _action("Get", "runAfter", to={"Start": []}), "has no status"),
    ("cycle", _action("Make", "runAfter", to={"Show": ["Succeeded"]}), "there is a cycle in runAfter"),
    ("nothing is first", _action("Make", "runAfter", to={"Make": ["Succeeded"]}), "is the first"),
    (
        "same name twice",
        _action("Each", "actions", "Show", to={"type": "Compose", "inputs": 1, "runAfter": {}}),
        "name of two actions",
    ),
    (
        "parameter not declared",
        _set("parameters", "settleUrl", to=None),
        "parameter 'settleUrl' is not declared",
    ),
    (
        "parameter not used",
        _set("parameters", "spare", to={"type": "String"}),
        "spare: is declared and never used",
    ),
    ("secret in the clear", _set("parameters", "settleKey", "type", to="String"), "its type is securestring"),
    ("secret with a default", _set("parameters", "settleKey", "defaultValue", to="x"), "has a default value"),
    ("secret in the history", _action("Get", "runtimeConfiguration", to={}), "hide its inputs"),
    ("expression not closed", _action("Show", "inputs", to="a @{body('Get')"), "is not closed"),
    ("expression broken", _action("Show", "inputs", to="@body('Get'"), "lacks ')'"),
    ("unknown function", _action("Show", "inputs", to="@hmac('x')"), "hmac() is no function"),
    (
        "too many arguments",
        _action("Show", "inputs", to="@length('x', 'y')"),
        "length() takes 1 to 1 arguments",
    ),
    ("expression too long", _action("Show", "inputs", to="@concat('" + "x" * 8200 + "')"), "more than 8192"),
    ("unknown action named", _action("Show", "inputs", to="@body('Got')"), "there is no such action"),
    ("action named too early", _action("Make", "inputs", "x", to="@body('Get')"), "does not come before"),
    (
        "later action named in a loop",
        _action("Each", "actions", "Count", "inputs", "x", to="@outputs('Show')"),
        "does not come before",
    ),
    ("variable not made", _action("Show", "inputs", to="@variables('sum')"), "variable 'sum' is not made"),
    ("loop of somebody else", _action("Show", "inputs", to="@items('Each')"), "no loop around this"),
    ("item without a loop", _action("Show", "inputs", to="@item()"), "known in a loop only"),
    (
        "address outside of a webhook",
        _action("Show", "inputs", to="@listCallbackUrl()"),
        "known in a webhook only",
    ),
    (
        "no address to wait at",
        _action("Start", "inputs", "subscribe", "body", "callback_url", to="x"),
        "does not send listCallbackUrl()",
    ),
    ("never taken back", _action("Start", "inputs", "unsubscribe", to=None), "unsubscribe does not send"),
    ("waits for ever", _action("Start", "limit", to={}), "it has no limit.timeout"),
    ("no duration", _action("Start", "limit", "timeout", to="1 day"), "is no duration"),
    (
        "unknown route",
        _action("Get", "inputs", "uri", to="@{parameters('settleUrl')}/api/batch/x"),
        "is no path of the API",
    ),
    ("unknown method", _action("Get", "inputs", "method", to="PUT"), "knows no PUT"),
    ("unknown query", _action("Get", "inputs", "queries", to={"format": "csv"}), "knows no query 'format'"),
    (
        "missing query",
        _action("Start", "inputs", "unsubscribe", "queries", to={"code": "@{listCallbackUrl()}"}),
        "needs the query 'callback_url'",
    ),
    (
        "unknown field",
        _action("Start", "inputs", "subscribe", "body", "containers", to=1),
        "knows no 'containers'",
    ),
    (
        "missing field",
        _action("Start", "inputs", "subscribe", "body", "container", to=None),
        "needs 'container'",
    ),
    ("body where none is taken", _action("Get", "inputs", "body", to={}), "takes no body"),
    ("no body where one is needed", _action("Start", "inputs", "subscribe", "body", to=None), "needs a body"),
    (
        "unknown part of an answer",
        _action("Show", "inputs", to="@body('Get')?['number']"),
        "the answer of Get has no number",
    ),
    (
        "unknown part of a callback",
        _action("Show", "inputs", to="@body('Start')?['data']?['sum']"),
        "the answer of Start has no data.sum",
    ),
]


@pytest.mark.parametrize(("change", "fault"), [case[1:] for case in BROKEN], ids=[case[0] for case in BROKEN])
def test_fault_is_found(change: Change, fault: str) -> None:
    """Each of these would be refused when it is saved, fail when it runs, or show a secret."""
    definition = copy.deepcopy(_good())
    change(definition)
    assert fault in _faults(definition)


def test_call_of_the_connector_is_held_against_the_api() -> None:
    """An action of our connector has a method and a path, too; one of another connector is its own matter."""
    definition = _read("approval-in-teams")
    inner = definition["actions"]["Is_it_this_person_s_turn"]["actions"]
    inner["Did_the_approver_answer"]["actions"]["Decide"]["inputs"]["body"]["verdict"] = "yes"
    inner["Did_the_approver_answer"]["actions"]["Wait_for_the_end"]["inputs"]["method"] = "get"
    found = _faults(definition)
    assert "knows no 'verdict'" in found
    assert "knows no GET" in found
    assert "teams" not in found


def test_until_may_ask_for_what_is_in_it() -> None:
    """Its condition is looked at after each round."""
    definition = _good()
    inner = {"Look": {"type": "Compose", "inputs": 1, "runAfter": {}}}
    definition["actions"]["Until"] = {
        "type": "Until",
        "expression": "@equals(outputs('Look'), 1)",
        "actions": inner,
        "runAfter": {"Show": ["Succeeded"]},
    }
    assert _faults(definition) == ""
    definition["actions"]["Show"]["inputs"] = "@outputs('Look')"
    assert "does not come before" in _faults(definition)


# ---------------------------------------------------------------- expressions


def test_expression_is_read_as_it_is_written() -> None:
    """A call, parts of what it gives, and texts with quotes in them."""
    found = parse("body('It''s')?['a'].b[0]")
    assert found == Access(
        Access(
            Access(Call("body", (Literal("It's"),)), Literal("a"), True),
            Literal("b"),
            False,
        ),
        Literal(0.0),
        False,
    )
    assert parse("if(true, null, -1.5)") == Call("if", (Literal(True), Literal(None), Literal(-1.5)))
    assert [type(part) for part in walk(parse("f(g(1))"))] == [Call, Call, Literal]


@pytest.mark.parametrize(
    ("value", "count"),
    [
        ("plain", 0),
        ("ann@example.com", 0),
        ("@@body('x')", 0),
        ("a@@{x}", 0),
        ("@body('x')", 1),
        ("@{body('x')}", 1),
        ("a @{f('}')} b @{g()}", 2),
        ("", 0),
    ],
)
def test_values_with_and_without_expressions(value: str, count: int) -> None:
    """What looks like one and is none is left alone."""
    assert len(expressions_of(value)) == count


@pytest.mark.parametrize(
    "text",
    [
        "",
        "body(",
        "body('x'))",
        "body('x",
        "body('x')?",
        "body('x')?[",
        "body('x').",
        "body('x')[]",
        "name",
        "f(,)",
        "f(1 2)",
        "f(#)",
        "f(" * 50 + ")" * 50,
    ],
)
def test_what_is_no_expression_is_refused(text: str) -> None:
    """With a short text that says where."""
    with pytest.raises(BadExpression) as error:
        parse(text)
    assert len(str(error.value)) < 200


def test_parts_of_a_text_keep_what_is_between() -> None:
    """Routes are made of them."""
    assert parts_of("a/@{b('c')}/d") == [(False, "a/"), (True, "b('c')"), (False, "/d")]


def test_functions_are_known_by_any_case() -> None:
    """As the service does."""
    assert ARGUMENTS["encodeuricomponent"] == (1, 1)
    assert len(ARGUMENTS) > 100
