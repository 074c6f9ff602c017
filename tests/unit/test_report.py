"""The report in its four formats: complete, safe to open, and flat in memory."""

import csv
import io
import json
import time
import tracemalloc
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from html.parser import HTMLParser
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from openpyxl import load_workbook

from invoicing.records.base import BatchId
from invoicing.records.batch_steps import ReportFormat
from invoicing.records.document import DocumentRow
from invoicing.records.report import BatchTotals, ReportHead
from invoicing.report import WRITERS, Totals, write_csv, write_html, write_json, write_xlsx
from invoicing.report.as_csv import safe_cell
from invoicing.report.words import plain
from tests.unit.report_rows import finding, invoice, row, rows, typed

HEAD = ReportHead(
    batch=BatchId("b-1"),
    created=datetime(2026, 11, 22, 11, 52, tzinfo=UTC),
    finished=datetime(2026, 11, 22, 11, 52, 9, tzinfo=UTC),
    source="march.zip",
)
FORMULAS = [
    "=1+1",
    "+1+1",
    "-1+1",
    "@SUM(A1)",
    "\t=1+1",
    "\r=1+1",
    " =1",
    "＝1+1",
    '"=1',
    "=cmd|' /C calc'!A0",
    "--1",
]


class _Sink(io.RawIOBase):
    """Counts bytes and keeps none."""

    def __init__(self) -> None:
        self.size = 0
        self.largest = 0

    def writable(self) -> bool:
        return True

    def write(self, data: Any) -> int:
        self.size += len(data)
        self.largest = max(self.largest, len(data))
        return len(data)


def _totals(data: Iterable[DocumentRow]) -> BatchTotals:
    totals = Totals()
    for one in data:
        totals.add(one)
    return totals.result()


def _written(form: ReportFormat, data: Iterable[dict[str, Any]], head: ReportHead = HEAD) -> bytes:
    return _report(form, [typed(one) for one in data], head)


def _report(form: ReportFormat, data: list[DocumentRow], head: ReportHead = HEAD) -> bytes:
    out = io.BytesIO()
    WRITERS[form][1](head, _totals(data), data, out)
    return out.getvalue()


def _csv(data: list[dict[str, Any]]) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(_written("csv", data).decode("utf-8-sig"), newline="")))


def _sheets(data: list[dict[str, Any]]) -> Any:
    return load_workbook(io.BytesIO(_written("xlsx", data)))


class _Page(HTMLParser):
    """What a browser would make of the page: text, tags, links and ids; fails on tags that do not match."""

    _EMPTY = frozenset({"meta", "link", "rect"})

    def __init__(self, source: bytes) -> None:
        super().__init__()
        self.words: list[str] = []
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self._open: list[str] = []
        self.feed(source.decode("utf-8"))
        assert self._open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in self._EMPTY:
            self._open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        if tag in self._EMPTY:  # a rect with a title in it is closed in writing
            return
        assert self._open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.words.append(data)

    @property
    def text(self) -> str:
        return " ".join(" ".join(self.words).split())

    def all(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.tags if name == tag]


def test_json_has_head_totals_and_every_row() -> None:
    """Rows are as they came."""
    data = list(rows(60))
    report = json.loads(_written("json", data))
    totals = _totals(map(typed, data)).as_plain()
    assert (report["head"], report["totals"]) == (HEAD.as_plain(), totals)
    assert report["head"]["created"] == "2026-11-22T11:52:00.000+00:00"
    assert report["documents"] == data
    assert json.loads(_written("json", []))["documents"] == []


def test_csv_has_one_line_per_document() -> None:
    """RFC 4180 with a byte-order mark; amounts are plain numbers."""
    content = _written("csv", [row(1, invoice=invoice(gross="-119.00", buyer='A "B", C\nD'))])
    assert content.startswith(b"\xef\xbb\xbf")
    assert content.count(b"\r\n") == content.count(b"\n") == 2
    (line,) = _csv([row(1, invoice=invoice(gross="-119.00", buyer='A "B", C\nD'))])
    assert (line["No."], line["Outcome"], line["Gross"], line["Net"]) == (
        "1",
        "In order",
        "-119.00",
        "100.00",
    )
    assert line["Buyer"] == 'A "B", C D'
    assert len(_csv(list(rows(1234)))) == 1234


@pytest.mark.parametrize("text", FORMULAS)
def test_csv_cell_cannot_become_a_formula(text: str) -> None:
    """Neither by its start nor after a line break that would start a new cell."""
    (line,) = _csv(
        [row(1, name=text, invoice=invoice(seller=text, number=text, order_reference="x\n" + text))]
    )
    for heading in ("File", "Supplier", "Number"):
        assert line[heading].startswith("'"), heading
    assert line["Order"].startswith("x ")


@pytest.mark.parametrize("number", ["-5", "-100.00", "0", "12.5", "-0.01"])
def test_csv_number_stays_a_number(number: str) -> None:
    """A minus before digits is a sign, not a formula."""
    assert safe_cell(number) == number


@pytest.mark.parametrize("text", ["a;=1+1", "a,@x", 'a"=1', "a | =1", "a;+cmd"])
def test_csv_cell_that_another_separator_would_cut_is_safe_too(text: str) -> None:
    """Excel in Germany cuts at semicolons, also within quotes that begin in the middle."""
    assert "'" in safe_cell(text)


@given(st.text(max_size=30))
def test_csv_cell_never_begins_like_a_formula(text: str) -> None:
    """Whatever the text: a number, or nothing that calculates."""
    cell = safe_cell(text)
    begins = cell.lstrip().startswith(("=", "+", "-", "@", "＝", "＋", "－", "＠"))
    assert not begins or cell.lstrip("-").replace(".", "").isdecimal()
    assert not set(cell) & set("\r\n\t\x00")


def test_spreadsheet_has_documents_findings_and_totals() -> None:
    """Amounts are numbers, dates are dates, each finding has its line."""
    error = finding("BR-CO-15", "fatal", "[BR-CO-15]-…", "en16931")
    book = _sheets([row(1), row(2, outcome="invalid", findings=[error, error])])
    assert book.sheetnames == ["Documents", "Findings", "Totals"]
    heading, first, _ = book["Documents"].iter_rows(values_only=True)
    line = dict(zip(heading, first, strict=True))
    assert (line["Gross"], line["Number"], line["Outcome"]) == (119, "RE-1", "In order")
    assert line["Issued"].isoformat() == "2026-03-01T00:00:00"
    findings = list(book["Findings"].iter_rows(min_row=2, values_only=True))
    assert [(f[0], f[5], f[6]) for f in findings] == [(2, "BR-CO-15", plain("BR-CO-15"))] * 2
    cells = [c for line in book["Totals"].iter_rows(values_only=True) for c in line if c is not None]
    assert {"march.zip", "By supplier", "Nordlicht Bürobedarf GmbH", "By VAT rate", "By rule"} <= set(cells)


@pytest.mark.parametrize("text", [*FORMULAS, "http://example.com", "mailto:a@example.com", "{=1}", "0001"])
def test_spreadsheet_text_stays_text(text: str) -> None:
    """No formula, no link, no number out of an invoice number with leading zeros."""
    found = [finding("X-1", "fatal", text, "settle")]
    book = _sheets([row(1, name=text, invoice=invoice(number=text, seller=text), findings=found)])
    for sheet in book:
        for line in sheet.iter_rows():
            assert all(cell.data_type != "f" and cell.hyperlink is None for cell in line)
    assert book["Documents"]["E2"].data_type == "s"
    assert book["Documents"]["E2"].value.strip("\ufffd") == text.strip("\r")


def test_spreadsheet_survives_odd_text_and_numbers() -> None:
    """Control characters, surrogates, endless text, dates before 1900 and absurd amounts."""
    odd = invoice(
        seller="a\x00\x1b\ufffe" + "x" * 40_000,
        issue_date="1066-10-14",
        due_date=None,
        gross="1E+400",
    )
    # Nothing that is stored has half a character.
    data = [typed(row(1, invoice=odd)).model_copy(update={"name": "odd\ud800.xml"})]
    sheet = load_workbook(io.BytesIO(_report("xlsx", data)))["Documents"]
    assert sheet["B2"].value == "odd\ufffd.xml"
    assert sheet["G2"].value == "1066-10-14"
    assert sheet["H2"].value is None
    assert sheet["Q2"].value == 0


def test_spreadsheet_says_how_many_findings_found_no_room(monkeypatch: pytest.MonkeyPatch) -> None:
    """A sheet has an end; the report of a large batch does not fail there."""
    monkeypatch.setattr("invoicing.report.as_xlsx.MAX_ROWS", 11)
    found = [finding("X-1", "fatal", "x", "settle")] * 4
    book = _sheets([row(n, findings=found) for n in range(1, 5)])
    assert book["Findings"].max_row == 11
    notes = [line for line in book["Totals"].iter_rows(values_only=True) if "left out" in str(line[0])]
    assert [note[1] for note in notes] == [6]


@pytest.mark.parametrize("form", list(WRITERS))
def test_equal_rows_make_equal_bytes(form: ReportFormat) -> None:
    """A repeated activity writes the same blob, also a second later."""
    data = list(rows(40))
    first = _written(form, data)
    if form == "xlsx":
        time.sleep(1.1)
    assert _written(form, data) == first


@pytest.mark.parametrize("form", list(WRITERS))
def test_report_of_an_empty_batch(form: ReportFormat) -> None:
    """No document is required, and the source needs no name."""
    assert _written(form, [], HEAD.model_copy(update={"source": ""}))


def test_page_shows_every_document_with_a_link_to_it() -> None:
    """Those that need attention stand before those in order."""
    data = list(rows(200))
    source = _written("html", data)
    page = _Page(source)
    links = [a["href"] for a in page.all("a")]
    assert {f"documents/{n}" for n in range(1, 201)} <= set(links)
    assert {"report?format=csv", "report?format=xlsx", "report?format=json"} <= set(links)
    shown = [
        int((link or "").removeprefix("documents/"))
        for link in links
        if (link or "").startswith("documents/")
    ]
    wrong = [one["n"] for one in data if one["outcome"] != "valid"]
    assert shown == wrong + [one["n"] for one in data if one["outcome"] == "valid"]


def test_page_says_findings_in_plain_words() -> None:
    """The plain sentence, the official text, and the same finding once with its count."""
    error = finding("BR-CO-15", "fatal", "[BR-CO-15]-Invoice total amount", "en16931")
    text = _Page(_written("html", [row(1, outcome="invalid", findings=[error] * 3), row(2)])).text
    assert "2 documents, 1 needs attention" in text
    assert "The total with VAT is not the total without VAT plus the VAT. (3 times)" in text
    assert text.count("[BR-CO-15]-Invoice total amount") == 1


def test_page_limits_the_findings_of_one_document() -> None:
    """One broken file does not bury the others; the rest is counted."""
    found = [finding(f"X-{n}", "fatal", f"text {n}", "settle") for n in range(500)]
    text = _Page(_written("html", [row(1, outcome="invalid", findings=found)])).text
    assert "and 488 more" in text


def test_page_takes_nothing_from_elsewhere_and_runs_nothing() -> None:
    """No script, no handler, no style attribute, one style element, no address outside of the batch."""
    page = _Page(_written("html", list(rows(50))))
    assert not {"script", "img", "iframe", "object", "form"} & {tag for tag, _ in page.tags}
    assert len(page.all("style")) == 1
    for _, attributes in page.tags:
        assert not [name for name in attributes if name.startswith("on") or name == "style"]
        address = attributes.get("href") or attributes.get("src") or ""
        assert address.startswith(("#", "documents/", "report?format=", "data:,")) or not address


def test_page_escapes_what_came_from_documents() -> None:
    """Names, numbers, suppliers, findings, places and the source's name."""
    evil = "</style><script>alert(1)</script>\"'><b onclick=x>"
    found = [finding(evil, "fatal", evil, "settle") | {"place": evil}]
    bad = invoice(number=evil, seller=evil, currency=evil, buyer=evil, seller_country=evil)
    data = [
        row(1, name=evil, invoice=bad, outcome="invalid", findings=found),
        row(2, name=evil, invoice=bad, findings=[{**found[0], "severity": "warning"}]),
    ]
    source = _written("html", data, HEAD.model_copy(update={"source": evil, "batch": evil}))
    page = _Page(source)
    assert "script" not in [tag for tag, _ in page.tags]
    assert "<script" not in source.decode()
    assert all("onclick" not in attributes for _, attributes in page.tags)


def test_page_is_usable_without_seeing_it() -> None:
    """Language, title, one h1, unique ids, described charts, headed tables, a link to skip to the content."""
    page = _Page(_written("html", list(rows(80))))
    assert page.all("html") == [{"lang": "en"}]
    assert len(page.all("h1")) == 1
    assert page.tags[[tag for tag, _ in page.tags].index("head") + 3][0] == "title"
    ids = [attributes["id"] for _, attributes in page.tags if "id" in attributes]
    assert len(ids) == len(set(ids))
    charts = page.all("svg")
    assert len(charts) == 3
    for chart in charts:
        assert chart["role"] == "img"
        assert set((chart["aria-labelledby"] or "").split()) <= set(ids)
    assert all(th.get("scope") in ("col", "row") for th in page.all("th"))
    anchors = {(a["href"] or "")[1:] for a in page.all("a") if (a["href"] or "").startswith("#")}
    assert anchors <= set(ids)
    assert page.all("a")[0] == {"class": "skip", "href": "#content"}


def test_page_of_a_batch_that_is_all_in_order_says_so() -> None:
    """And lists its documents though nothing needs attention."""
    text = _Page(_written("html", [row(1), row(2)])).text
    assert "2 documents, all in order" in text
    assert "RE-2" in text


@pytest.mark.parametrize(
    ("rule", "words"),
    [
        ("BR-AE-02", "Reverse charge on a line"),
        ("BR-IC-09", "Intra-Community supply"),
        ("BR-CL-14", "official code list"),
        ("BR-DEC-12", "more than two decimals"),
        ("UBL-CR-003", "does not provide for"),
        ("SETTLE-FILE-EMPTY", "no content"),
    ],
)
def test_plain_words_of_a_rule(rule: str, words: str) -> None:
    """Also of families of rules; a rule that nobody knows has none."""
    assert words in (plain(rule) or "")
    assert plain("X-99") is None


class _Made:
    """Rows that are made on the way, each time that they are gone through."""

    def __init__(self, count: int) -> None:
        self._count = count

    def __iter__(self) -> Iterator[DocumentRow]:
        return map(typed, rows(self._count))


def _measured(form: ReportFormat, count: int) -> tuple[float, int, _Sink]:
    """Return seconds, peak memory and the sink of writing so many rows."""
    made, sink = _Made(count), _Sink()
    totals = _totals(made)
    tracemalloc.start()
    started = time.process_time()
    WRITERS[form][1](HEAD, totals, made, sink)  # pyright: ignore[reportArgumentType] - a raw sink is enough
    seconds = time.process_time() - started
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    return seconds, peak, sink


@pytest.mark.parametrize("form", ["json", "csv", "html"])
def test_memory_is_flat_in_the_number_of_rows(form: ReportFormat) -> None:
    """Ten times the rows take no more memory, and no piece is large."""
    _measured(form, 10)  # what is loaded once
    _, small, _ = _measured(form, 1_500)
    _, large, sink = _measured(form, 6_000)
    assert large < small + 1_500_000
    assert sink.largest < 400_000


def test_thousand_rows_take_less_than_a_second_in_all_formats() -> None:
    """About 0.25 s on a machine of 2020; the limit leaves room for a busy one."""
    data = [typed(one) for one in rows(1000)]
    _report("html", data[:1])
    started = time.process_time()
    totals = _totals(data)
    for write in (write_json, write_csv, write_xlsx, write_html):
        write(HEAD, totals, data, io.BytesIO())
    assert time.process_time() - started < 1.0


def test_page_puts_a_plain_sentence_before_a_message_of_the_schema() -> None:
    """What a schema processor says is not for people."""
    found = [finding("SETTLE-SCHEMA", "fatal", "Element 'cbc:X': not expected.", "schema")]
    text = _Page(_written("html", [row(1, outcome="invalid", findings=found)])).text
    assert f"Error: {plain('SETTLE-SCHEMA')} Element 'cbc:X': not expected." in text
