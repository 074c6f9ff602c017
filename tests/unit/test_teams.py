"""Adaptive Cards, and posting them to a webhook over real HTTP."""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator
from typing import Any

import pytest

from adapters import teams
from adapters.channels import NotSent
from tests.fakes.webhook import Webhook


@pytest.fixture
def hook() -> Iterator[Webhook]:
    """A webhook that takes everything until a test says otherwise."""
    with Webhook() as running:
        yield running


def _card(title: str = "Please decide", **changes: Any) -> dict[str, Any]:
    values = {"text": "ACME wants 10.00 EUR.", "facts": [("Supplier", "ACME")], "action": "Open"}
    return teams.card(title, link="https://settle.example/approvals/a1", **(values | changes))


def _failure(hook: Webhook) -> str:
    with pytest.raises(NotSent) as caught:
        teams.post(hook.url, _card())
    assert caught.value.again
    assert "hush" not in str(caught.value), "the webhook's address is its password"
    assert caught.value.__cause__ is None
    return str(caught.value)


def test_card_has_the_envelope_that_teams_takes() -> None:
    """One attachment with an Adaptive Card: title, text, facts and a button."""
    message = _card()
    (attachment,) = message["attachments"]
    assert message["type"] == "message"
    assert attachment["contentType"] == "application/vnd.microsoft.card.adaptive"
    content = attachment["content"]
    assert (content["type"], content["version"]) == ("AdaptiveCard", "1.4")
    assert [part["type"] for part in content["body"]] == ["TextBlock", "TextBlock", "FactSet"]
    assert content["body"][2]["facts"] == [{"title": "Supplier", "value": "ACME"}]
    assert content["actions"] == [
        {"type": "Action.OpenUrl", "title": "Open", "url": "https://settle.example/approvals/a1"}
    ]


def test_words_of_strangers_are_no_markup() -> None:
    """A supplier's name makes no link and no emphasis, and does not fill the channel."""
    title = _card("[pay](https://evil.example) **now**")["attachments"][0]["content"]["body"][0]["text"]
    assert title == r"\[pay\]\(https://evil.example\) \*\*now\*\*"
    long = _card("x" * 9000)["attachments"][0]["content"]["body"][0]["text"]
    assert len(long) == 500


def test_card_is_posted_as_json(hook: Webhook) -> None:
    """Once, as it is."""
    teams.post(hook.url, _card())
    assert hook.received == [json.loads(json.dumps(_card()))]
    assert hook.content_types == ["application/json"]


@pytest.mark.parametrize("status", [400, 403, 404, 410, 429, 500, 503])
def test_refusal_of_the_webhook_is_told(hook: Webhook, status: int) -> None:
    """With its status, not with its address."""
    hook.answer = (status, b"go away", {})
    assert _failure(hook) == f"teams: the webhook answered {status}"


def test_failure_that_comes_with_a_200_is_a_failure(hook: Webhook) -> None:
    """Some webhooks say so in the text only."""
    hook.answer = (200, b"Webhook message delivery failed with error: HTTP error 429", {})
    assert "not delivered" in _failure(hook)
    hook.answer = (200, b"1", {})
    teams.post(hook.url, _card())


def test_redirect_is_not_followed(hook: Webhook) -> None:
    """A message is for the address of the setting and for no other."""
    with Webhook() as elsewhere:
        hook.answer = (307, b"", {"Location": elsewhere.url})
        assert _failure(hook) == "teams: the webhook answered 307"
        hook.answer = (302, b"", {"Location": elsewhere.url})
        assert _failure(hook) == "teams: the webhook answered 302"
        assert elsewhere.received == []


def test_webhook_that_does_not_answer_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whether nobody listens, or somebody who says nothing or nonsense."""
    monkeypatch.setattr(teams, "PATIENCE", 0.2)
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{silent.getsockname()[1]}/hook?sig=hush"
        with pytest.raises(NotSent, match="ConnectionRefusedError"):
            teams.post(url, _card())
        silent.listen()
        with pytest.raises(NotSent, match="does not answer") as caught:
            teams.post(url, _card())
    assert "hush" not in str(caught.value)
