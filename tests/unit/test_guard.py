"""What stands behind every handler of a request: an answer that forgets the caches is kept by none."""

from __future__ import annotations

import azure.functions as func
import pytest

from adapters import services
from adapters.services import Services
from adapters.settings import from_environment
from tests.fakes.memory_blobs import MemoryBlobs
from tests.fakes.saying_checker import SayingChecker
from triggers.responses import answers_errors


@pytest.mark.parametrize(
    ("said", "kept"), [({}, "no-store"), ({"Cache-Control": "no-cache"}, "no-cache")], ids=["nothing", "own"]
)
async def test_answer_is_kept_by_no_cache_unless_it_says_how(said: dict[str, str], kept: str) -> None:
    """A handler need not think of it: the guard does."""

    @answers_errors
    async def handler(req: func.HttpRequest) -> func.HttpResponse:
        return func.HttpResponse("", status_code=303, headers={"Location": "/inbox", **said})

    settings = from_environment({"AzureWebJobsStorage": "unused"})
    with services.replaced_by(Services(settings, MemoryBlobs(), SayingChecker)):
        answer = await handler(func.HttpRequest("GET", "https://settle.example/x", body=b""))
    assert answer.headers["Cache-Control"] == kept
