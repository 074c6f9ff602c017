"""``dev.py simulate devices``: a dock with a scale and scanners, played against a host that is up."""

import json
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any
from urllib.parse import quote

from devtools.console import Console
from devtools.errors import ApiError, DevError
from devtools.http_client import HttpClient
from devtools.project import Project

DEFAULT_HOST = "http://127.0.0.1:7071"

_SAMPLE = "PO-2025-0815"
_PATIENCE = 60.0
_MOST_ORDERS = 3
_RUNNING = ("checking", "claiming", "routing", "goods")


@dataclass(frozen=True)
class Count:
    """One signal: what a device counted of a line. ``again``: it repeats the one before, with the same id."""

    device: str
    line: str
    quantity: Decimal
    unit: str
    id: str
    remark: str = ""


class Dock:
    """Devices that count goods, and the host that they tell of it."""

    def __init__(self, http: HttpClient, console: Console) -> None:
        self._http = http
        self._console = console

    def check(self) -> None:
        """Raises DevError where no host of ours is there."""
        try:
            self._http.get_json("/api/orders?top=1")
        except OSError as error:
            raise DevError(
                f"No host answers at {self._http.base_url} ({error}).",
                hint="start one with `python3 dev.py run`, or name yours with --host URL",
            ) from error
        except ApiError as error:
            if error.status == 401:
                raise DevError("The host asks for a key.", hint="give its function key with --key") from error
            raise

    # ------------------------------------------------------------ what is there

    def open_orders(self) -> list[dict[str, Any]]:
        """The newest orders of which something is still to come, a few at most."""
        listed = self._http.get_json("/api/orders?top=20")["orders"]
        orders = (self._http.get_json(f"/api/orders/{order['id']}") for order in listed)
        return [order for order in orders if not order["complete"] and missing(order)][:_MOST_ORDERS]

    def order(self, name: str) -> dict[str, Any]:
        """One order as it stands."""
        return self._http.get_json(f"/api/orders/{name}")

    # ------------------------------------------------------------ what happens

    def send_order(self, content: bytes) -> str:
        """Send an order in; returns its id."""
        answer = self._http.request(
            "POST", "/api/orders", body=content, headers={"Content-Type": "application/xml"}
        ).json()
        self._say("buyer", f"order {answer['number']} is sent in ({answer['id']})")
        return str(answer["id"])

    def send_invoice(self, content: bytes) -> str:
        """Send an invoice in; returns its id."""
        answer = self._http.request(
            "POST", "/api/invoices", body=content, headers={"Content-Type": "application/xml"}
        ).json()
        self._say("supplier", f"the invoice is sent in ({answer['id']})")
        return str(answer["id"])

    def signal(self, number: str, count: Count) -> None:
        """A device tells what it has counted."""
        body = {
            "line": count.line,
            "quantity": format(count.quantity, "f"),
            "unit": count.unit,
            "by": count.device,
        }
        answer = self._http.request(
            "POST",
            f"/api/signals/goods-received/{quote(number, safe='')}",
            body=json.dumps(body).encode(),
            headers={"Content-Type": "application/json", "Idempotency-Key": count.id},
        )
        waiting = int(answer.json()["waiting"])
        became = "it is known: counts once" if answer.status == 200 else _waits(waiting)
        remark = f"  ({count.remark})" if count.remark else ""
        self._say(count.device, f"{count.quantity:f} {count.unit} of line {count.line}: {became}{remark}")

    def wait_until(self, invoice: str, over: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
        """Ask for an invoice until it is so far; the last answer where that takes too long."""
        deadline = time.monotonic() + _PATIENCE
        while True:
            status = self._http.get_json(f"/api/invoices/{invoice}")
            if over(status) or time.monotonic() > deadline:
                return status
            time.sleep(0.5)

    # ------------------------------------------------------------ what came of it

    def show(self, order: str) -> None:
        """The three numbers of each line."""
        self._console.line()
        self._console.line(f"{'line':<6}{'what':<34}{'ordered':>10}{'received':>10}{'billed':>10}  unit")
        for line in self.order(order)["lines"]:
            name = str(line["name"] or "")[:32]
            numbers = "".join(f"{_plain(line[field]):>10}" for field in ("quantity", "received", "billed"))
            self._console.line(f"{line['id']:<6}{name:<34}{numbers}  {line['unit']}")
        self._console.line()

    def tell(self, status: dict[str, Any]) -> None:
        """What became of the invoice, in words."""
        phase, approval = status["phase"], status["approval"]
        if status["status"] != "running":
            self._console.line(f"The invoice is {status['status']}: nobody had to look at it.")
        elif phase == "goods":
            self._console.line("The invoice still waits for goods.")
        elif approval:
            match = self._http.get_json(f"/api/approvals/{approval}").get("match")
            why = f"its goods {_verdict(match)}" if match else "its goods were not compared"
            self._console.line(f"The invoice goes on ({why}), and waits for a person:")
            self._console.line(f"  {self._http.base_url}/approvals/{approval}")
        self._console.line(f"The goods receipts of this host: {self._http.base_url}/receipts")

    def _say(self, who: str, what: str) -> None:
        self._console.line(f"  {who:<18}{what}")


def devices(project: Project, console: Console, host: str, key: str | None, *, sample: bool) -> int:
    """Play a dock; returns the exit code."""
    dock = Dock(HttpClient(host, timeout=30, headers={"x-functions-key": key} if key else {}), console)
    dock.check()
    orders = [] if sample else dock.open_orders()
    if not orders:
        _play_sample(project, console, dock)
    for order in orders:
        _play_order(console, dock, order)
    return 0


def _play_sample(project: Project, console: Console, dock: Dock) -> None:
    """An order and an invoice of our own, with signals early, in parts, twice and out of order."""
    stamp = datetime.now(UTC).strftime("%y%m%d-%H%M%S")
    number = f"PO-{stamp}"
    folder = project.root / "samples" / "orders"

    def document(name: str) -> bytes:
        return (folder / name).read_bytes().replace(_SAMPLE.encode(), number.encode())

    console.line(f"A dock is played: order {number} of the samples, its goods, and its invoice.")
    console.line()
    paper = Count("scanner 1", "2", Decimal(25), "XPK", f"{stamp}-scanner1-1", "early: no order, no invoice")
    dock.signal(number, paper)
    order = dock.send_order(document(f"order-{_SAMPLE}.xml"))
    invoice = dock.send_invoice(document(f"invoice-of-{_SAMPLE}.xml"))
    status = dock.wait_until(invoice, lambda one: one["phase"] not in ("checking", "claiming", "routing"))
    if status["phase"] != "goods":
        console.line()
        console.line("This invoice does not wait for its goods: the policy of the host has no section")
        console.line("goods_receipt. docs/goods-receipt.md has one to copy into policy.json.")
        dock.tell(status)
        return

    console.line("  settle            the invoice waits for its goods")
    for count in (
        Count("scale 1", "1", Decimal("248.5"), "KGM", f"{stamp}-scale1-2", "the second pallet came first"),
        Count("scanner 2", "3", Decimal(60), "H87", f"{stamp}-scanner2-1"),
        Count("scale 1", "1", Decimal("251.5"), "KGM", f"{stamp}-scale1-1"),
        Count("scale 1", "1", Decimal("251.5"), "KGM", f"{stamp}-scale1-1", "the line was bad: sent again"),
        Count("scanner 1", "2", Decimal(15), "XPK", f"{stamp}-scanner1-2"),
    ):
        dock.signal(number, count)
    _end(console, dock, order, dock.wait_until(invoice, lambda one: one["phase"] not in _RUNNING))


def _play_order(console: Console, dock: Dock, order: dict[str, Any]) -> None:
    """What is missing of an order comes: each line in two parts, the first of them told twice."""
    number = str(order["number"])
    stamp = datetime.now(UTC).strftime("%y%m%d-%H%M%S")
    console.line(f"Goods of order {number} come: {order['id']}")
    console.line()
    for line, quantity, unit in missing(order):
        half = (quantity / 2).quantize(Decimal(1)) if quantity > 1 else quantity
        device = "scale 1" if unit == "KGM" else "scanner 1"
        parts = [part for part in (half, quantity - half) if part]
        for place, part in enumerate(parts):
            count = Count(device, line, part, unit, f"{stamp}-{line}-{place}"[:200])
            dock.signal(number, count)
            if place == 0:
                dock.signal(number, count)
    invoices = [one["ref"] for one in dock.order(order["id"])["invoices"] if one["counts"]]
    alone = [ref for ref in invoices if "/" not in ref]
    if not alone:
        console.line("  No invoice that came alone bills this order yet; what has come is kept for it.")
        dock.show(order["id"])
        return
    _end(console, dock, order["id"], dock.wait_until(alone[-1], lambda one: one["phase"] not in _RUNNING))


def missing(order: dict[str, Any]) -> list[tuple[str, Decimal, str]]:
    """Line, quantity and unit of what has not come of an order."""
    lines = [
        (str(line["id"]), Decimal(line["quantity"]) - Decimal(line["received"]), str(line["unit"]))
        for line in order["lines"]
    ]
    return [(line, quantity, unit) for line, quantity, unit in lines if quantity > 0]


def _end(console: Console, dock: Dock, order: str, status: dict[str, Any]) -> None:
    dock.show(order)
    dock.tell(status)


def _plain(number: str) -> str:
    """Without zeros that say nothing."""
    return number.rstrip("0").rstrip(".") if "." in number else number


def _waits(count: int) -> str:
    if not count:
        return "kept, nobody waits for it yet"
    return "one invoice is told" if count == 1 else f"{count} invoices are told"


def _verdict(match: dict[str, Any]) -> str:
    return "match its order" if match["verdict"] == "matched" else "do not match its order"
