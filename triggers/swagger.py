"""`GET /api/swagger.json`: the same API as Swagger 2.0, to make a custom connector of.

It is made from the OpenAPI document, which is made from the records: there is no second description.
"""

from __future__ import annotations

from functools import cache
from urllib.parse import urlsplit

import azure.functions as func

from adapters import callers, services
from triggers.api_description.schemas import Part
from triggers.connector_operations import paths, subscribing
from triggers.connector_schemas import definitions
from triggers.openapi import document
from triggers.responses import answers_errors, json_response

bp = func.Blueprint()


@bp.route(route="api/swagger.json", methods=["GET"], auth_level=func.AuthLevel.ANONYMOUS)
@answers_errors
async def get_swagger(req: func.HttpRequest) -> func.HttpResponse:
    """The Swagger 2.0 document, with our own address as its host."""
    return json_response(swagger(callers.own_address(req, services.current().settings.access)))


@cache
def swagger(address: str) -> Part:
    """The Swagger 2.0 document; `address`: where the API is, "" where that is not known."""
    described = document()
    parts = urlsplit(address)
    return {
        "swagger": "2.0",
        "info": {name: described["info"][name] for name in ("title", "version", "description")},
        **({"host": parts.netloc} if parts.netloc else {}),
        "basePath": "/",
        "schemes": [parts.scheme or "https"],
        "consumes": ["application/json"],
        "produces": ["application/json"],
        # A connector knows one way to show a key, and a header does not get into logs of addresses.
        "securityDefinitions": {"functionKey": {"type": "apiKey", "in": "header", "name": "x-functions-key"}},
        "security": [{"functionKey": []}],
        "tags": described["tags"],
        "paths": paths(described["paths"]),
        "definitions": definitions(described["components"]["schemas"], subscribing(described["paths"])),
    }
