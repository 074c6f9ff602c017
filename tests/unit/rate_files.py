"""Files of exchange rates as the ECB writes them, for tests."""

from __future__ import annotations

import io
import zipfile
from datetime import UTC, date, datetime
from decimal import Decimal

from invoicing.records.rates import RateTable

USUAL = {"USD": "1.0412", "JPY": "161.25", "CHF": "0.9291"}


def daily(*days: tuple[str, dict[str, str]], head: str = "", tail: str = "") -> bytes:
    """`eurofxref-daily.xml`, or the file of many days."""
    cubes = "".join(
        f"<Cube time='{day}'>"
        + "".join(f"<Cube currency='{code}' rate='{rate}'/>" for code, rate in rates.items())
        + "</Cube>"
        for day, rates in days
    )
    return (
        f'<?xml version="1.0" encoding="UTF-8"?>{head}'
        '<gesmes:Envelope xmlns:gesmes="http://www.gesmes.org/xml/2002-08-01" '
        'xmlns="http://www.ecb.int/vocabulary/2002-08-01/eurofxref">'
        "<gesmes:subject>Reference rates</gesmes:subject>"
        "<gesmes:Sender><gesmes:name>European Central Bank</gesmes:name></gesmes:Sender>"
        f"<Cube>{cubes}</Cube>{tail}</gesmes:Envelope>"
    ).encode()


def zipped(*files: bytes) -> bytes:
    """`eurofxref.zip`."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for number, content in enumerate(files):
            archive.writestr(f"eurofxref{number}.csv", content)
    return buffer.getvalue()


def table(day: str, fetched: datetime | None = None, **rates: str) -> RateTable:
    """The rates of a day as they are stored; they came at 15 o'clock."""
    on = date.fromisoformat(day)
    return RateTable(
        day=on,
        base="EUR",
        rates={code: Decimal(rate) for code, rate in (rates or USUAL).items()},
        fetched=fetched or datetime(on.year, on.month, on.day, 15, tzinfo=UTC),
        source="www.ecb.europa.eu",
    )
