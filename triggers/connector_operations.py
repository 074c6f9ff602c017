"""The operations of the API brought to Swagger 2.0, as actions of a custom connector. Pure.

A connector knows one body and one schema of an answer for each operation. Where the API takes several kinds
of bodies, JSON is told, else a form with a file; where it has several good answers, the first has its schema.
"""

from __future__ import annotations

from typing import Any, cast

from triggers.api_description.parts import JSON
from triggers.api_description.schemas import Part
from triggers.connector_schemas import SIMPLE, schema_of, title

FORM = "multipart/form-data"
#: Operations that people who build a workflow see first, and those that only the platform calls.
_IMPORTANT = frozenset(
    {
        "startBatch",
        "getBatch",
        "startInvoice",
        "getInvoice",
        "getApproval",
        "getApprovalResult",
        "listApprovals",
        "postDecision",
        "subscribeToBatch",
        "subscribeToInvoice",
        "subscribeToApproval",
        "subscribeToCalls",
        "subscribeToAll",
        "verifyCallback",
    }
)
#: What begins a workflow each time; a subscription to one end is an action that waits.
_TRIGGERS = frozenset({"subscribeToAll"})
_INTERNAL = frozenset(
    {
        "deleteStandingSubscription",
        "deleteSubscription",
        "deleteSubscriptions",
        "getHealth",
        "getOpenApi",
        "getSwagger",
    }
)


def paths(described: Part) -> Part:
    """All paths with their operations."""
    return {path: _path(operations) for path, operations in described.items()}


def subscribing(described: Part) -> frozenset[str]:
    """The names of the schemas with which somebody asks to be told."""
    bodies = [
        operation["requestBody"]["content"][JSON]["schema"]["$ref"]
        for operations in described.values()
        for method, operation in operations.items()
        if method != "parameters" and "callbacks" in operation
    ]
    return frozenset(body.rpartition("/")[2] for body in bodies)


def _path(operations: Part) -> Part:
    shared = cast(list[Part], operations.get("parameters", []))
    found: Part = {}
    for method, operation in operations.items():
        if method == "parameters":
            continue
        found[method] = _operation(operation, shared)
        if "callbacks" in operation:
            found["x-ms-notification-content"] = _notification(operation["callbacks"])
    return found


def _operation(operation: Part, shared: list[Part]) -> Part:
    name = operation["operationId"]
    described = [*shared, *operation.get("parameters", [])]
    found: Part = {
        "tags": operation["tags"],
        "operationId": name[:1].upper() + name[1:],
        "summary": operation["summary"],
        "description": f"{operation['summary']}.",
        "x-ms-visibility": _visibility(name),
        "parameters": [_parameter(one) for one in described],
        "responses": _responses(operation["responses"]),
    }
    if "requestBody" in operation:
        consumes, parameters = _body(operation["requestBody"]["content"])
        found["consumes"] = [consumes]
        found["parameters"] += parameters
    if name in _TRIGGERS:
        found["x-ms-trigger"] = "single"
    if operation.get("security") == []:
        found["security"] = []
    return found


def _visibility(name: str) -> str:
    if name in _INTERNAL:
        return "internal"
    return "important" if name in _IMPORTANT else "advanced"


def _parameter(parameter: Part) -> Part:
    schema = schema_of(parameter["schema"])
    simple = {name: schema[name] for name in SIMPLE if name in schema}
    required = bool(parameter.get("required"))
    found: Part = {
        "name": parameter["name"],
        "in": parameter["in"],
        "required": required,
        "description": parameter["description"],
        "x-ms-summary": title(parameter["name"]),
        "x-ms-visibility": "important" if required else "advanced",
        **({"type": "string"} | simple),
    }
    if parameter["in"] == "path":
        found["x-ms-url-encoding"] = "single"
    return found


def _body(content: Part) -> tuple[str, list[Part]]:
    """What is consumed, and the parameters that stand for the body."""
    if JSON in content:
        schema = schema_of(content[JSON]["schema"])
        about = {"description": "What is sent.", "x-ms-summary": "Body", "x-ms-visibility": "important"}
        return JSON, [{"name": "body", "in": "body", "required": True, "schema": schema, **about}]
    if FORM in content:
        about = {"description": "The file.", "x-ms-summary": "File", "x-ms-visibility": "important"}
        return FORM, [{"name": "file", "in": "formData", "required": True, "type": "file", **about}]
    kind = next(iter(content))
    about = {"description": "What is sent.", "x-ms-summary": "Content", "x-ms-visibility": "important"}
    schema = {"type": "string", "format": "binary"}
    return kind, [{"name": "body", "in": "body", "required": True, "schema": schema, **about}]


def _responses(responses: Part) -> Part:
    """The good answers, of which the first has a schema, and one for all errors."""
    found: Part = {}
    has_schema = False
    for code in sorted(code for code in responses if code < "300"):
        answer = responses[code]
        found[code] = {"description": answer["description"]}
        if "headers" in answer:
            found[code]["headers"] = {name: _header(one) for name, one in answer["headers"].items()}
        schema = None if has_schema else _answer_schema(answer.get("content", {}))
        if schema is not None:
            found[code]["schema"] = schema
            has_schema = True
    if any(code >= "400" for code in responses):
        error = schema_of({"$ref": "#/components/schemas/Error"})
        found["default"] = {"description": "It was not done; the message says why.", "schema": error}
    return found


def _answer_schema(content: Part) -> Part | None:
    if not content:
        return None
    schema: Any = next(iter(content.values())).get("schema")
    return schema_of(schema) if schema else None


def _header(header: Part) -> Part:
    schema = schema_of(header["schema"])
    return {name: schema[name] for name in ("type", "format") if name in schema}


def _notification(callbacks: Part) -> Part:
    """What is posted to who subscribed, out of the callbacks of OpenAPI."""
    (told,) = callbacks["ended"].values()
    schema = told["post"]["requestBody"]["content"][JSON]["schema"]
    return {"description": told["post"]["summary"], "schema": schema_of(schema)}
