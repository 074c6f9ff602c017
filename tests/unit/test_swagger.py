"""The description for a custom connector: it is valid Swagger 2.0, whole, and within what connectors know."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest
from openapi_spec_validator import OpenAPIV2SpecValidator, validate

from tests.unit.page_requests import handler, local_run, request
from triggers import swagger as trigger
from triggers.connector_schemas import schema_of, title
from triggers.openapi import document
from triggers.swagger import swagger

DOCUMENT: dict[str, Any] = json.loads(json.dumps(swagger("https://settle.example")))
#: A connector's definition may be no larger.
LARGEST = 1024 * 1024
#: Words of JSON Schema that Swagger 2.0, or a connector, does not know.
UNKNOWN = {
    "anyOf",
    "oneOf",
    "allOf",
    "not",
    "const",
    "examples",
    "prefixItems",
    "patternProperties",
    "propertyNames",
    "nullable",
    "content",
    "requestBody",
    "callbacks",
    "components",
}


def _operations() -> Iterator[tuple[str, str, dict[str, Any]]]:
    for path, methods in DOCUMENT["paths"].items():
        for method, operation in methods.items():
            if not method.startswith("x-"):
                yield path, method, operation


OPERATIONS = list(_operations())
_each = pytest.mark.parametrize(
    ("path", "method", "operation"), OPERATIONS, ids=[one["operationId"] for _, _, one in OPERATIONS]
)


def test_document_is_valid_swagger() -> None:
    """By the validator that holds the OpenAPI document, too; both with every reference resolved."""
    validate(DOCUMENT, cls=OpenAPIV2SpecValidator)
    validate(json.loads(json.dumps(document())))


def test_validator_sees_what_is_wrong() -> None:
    """Otherwise the test above could be empty."""
    broken = json.loads(json.dumps(DOCUMENT))
    broken["paths"]["/api/batches"]["post"]["parameters"].append({"name": "x", "in": "nowhere"})
    with pytest.raises(Exception, match="nowhere"):
        validate(broken, cls=OpenAPIV2SpecValidator)


def test_every_operation_of_the_api_is_in_it() -> None:
    """The OpenAPI document is held against the routes; this one against that."""
    described = {
        (path, method)
        for path, operations in document()["paths"].items()
        for method in operations
        if method != "parameters"
    }
    assert {(path, method) for path, method, _ in OPERATIONS} == described


def test_every_schema_is_in_it() -> None:
    """Under the same name."""
    assert set(DOCUMENT["definitions"]) == set(document()["components"]["schemas"])


def _words(value: Any, inside: str = "") -> Iterator[tuple[str, str]]:
    """Words of schemas with where they stand; names of properties are not words."""
    if isinstance(value, list):
        for one in value:
            yield from _words(one, inside)
    elif isinstance(value, dict):
        for name, one in value.items():
            if inside not in ("properties", "definitions", "headers", "paths"):
                yield name, json.dumps(one)[:80]
            yield from _words(
                one, "" if inside in ("properties", "definitions", "headers", "paths") else name
            )


def test_nothing_is_in_it_that_a_connector_does_not_know() -> None:
    """No choices, no null, one kind of each value; and small enough."""
    assert [found for found in _words(DOCUMENT) if found[0] in UNKNOWN] == []
    assert '"type": ["' not in json.dumps(DOCUMENT)
    assert '"null"' not in json.dumps(DOCUMENT)
    assert len(json.dumps(DOCUMENT)) < LARGEST


def test_references_lead_somewhere() -> None:
    """And none to the old place."""
    used = set(re.findall(r'"\$ref": "([^"]+)"', json.dumps(DOCUMENT)))
    assert used <= {f"#/definitions/{name}" for name in DOCUMENT["definitions"]}


@_each
def test_operation_is_told_as_connectors_want_it(path: str, method: str, operation: dict[str, Any]) -> None:
    """A name in Pascal case, words for people, one schema of a good answer, one body."""
    assert re.fullmatch(r"[A-Z][A-Za-z]+", operation["operationId"])
    assert operation["summary"]
    assert operation["description"].endswith(".")
    assert len(operation["summary"]) <= 80
    assert operation["x-ms-visibility"] in ("important", "advanced", "internal")
    good = [answer for code, answer in operation["responses"].items() if code.startswith("2")]
    assert good
    assert sum("schema" in answer for answer in good) <= 1
    assert "schema" not in operation["responses"].get("202", {}) or "200" not in operation["responses"]
    bodies = [one for one in operation["parameters"] if one["in"] in ("body", "formData")]
    assert len(bodies) == (1 if "consumes" in operation else 0)
    assert set(re.findall(r"{(\w+)}", path)) == {
        one["name"] for one in operation["parameters"] if one["in"] == "path"
    }


@_each
def test_parameter_is_told_as_connectors_want_it(path: str, method: str, operation: dict[str, Any]) -> None:
    """A title, a description; what is needed is seen first, and never hidden."""
    for parameter in operation["parameters"]:
        assert parameter["x-ms-summary"]
        assert parameter["description"]
        assert parameter["x-ms-visibility"] == ("important" if parameter["required"] else "advanced")


def test_names_of_operations_are_unique() -> None:
    """A connector has one action for each."""
    names = [operation["operationId"] for _, _, operation in OPERATIONS]
    assert len(names) == len(set(names))


WEBHOOKS = [path for path, methods in DOCUMENT["paths"].items() if "x-ms-notification-content" in methods]


@pytest.mark.parametrize("path", WEBHOOKS)
def test_webhook_says_what_is_posted_and_where_the_address_goes(path: str) -> None:
    """The platform fills in its address, and unsubscribes at the Location of the answer."""
    methods = DOCUMENT["paths"][path]
    message = methods["x-ms-notification-content"]["schema"]["$ref"].rpartition("/")[2]
    assert {"id", "status", "target"} <= set(DOCUMENT["definitions"][message]["properties"])
    (body,) = [one for one in methods["post"]["parameters"] if one["in"] == "body"]
    taken = DOCUMENT["definitions"][body["schema"]["$ref"].rpartition("/")[2]]
    assert taken["properties"]["callback_url"]["x-ms-notification-url"] is True
    assert "x-ms-notification-url" not in json.dumps(DOCUMENT["definitions"]["BatchFromContainer"])
    assert methods["post"]["responses"]["201"]["headers"]["Location"]["type"] == "string"
    standing = "x-ms-trigger" in methods["post"]
    place = "/api/standing-subscriptions/{id}" if standing else "/api/subscriptions/{id}"
    assert DOCUMENT["paths"][place]["delete"]["x-ms-visibility"] == "internal"


def test_there_is_a_webhook_for_each_kind() -> None:
    """Or the test above is empty."""
    assert len(WEBHOOKS) >= 4
    triggers = [one["operationId"] for _, _, one in OPERATIONS if one.get("x-ms-trigger") == "single"]
    assert triggers == ["SubscribeToAll"]


def test_one_key_is_shown_in_one_way() -> None:
    """A connector has one definition of security; what everybody may ask needs none."""
    assert list(DOCUMENT["securityDefinitions"]) == ["functionKey"]
    public = {one["operationId"] for _, _, one in OPERATIONS if one.get("security") == []}
    assert public == {"GetHealth", "GetOpenApi", "GetSwagger"}


@pytest.mark.parametrize(
    ("schema", "expected"),
    [
        ({"anyOf": [{"type": "integer"}, {"type": "null"}]}, {"type": "integer", "x-nullable": True}),
        ({"anyOf": [{"type": "number"}, {"type": "string"}]}, {"type": "string"}),
        ({"anyOf": [{"$ref": "#/components/schemas/A"}, {"type": "null"}]}, {"$ref": "#/definitions/A"}),
        ({"anyOf": [{"$ref": "#/x/A"}, {"$ref": "#/x/B"}]}, {"type": "object"}),
        ({"const": "a"}, {"type": "string", "enum": ["a"]}),
        ({"type": "array"}, {"type": "array", "items": {}}),
        ({"$ref": "#/components/schemas/A", "description": "x"}, {"$ref": "#/definitions/A"}),
    ],
)
def test_schema_is_brought_to_what_is_known(schema: dict[str, Any], expected: dict[str, Any]) -> None:
    """What cannot be said is said more loosely, never wrongly."""
    assert schema_of(schema) == expected


def test_titles_are_for_people() -> None:
    """Names in our JSON and in headers."""
    assert [title(name) for name in ("callback_url", "Idempotency-Key", "sha256", "waiting_for", "x")] == [
        "Callback URL",
        "Idempotency Key",
        "SHA-256",
        "Waiting For",
        "X",
    ]


async def test_document_names_the_address_that_was_asked() -> None:
    """A connector is made by this address; a caller's own word for it does not count."""
    with local_run():
        answer = await handler(trigger.get_swagger)(req=request("/api/swagger.json"))
    told = json.loads(answer.get_body())
    assert (told["host"], told["schemes"], told["basePath"]) == ("settle.example", ["https"], "/")
    assert "host" not in swagger("")
