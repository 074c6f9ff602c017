"""Approvals over HTTP, for the end-to-end tests: send an invoice in, find the links, decide, see the end."""

from __future__ import annotations

import itertools
import random
import time
from collections.abc import Callable
from datetime import date
from decimal import Decimal
from typing import Any, TypeVar

import requests

from samples import parties
from samples.document import CREDIT_TRANSFER, Document, Line, Party
from samples.ubl import to_ubl
from tests.e2e import calls

Result = TypeVar("Result")

SENDER = "sue.sender@example.com"
_seed = random.SystemRandom().randrange(2**31)
_numbers = itertools.count(1)


def invoice(
    net: str = "500.00",
    *,
    currency: str = "EUR",
    number: str = "",
    line: str = "Fracht",
    seller: Party = parties.NORDLICHT,
) -> bytes:
    """A valid invoice (UBL) with a number that no host has seen; 19 % VAT come on top."""
    return to_ubl(
        Document(
            number or f"E2E-{_seed}-{next(_numbers)}",
            date(2025, 3, 3),
            seller,
            parties.HANSA,
            (Line(line, Decimal(1), "C62", Decimal(net), Decimal(19)),),
            due=date(2025, 4, 2),
            currency=currency,
            means=CREDIT_TRANSFER,
            buyer_reference="Einkauf",
            order="HW-1",
        )
    )


def account() -> str:
    """A German IBAN that is right, and that no host has seen."""
    digits = f"{random.SystemRandom().randrange(10**18):018}"
    return f"DE{98 - int(digits + '131400') % 97:02}{digits}"


def until(look: Callable[[], Result | None], seconds: float = 60) -> Result:
    """Look until there is something."""
    deadline = time.monotonic() + seconds
    while True:
        found = look()
        if found:
            return found
        assert time.monotonic() < deadline, "it did not come"
        time.sleep(0.2)


class Api:
    """The API of one host as a caller sees it."""

    def __init__(self, base_url: str) -> None:
        self.base = base_url

    def get(self, path: str, **options: Any) -> requests.Response:
        return calls.get(f"{self.base}/api/{path}", timeout=30, **options)

    def post(self, path: str, **options: Any) -> requests.Response:
        return calls.post(f"{self.base}/api/{path}", timeout=30, **options)

    def send(self, content: bytes, sender: str = SENDER, **headers: str) -> str:
        """Send an invoice in; returns its id."""
        answer = self.post(
            "invoices",
            data=content,
            params={"sender": sender} if sender else {},
            headers={"Content-Type": "application/xml"} | headers,
        )
        assert answer.status_code == 202, answer.text
        assert answer.headers["Location"].endswith(answer.json()["id"])
        return answer.json()["id"]

    def waiting(self, content: bytes, sender: str = SENDER) -> Waiting:
        """Send an invoice in and wait until it waits for somebody."""
        name = self.send(content, sender)
        approval = until(lambda: self.get(f"invoices/{name}").json()["approval"])
        until(lambda: (found := self.get(f"approvals/{approval}")).ok and found.json()["waiting_for"])
        return Waiting(self, name, approval)

    def messages(self, approval: str, kind: str) -> dict[str, dict[str, Any]]:
        """The messages of a kind about an approval by person; the newest where there are several.

        `link` is the one to the approval, also where the message is a digest.
        """
        found = self.get("outbox", params={"top": 1000}).json()["messages"]
        items = [(message, item) for message in found for item in message["items"]]
        return {
            message["to"]: {**message, **item}
            for message, item in reversed(items)
            if (item["approval"], item["kind"]) == (approval, kind)
        }

    def ended(self, invoice: str) -> dict[str, Any]:
        """Wait for the end of an invoice, as Logic Apps does: until the status is not 202."""

        def look() -> dict[str, Any] | None:
            answer = self.get(f"invoices/{invoice}")
            assert answer.status_code in (200, 202), answer.text
            return answer.json() if answer.status_code == 200 else None

        return until(look)


class Waiting:
    """An invoice that waits for people."""

    def __init__(self, api: Api, invoice: str, approval: str) -> None:
        self.api, self.invoice, self.approval = api, invoice, approval

    def view(self) -> dict[str, Any]:
        return self.api.get(f"approvals/{self.approval}").json()

    def token(self, person: str, kind: str = "request") -> str:
        """The token of the link that a person got."""
        message = until(lambda: self.api.messages(self.approval, kind).get(person))
        return message["link"].partition("?t=")[2]

    def decide(
        self, token: str, decision: str = "approve", comment: str = "", **more: Any
    ) -> requests.Response:
        body = {"decision": decision, "comment": comment, "t": token} | more
        return self.api.post(f"approvals/{self.approval}/decisions", json=body)

    def stage_is(self, stage: str) -> bool:
        return self.view()["stage"] == stage
