"""Schemas of the API (JSON Schema 2020-12) brought to what Swagger 2.0 and a custom connector know. Pure.

There is no null, no `const` and no choice between kinds: what may be null is `x-nullable`, and of a number
that may also be a text the text is told. Each property has a title for people (`x-ms-summary`).
"""

from __future__ import annotations

import re
from collections.abc import Collection
from typing import Any, cast

from triggers.api_description.schemas import Part

_PLACE, _OLD_PLACE = "#/definitions/", "#/components/schemas/"
#: What Swagger 2.0 knows of a schema and of a simple parameter alike.
SIMPLE = (
    "type",
    "format",
    "enum",
    "default",
    "pattern",
    "minLength",
    "maxLength",
    "minimum",
    "maximum",
    "minItems",
    "maxItems",
)
#: Words that stay as they are in a title.
_WORDS = {"id": "ID", "url": "URL", "sha256": "SHA-256", "http": "HTTP", "vat": "VAT", "ref": "Reference"}


def title(name: str) -> str:
    """A name as a title: `callback_url` is `Callback URL`."""
    spaced = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", name)
    words = re.split(r"[_\- ]+", spaced)
    return " ".join(_WORDS.get(word.lower(), word[:1].upper() + word[1:]) for word in words if word)


def definitions(schemas: Part, subscribing: Collection[str]) -> Part:
    """All schemas by name; `subscribing`: those of bodies in which the platform fills in its address."""
    found = {name: schema_of(schema) for name, schema in schemas.items()}
    for name in subscribing:
        address = found[name]["properties"]["callback_url"]
        address |= {"x-ms-notification-url": True, "x-ms-visibility": "internal"}
    return found


def schema_of(schema: Part) -> Part:
    """One schema."""
    if "$ref" in schema:
        # What else stands beside a reference does not count in Swagger 2.0.
        return {"$ref": schema["$ref"].replace(_OLD_PLACE, _PLACE)}
    if "anyOf" in schema:
        return _chosen(schema)

    found: Part = {name: schema[name] for name in (*SIMPLE, "description", "required") if name in schema}
    if "const" in schema:
        found |= {"type": "string", "enum": [schema["const"]]}
    if "items" in schema:
        found["items"] = schema_of(schema["items"])
    elif schema.get("type") == "array":
        found["items"] = {}
    if isinstance(schema.get("additionalProperties"), dict):
        found["additionalProperties"] = schema_of(schema["additionalProperties"])
    if "properties" in schema:
        found["properties"] = {name: _property(name, one) for name, one in schema["properties"].items()}
    return found


def _property(name: str, schema: Part) -> Part:
    converted = schema_of(schema)
    if "$ref" in converted:
        return converted
    return {**converted, "x-ms-summary": title(name)}


def _chosen(schema: Part) -> Part:
    """The schema of a choice: the only kind that is not null, else a text, else anything."""
    kinds = cast(list[Part], schema["anyOf"])
    real = [kind for kind in kinds if kind != {"type": "null"}]
    one = next((kind for kind in real if kind.get("type") == "string"), real[0])
    chosen = schema_of(one) if len(real) == 1 or one.get("type") == "string" else {"type": "object"}
    if "$ref" in chosen:
        return chosen
    about: dict[str, Any] = {"description": schema["description"]} if "description" in schema else {}
    nullable = {"x-nullable": True} if len(real) < len(kinds) else {}
    return {**chosen, **about, **nullable}
