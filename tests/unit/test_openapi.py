"""The description of the API: it is valid, and it names the routes that there are, no more and no less."""

from __future__ import annotations

import ast
import json
import re
from pathlib import Path
from typing import Any

import pytest
from openapi_spec_validator import validate

from triggers.openapi import document

TRIGGERS = Path(__file__).resolve().parents[2] / "triggers"


def _routes() -> set[tuple[str, str]]:
    """Method and path of every API route, read from the decorators in the source."""
    found: set[tuple[str, str]] = set()
    for path in TRIGGERS.glob("*.py"):
        for node in ast.walk(ast.parse(path.read_bytes())):
            if isinstance(node, ast.Call) and getattr(node.func, "attr", "") == "route":
                given = {
                    word.arg: ast.literal_eval(word.value) for word in node.keywords if word.arg in _READ
                }
                route = re.sub(r":\w+}", "}", given["route"])
                found |= {(method.lower(), f"/{route}") for method in given["methods"]}
    return {(method, route) for method, route in found if route.startswith("/api/")}


_READ = ("route", "methods")


def test_document_is_valid_openapi() -> None:
    """Held against the schema of OpenAPI 3.1, with every reference resolved."""
    validate(json.loads(json.dumps(document())))


def test_document_names_every_route_and_no_other() -> None:
    """What is added or taken away has to be described."""
    described = {
        (method, path)
        for path, operations in document()["paths"].items()
        for method in operations
        if method != "parameters"
    }
    assert described == _routes()
    assert len(described) > 15, "the reader of routes must see them"


def test_every_schema_is_used() -> None:
    """None is left over from a route that is gone."""
    described = document()
    used = set(re.findall(r"#/components/schemas/(\w+)", json.dumps(described)))
    assert used == set(described["components"]["schemas"])


def test_names_of_operations_are_unique() -> None:
    """Generated clients make methods of them."""
    names = [
        operation["operationId"]
        for operations in document()["paths"].values()
        for method, operation in operations.items()
        if method != "parameters"
    ]
    assert len(names) == len(set(names))


@pytest.mark.parametrize("name", ["Decision", "NewDelegation"])
def test_bodies_allow_the_fields_that_the_handlers_read(name: str) -> None:
    """An unknown field is refused there, so the schema must not know more or less."""
    from triggers.approvals import _ABSENCE_FIELDS, _DECISION_FIELDS

    fields: dict[str, Any] = {"Decision": _DECISION_FIELDS, "NewDelegation": _ABSENCE_FIELDS}
    schema = document()["components"]["schemas"][name]
    assert set(schema["properties"]) == set(fields[name])
    assert schema["additionalProperties"] is False


def test_every_guarded_operation_says_that_bad_text_is_refused() -> None:
    """The guard of all handlers answers 400; only what reads nothing of a request has none."""
    without = {
        operation["operationId"]
        for operations in document()["paths"].values()
        for method, operation in operations.items()
        if method != "parameters" and "400" not in operation["responses"]
    }
    assert without == {"getHealth", "getOpenApi"}


def test_words_for_a_state_are_those_that_are_said() -> None:
    """A policy that cannot be used makes the app degraded, and an approval may fail."""
    schemas = document()["components"]["schemas"]
    assert schemas["Health"]["properties"]["status"]["enum"] == ["ok", "degraded", "unavailable"]
    assert "failed" in schemas["Approval"]["properties"]["status"]["enum"]
