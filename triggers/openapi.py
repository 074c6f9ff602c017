"""`GET /api/openapi.json`: the description of the whole API, for people, tools and generated clients."""

from __future__ import annotations

from functools import cache

import azure.functions as func

from triggers.api_description.schemas import Part, schemas
from triggers.api_description.whole import ANSWERS, BODIES, PATHS
from triggers.responses import json_response

bp = func.Blueprint()

_ABOUT = """Settle takes in invoices, checks them, gets people's approval, and books them.

Every error has the one shape of `Error`; its `code` is for programs, its `message` says what to do. What
takes time answers 202 with a `Location` to ask again, and `Retry-After` in seconds."""


@bp.route(route="api/openapi.json", methods=["GET"], auth_level=func.AuthLevel.ANONYMOUS)
def get_openapi(req: func.HttpRequest) -> func.HttpResponse:
    """The OpenAPI 3.1 document of this API."""
    return json_response(document())


@cache
def document() -> Part:
    """The OpenAPI 3.1 document."""
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Settle",
            "version": "1",
            "description": _ABOUT,
            "license": {"name": "MIT", "identifier": "MIT"},
        },
        "servers": [{"url": "/"}],
        "security": [{"functionKey": []}, {"functionKeyInQuery": []}],
        "tags": [{"name": name} for name in _tags()],
        "paths": PATHS,
        "components": {
            "schemas": schemas(ANSWERS, BODIES),
            "securitySchemes": {
                "functionKey": {
                    "type": "apiKey",
                    "in": "header",
                    "name": "x-functions-key",
                    "description": "Needed where the app is deployed; a local run asks for none.",
                },
                "functionKeyInQuery": {"type": "apiKey", "in": "query", "name": "code"},
                "person": {
                    "type": "apiKey",
                    "in": "query",
                    "name": "t",
                    "description": "The token of a signed link: a person's, for one approval. Behind the "
                    "platform's sign-in the person signed in there counts, and no token is needed.",
                },
            },
        },
    }


def _tags() -> list[str]:
    """The tags of all operations, each once, in the order in which they come."""
    found = {
        tag: None
        for operations in PATHS.values()
        for method, operation in operations.items()
        if method != "parameters"
        for tag in operation["tags"]
    }
    return list(found)
