"""Reading the reference rates of the European Central Bank: `eurofxref-daily.xml`, and files of many days.

    <gesmes:Envelope …><Cube><Cube time="2026-11-27"><Cube currency="USD" rate="1.0412"/>…

The same rates come as CSV (`eurofxref.csv`, and zipped), with a column for each currency. One euro is worth
so much of each currency.
"""

from __future__ import annotations

import csv
import io
import re
import zipfile
import zlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal

from invoicing import texts
from invoicing.safe_xml import BadDocument, Element, local_name, parse

#: The file of one day has 2 KB, that of ninety days 150 KB.
LARGEST = 1024 * 1024
MOST_DAYS = 100
MOST_CURRENCIES = 200
BASE = "EUR"

_CURRENCY = re.compile(r"[A-Z]{3}")
_RATE = re.compile(r"[0-9]{1,9}(\.[0-9]{1,10})?")
_ZIP_MAGIC = b"PK\x03\x04"
_NO_RATE = ("", "N/A")


class BadRates(Exception):
    """A file of rates cannot be used; the text says why, for an operator."""


@dataclass(frozen=True)
class DayRates:
    """The rates of one day: how much of each currency one euro is worth."""

    day: date
    rates: dict[str, Decimal]


def read(content: bytes) -> tuple[DayRates, ...]:
    """The rates of each day in a file, the newest first. Raises BadRates."""
    if len(content) > LARGEST:
        raise BadRates(f"the file has more than {LARGEST // 1024} KiB")
    if content.startswith(_ZIP_MAGIC):
        content = _unzipped(content)
    begin = content.lstrip(b"\xef\xbb\xbf \t\r\n")[:5]
    days = _from_csv(content) if begin[:4].lower() == b"date" else _from_xml(content)

    found: dict[date, DayRates] = {}
    for one in days:
        if one.day in found:
            raise BadRates(f"the file has the day {one.day} twice")
        if len(found) == MOST_DAYS:
            raise BadRates(f"the file has more than {MOST_DAYS} days")
        found[one.day] = one
    if not found:
        raise BadRates("the file has no rates: it is not one of the ECB's reference rates")
    return tuple(sorted(found.values(), key=lambda one: one.day, reverse=True))


# ---------------------------------------------------------------- XML


def _from_xml(content: bytes) -> Iterator[DayRates]:
    try:
        root = parse(content)
    except BadDocument as error:
        raise BadRates(str(error)) from None
    for cube in root.iter("{*}Cube"):
        if (day := cube.get("time")) is not None:
            yield _day(_iso_day(day), _cubes(cube))


def _cubes(day: Element) -> Iterator[tuple[str, str]]:
    for cube in day:
        if local_name(cube) == "Cube":
            yield cube.get("currency", ""), cube.get("rate", "")


# ---------------------------------------------------------------- CSV


def _unzipped(content: bytes) -> bytes:
    """The one file in a zip, at most as large as a file may be."""
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            members = archive.infolist()
            if len(members) != 1:
                raise BadRates(f"the zip has {len(members)} files; it should have the one with the rates")
            with archive.open(members[0]) as member:
                found = member.read(LARGEST + 1)
    except (zipfile.BadZipFile, zlib.error, EOFError, RuntimeError, NotImplementedError, ValueError) as error:
        raise BadRates(f"the zip is damaged ({type(error).__name__})") from None
    if len(found) > LARGEST:
        raise BadRates(f"the file in the zip has more than {LARGEST // 1024} KiB")
    return found


def _from_csv(content: bytes) -> Iterator[DayRates]:
    try:
        rows = csv.reader(io.StringIO(content.decode("utf-8-sig"), newline=""), skipinitialspace=True)
        header = [name.strip() for name in next(rows)][1:]
        for row in rows:
            values = [value.strip() for value in row]
            if any(values):
                given = zip(header, values[1:], strict=False)
                stated = ((name, value) for name, value in given if name and value not in _NO_RATE)
                yield _day(_csv_day(values[0]), stated)
    except (UnicodeDecodeError, csv.Error) as error:
        raise BadRates(f"the CSV cannot be read ({type(error).__name__})") from None


def _csv_day(text: str) -> date:
    """`27 November 2026` in the file of one day, `2026-11-27` in that of many."""
    try:
        return datetime.strptime(text, "%d %B %Y").date()
    except ValueError:
        return _iso_day(text)


# ---------------------------------------------------------------- values


def _iso_day(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise BadRates(f"{texts.quoted(text)} is not a day") from None


def _day(day: date, stated: Iterable[tuple[str, str]]) -> DayRates:
    rates: dict[str, Decimal] = {}
    for currency, text in stated:
        if not _CURRENCY.fullmatch(currency) or currency == BASE:
            raise BadRates(f"{texts.quoted(currency)} on {day} is not the code of a currency")
        if currency in rates:
            raise BadRates(f"{currency} has two rates on {day}")
        if not _RATE.fullmatch(text) or not Decimal(text):
            raise BadRates(f"{texts.quoted(text)} on {day} is not a rate of {currency}")
        rates[currency] = Decimal(text)
        if len(rates) > MOST_CURRENCIES:
            raise BadRates(f"the day {day} has more than {MOST_CURRENCIES} currencies")
    if not rates:
        raise BadRates(f"the day {day} has no rates")
    return DayRates(day, rates)
