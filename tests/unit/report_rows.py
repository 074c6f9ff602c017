"""Result rows as a batch has them, for tests of the report; any number, always the same."""

import random
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

from invoicing.records.document import DocumentRow

_SUPPLIERS = [
    ("Nordlicht Bürobedarf GmbH", "DE123456789", "DE", "EUR"),
    ("Atelier Dubois SARL", "FR40303265045", "FR", "EUR"),
    ("Svea Kontorsmaterial AB", "SE556703748501", "SE", "SEK"),
    ("De Vries Transport B.V.", "NL123456782B90", "NL", "EUR"),
    ("Zakłady Metalowe Wisła Sp. z o.o.", "PL5260001246", "PL", "PLN"),
    ("Kanzlei Dr. Ebner & Partner Rechtsanwälte und Steuerberater mbB", "ATU13585627", "AT", "EUR"),
]
_BROKEN = [
    (
        "BR-CO-15",
        "fatal",
        "[BR-CO-15]-Invoice total amount with VAT (BT-112) = total without VAT + VAT.",
        "en16931",
    ),
    (
        "BR-DE-15",
        "fatal",
        '[BR-DE-15] Das Element "Buyer reference" (BT-10) muss übermittelt werden.',
        "xrechnung",
    ),
    ("SETTLE-SUM-LINES", "fatal", "The lines add up to 118.00, the invoice says 181.00.", "settle"),
]
_REMARK = ("SETTLE-IBAN", "warning", "The IBAN DE00 1234 has a wrong check number.", "settle")


def finding(rule: str, severity: str, text: str, source: str) -> dict[str, Any]:
    """A finding as it stands in a row."""
    return {"rule": rule, "severity": severity, "text": text, "place": "/Invoice[1]", "source": source}


def invoice(**changes: Any) -> dict[str, Any]:
    """An invoice of 100.00 net and 19.00 VAT, with whatever is to be different."""
    return {
        "number": "RE-1",
        "type_code": "380",
        "issue_date": "2026-03-01",
        "due_date": "2026-03-31",
        "currency": "EUR",
        "seller": "Nordlicht Bürobedarf GmbH",
        "seller_vat_id": "DE123456789",
        "seller_legal_id": None,
        "seller_country": "DE",
        "buyer": "Hansa Werkzeuge GmbH",
        "order_reference": "PO-77",
        "net": "100.00",
        "tax": "19.00",
        "gross": "119.00",
        "payable": "119.00",
        "tax_breakdown": [{"category": "S", "rate": "19.00", "taxable": "100.00", "tax": "19.00"}],
        "iban": "DE75512108001245126199",
        "accounts": ["DE75512108001245126199"],
        **changes,
    }


def row(n: int = 1, **changes: Any) -> dict[str, Any]:
    """A valid row, with whatever is to be different."""
    return {
        "n": n,
        "name": f"inbox/rechnung-{n:05d}.xml",
        "size": 8123,
        "sha256": f"{n:064x}",
        "kind": "ubl-invoice",
        "profile": "urn:cen.eu:en16931:2017",
        "en16931": True,
        "checked": ["en16931"],
        "fully_checked": True,
        "outcome": "valid",
        "invoice": invoice(number=f"RE-{n}"),
        "claim": f"{n:032x}",
        "findings": [],
        **changes,
    }


def typed(written: dict[str, Any]) -> DocumentRow:
    """A row as the report gets it."""
    return DocumentRow.model_validate(written)


def rows(count: int, seed: int = 1) -> Iterator[dict[str, Any]]:
    """Rows of all outcomes: one in ten with an error, a few duplicates and unreadable files."""
    rng = random.Random(seed)
    for n in range(1, count + 1):
        yield _mixed(n, rng)


def _mixed(n: int, rng: random.Random) -> dict[str, Any]:
    seller, vat_id, country, currency = rng.choice(_SUPPLIERS)
    net = Decimal(rng.randrange(2_000, 900_000)) / 100
    rate = rng.choice(["19.00", "7", "0"])
    tax = (net * Decimal(rate) / 100).quantize(Decimal("0.01"))
    document = invoice(
        number=f"RE-2026-{n:05d}",
        type_code=rng.choice(["380"] * 9 + ["381"]),
        seller=seller,
        seller_vat_id=vat_id,
        seller_country=country,
        currency=currency,
        net=str(net),
        tax=str(tax),
        gross=str(net + tax),
        payable=str(net + tax),
        tax_breakdown=[
            {"category": "Z" if rate == "0" else "S", "rate": rate, "taxable": str(net), "tax": str(tax)}
        ],
    )
    chance = rng.random()
    if chance < 0.10:
        broken = [finding(*one) for one in rng.sample(_BROKEN, rng.randint(1, 3))]
        return row(n, outcome="invalid", invoice=document, findings=[*broken, *broken[:1]])
    if chance < 0.12:
        text = "The supplier sent an invoice of this number before: it is document 3 of this batch."
        found = [finding("SETTLE-DUPLICATE", "fatal", text, "settle")]
        return row(n, outcome="duplicate", invoice=document, findings=found)
    if chance < 0.13:
        found = [finding("SETTLE-NOT-INVOICE", "fatal", "The file is a letter, not an invoice.", "file")]
        return row(n, kind=None, outcome="unreadable", invoice=None, claim=None, findings=found)
    remarks = [finding(*_REMARK)] if chance < 0.25 else []
    return row(n, kind=rng.choice(["ubl-invoice", "cii", "pdf-cii"]), invoice=document, findings=remarks)
