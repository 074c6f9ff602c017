"""The schemas (JSON Schema 2020-12) of the API's bodies, generated from the records that they are.

What is described is what is answered: there is no second list of fields. Texts stand at the records.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from pydantic import BaseModel
from pydantic.json_schema import GenerateJsonSchema, models_json_schema

from invoicing.records.base import Record

Part = dict[str, Any]  # Any: a part of a JSON document whose form OpenAPI defines

_PLACE = "#/components/schemas/"
# Where pydantic notes that a field may be left out.
_LEFT_OUT = "serialization_exclude_if"


def ref(record: type[BaseModel]) -> Part:
    """A reference to the schema of a record."""
    return {"$ref": f"{_PLACE}{record.__name__}"}


class _Described(GenerateJsonSchema):
    """Without titles that repeat names of fields; an answer has each field that is never left out."""

    def field_title_should_be_set(self, schema: Any) -> bool:
        return False

    def default_schema(self, schema: Any) -> Part:
        """A default of an answer is never seen, and "" stands for what a caller leaves out."""
        if self.mode == "serialization" or schema.get("default") == "":
            return self.generate_inner(schema["schema"])
        return super().default_schema(schema)

    def model_field_schema(self, schema: Any) -> Part:
        """A field that is left out where there is nothing to say is never null."""
        described = super().model_field_schema(schema)
        if self.mode == "serialization" and _LEFT_OUT in schema:
            return _without_null(described)
        return described

    def field_is_required(self, field: Any, total: bool) -> bool:
        if self.mode == "serialization":
            return _LEFT_OUT not in field
        return super().field_is_required(field, total)


def _without_null(schema: Part) -> Part:
    """The schema of a value that may be null, without that."""
    kinds = [kind for kind in schema.get("anyOf", []) if kind != {"type": "null"}]
    if len(kinds) != 1:
        return schema
    rest = {name: value for name, value in schema.items() if name != "anyOf"}
    return kinds[0] | rest


def schemas(answers: Iterable[type[Record]], bodies: Iterable[type[Record]]) -> dict[str, Part]:
    """The schema of each record, and of those that they are made of, by its name.

    `answers`: all that is answered as JSON, `bodies`: all that is taken as JSON.
    """
    wanted = [(record, "serialization") for record in answers] + [(record, "validation") for record in bodies]
    _, found = models_json_schema(
        wanted,  # pyright: ignore[reportArgumentType] - the modes are literals there
        ref_template=_PLACE + "{model}",
        schema_generator=_Described,
    )
    return found["$defs"]
