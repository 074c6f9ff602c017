"""The calls of a definition held against the API's own description: route, method, query and body."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, cast

from devtools.logic_apps.expressions import parts_of

Json = dict[str, Any]  # JSON whose form OpenAPI, or Logic Apps, defines

_JSON = "application/json"
#: A key may be shown in the query of each operation.
_KEY = "code"


@dataclass(frozen=True)
class Called:
    """One call: its method, its path with `{}` for what expressions fill in, and what is sent."""

    method: str
    path: str
    queries: frozenset[str]
    body: object = None


def called_uri(method: str, uri: str, base: str, inputs: Json) -> Called | None:
    """The call of an HTTP action to the API; None where the address does not begin with that parameter."""
    parts = parts_of(uri)
    if not parts or parts[0] != (True, f"parameters('{base}')"):
        return None
    text = "".join("{}" if is_expression else plain for is_expression, plain in parts[1:])
    path, _, query = text.partition("?")
    names = {part.partition("=")[0] for part in query.split("&") if part}
    queries = cast(Json, inputs.get("queries") or {})
    return Called(method.lower(), path, frozenset(names | set(queries)), inputs.get("body"))


def called_path(method: str, path: str, inputs: Json) -> Called:
    """The call of a connector's action."""
    text = "".join("{}" if is_expression else plain for is_expression, plain in parts_of(path))
    queries = cast(Json, inputs.get("queries") or {})
    return Called(method.lower(), text, frozenset(queries), inputs.get("body"))


class Api:
    """What the description says."""

    def __init__(self, document: Json) -> None:
        self._document = document

    def faults(self, called: Called) -> Iterator[str]:
        """What is wrong with a call."""
        path = self._path(called.path)
        if path is None:
            yield f"{called.path} is no path of the API"
            return
        operations = self._document["paths"][path]
        operation = operations.get(called.method)
        if operation is None:
            yield f"{path} knows no {called.method.upper()}"
            return
        yield from self._query_faults(
            called, [*operations.get("parameters", []), *operation.get("parameters", [])]
        )
        yield from self._body_faults(called, operation)

    def answers(self, called: Called) -> Json | None:
        """The schema of what is answered in the end; None where it has none."""
        operation = self._operation(called)
        if operation is None:
            return None
        good = [code for code in sorted(operation["responses"]) if code.startswith("2")]
        content = operation["responses"][good[0]].get("content", {}) if good else {}
        return content.get(_JSON, {}).get("schema")

    def told(self, called: Called) -> Json | None:
        """The schema of what is posted to who subscribed with this call, or started with an address."""
        operation = self._operation(called)
        if operation is None:
            return None
        if "callbacks" in operation:
            (told,) = operation["callbacks"]["ended"].values()
            return told["post"]["requestBody"]["content"][_JSON]["schema"]
        beside = f"{self._path(called.path)}/{{id}}/subscriptions"
        return self.told(Called("post", beside, frozenset())) if beside in self._document["paths"] else None

    def knows(self, schema: Json | None, keys: list[str]) -> bool:
        """Whether a value of a schema has this part; what is not described may have any."""
        for key in keys:
            found = self._parts(schema)
            if found is None:
                return True
            if key not in found:
                return False
            schema = found[key]
        return True

    def _operation(self, called: Called) -> Json | None:
        path = self._path(called.path)
        return None if path is None else self._document["paths"][path].get(called.method)

    def _path(self, wanted: str) -> str | None:
        """The path of the description; a plain one is found before one with a place to fill in."""
        if wanted in self._document["paths"]:
            return wanted
        for path in self._document["paths"]:
            pattern = "/".join(
                r"[^/]+" if part.startswith("{") else re.escape(part) for part in path.split("/")
            )
            if re.fullmatch(pattern, wanted):
                return path
        return None

    def _query_faults(self, called: Called, parameters: list[Json]) -> Iterator[str]:
        known = {one["name"]: one for one in parameters if one["in"] == "query"}
        for name in sorted(called.queries - set(known) - {_KEY}):
            yield f"{called.path} knows no query {name!r}"
        for name, one in known.items():
            if one.get("required") and name not in called.queries:
                yield f"{called.path} needs the query {name!r}"

    def _body_faults(self, called: Called, operation: Json) -> Iterator[str]:
        content = operation.get("requestBody", {}).get("content")
        if content is None:
            if called.body is not None:
                yield f"{called.path} takes no body"
            return
        if called.body is None:
            yield f"{called.path} needs a body"
            return
        parts = self._parts(content.get(_JSON, {}).get("schema"))
        if parts is None or not isinstance(called.body, dict):
            return
        schema = self._resolved(content[_JSON]["schema"])
        body = cast(Json, called.body)
        for name in sorted(set(body) - set(parts)):
            yield f"the body of {called.path} knows no {name!r}"
        for name in schema.get("required", []):
            if name not in body:
                yield f"the body of {called.path} needs {name!r}"

    def _parts(self, schema: Json | None) -> Json | None:
        """The schemas of the parts of an object by name; None where it may have any."""
        found = self._resolved(schema or {})
        if "anyOf" in found:
            real = [kind for kind in found["anyOf"] if kind != {"type": "null"}]
            return self._parts(real[0]) if len(real) == 1 else None
        return found.get("properties")

    def _resolved(self, schema: Json) -> Json:
        while "$ref" in schema:
            schema = self._document["components"]["schemas"][schema["$ref"].rpartition("/")[2]]
        return schema
