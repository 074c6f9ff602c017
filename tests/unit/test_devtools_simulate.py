"""`dev.py simulate devices`: what it sends to a host, and what it says of it."""

from __future__ import annotations

import io
import json
from email.message import Message
from typing import Any

import pytest

from devtools import simulate
from devtools.console import Console
from devtools.errors import ApiError, DevError
from devtools.http_client import Answer
from devtools.project import Project

INVOICE = "i" + "1" * 24


class FakeHost:
    """A host that keeps one order, knows which signals came, and matches when all has come."""

    base_url = "http://settle.example"

    def __init__(self, waits: bool = True) -> None:
        self.waits = waits
        self.ids: list[str] = []
        self.lines: list[dict[str, Any]] = []
        self.sent: list[bytes] = []

    def request(self, method: str, address: str, *, body: bytes, headers: dict[str, str]) -> Answer:
        status, answer = 202, {"waiting": 1}
        if "/signals/" in address:
            known = headers["Idempotency-Key"] in self.ids
            self.ids.append(headers["Idempotency-Key"])
            status = 200 if known else 202
            said = json.loads(body)
            for line in [] if known else self.lines:
                if line["id"] == said["line"]:
                    line["received"] = str(float(line["received"]) + float(said["quantity"]))
        else:
            self.sent.append(body)
            if address == "/api/orders":
                self._take_order()
                answer = {"id": "o1", "number": "PO-9"}
            else:
                answer = {"id": INVOICE}
        return Answer(status, Message(), json.dumps(answer).encode())

    def get_json(self, address: str) -> Any:
        if address.startswith("/api/orders?"):
            return {"orders": [{"id": "o1"}] if self.lines else []}
        if address.startswith("/api/orders/"):
            invoices = [{"ref": INVOICE, "counts": True}] if self.sent else []
            return {
                "id": "o1",
                "number": "PO-9",
                "complete": False,
                "lines": self.lines,
                "invoices": invoices,
            }
        if address.startswith("/api/approvals/"):
            return {"match": {"verdict": "matched"}}
        waiting = self.waits and any(float(one["received"]) < float(one["quantity"]) for one in self.lines)
        phase = "goods" if waiting else "approval"
        return {"status": "running", "phase": phase, "approval": None if waiting else "a1"}

    def _take_order(self) -> None:
        wanted = (("1", "500", "KGM"), ("2", "15", "XPK"), ("3", "60", "H87"))
        self.lines = [
            {"id": id, "quantity": quantity, "received": "0", "billed": quantity, "unit": unit, "name": "x"}
            for id, quantity, unit in wanted
        ]


def played(monkeypatch: pytest.MonkeyPatch, host: FakeHost, *, sample: bool = False) -> str:
    """What the command says."""
    monkeypatch.setattr(simulate, "HttpClient", lambda *_, **__: host)
    said = io.StringIO()
    console = Console(said, terminal=False)
    assert simulate.devices(Project.here(), console, host.base_url, None, sample=sample) == 0
    return said.getvalue()


def test_sample_is_played_where_no_order_is_open(monkeypatch: pytest.MonkeyPatch) -> None:
    """Early, out of order, twice; and what became of the invoice."""
    host = FakeHost()
    said = played(monkeypatch, host)
    assert "the invoice waits for its goods" in said
    assert "it is known: counts once" in said
    assert "its goods match its order" in said
    assert "500       500       500  KGM" in said
    assert len(host.ids) == len(set(host.ids)) + 1
    assert all(b"PO-2025-0815" not in body for body in host.sent), "the numbers are new ones"


def test_open_orders_are_played(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is missing comes; nothing is sent in."""
    host = FakeHost()
    host._take_order()
    host.sent.append(b"before")
    said = played(monkeypatch, host)
    assert "Goods of order PO-9 come" in said
    assert host.sent == [b"before"]
    assert [line["received"] for line in host.lines] == ["500.0", "15.0", "60.0"]


def test_host_that_compares_nothing_is_explained(monkeypatch: pytest.MonkeyPatch) -> None:
    """A newcomer is told what to do."""
    said = played(monkeypatch, FakeHost(waits=False), sample=True)
    assert "has one to copy into policy.json" in said


@pytest.mark.parametrize("error", [ConnectionRefusedError("no"), ApiError(401, "", "no key")])
def test_host_that_is_not_there_or_asks_for_a_key(monkeypatch: pytest.MonkeyPatch, error: Exception) -> None:
    """Each says what to do."""
    host = FakeHost()

    def fails(address: str) -> Any:
        raise error

    host.get_json = fails
    with pytest.raises(DevError) as caught:
        played(monkeypatch, host)
    assert "--" in caught.value.hint
