"""What of a folder is sent, and how the summary shows what came out."""

import io
import os
import zipfile
from pathlib import Path
from typing import Any

import pytest

from devtools import documents, summary
from devtools.errors import DevError
from invoicing.document_types import CREDIT_NOTE_TYPES


def _make(folder: Path, *names: str) -> None:
    for name in names:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(name)


def _names_in(content: bytes) -> list[str]:
    return zipfile.ZipFile(io.BytesIO(content)).namelist()


def test_documents_are_all_files_but_those_that_describe_and_make_them(tmp_path: Path) -> None:
    """Files of any type: a wrong one is a finding, not an omission."""
    _make(tmp_path, "b.xml", "a/c.pdf", "notes.txt", "README.md", "expected.json", "make.py", "__init__.py")
    _make(tmp_path, ".hidden", ".git/config", "__pycache__/make.pyc")
    files = documents.find(tmp_path)
    assert _names_in(documents.pack(tmp_path, files)) == ["a/c.pdf", "b.xml", "notes.txt"]


def test_the_same_documents_make_the_same_bytes_whenever_they_were_written(tmp_path: Path) -> None:
    """The app knows a batch again by its content."""
    _make(tmp_path, "a.xml", "b.xml")
    first = documents.pack(tmp_path, documents.find(tmp_path))
    os.utime(tmp_path / "a.xml", (1, 1))
    assert documents.pack(tmp_path, documents.find(tmp_path)) == first
    (tmp_path / "a.xml").write_text("changed")
    assert documents.pack(tmp_path, documents.find(tmp_path)) != first


def test_an_empty_or_missing_folder_is_told(tmp_path: Path) -> None:
    """Before anything is started."""
    with pytest.raises(DevError, match="There are no documents"):
        documents.find(tmp_path)
    with pytest.raises(DevError, match="is not a folder"):
        documents.find(tmp_path / "missing")


def test_the_samples_may_have_a_folder_of_their_own(tmp_path: Path) -> None:
    """Beside their generator."""
    assert documents.default_folder(tmp_path) == tmp_path / "samples"
    (tmp_path / "samples" / "invoices").mkdir(parents=True)
    assert documents.default_folder(tmp_path) == tmp_path / "samples" / "invoices"


def _finding(rule: str, severity: str, text: str = "what is wrong") -> dict[str, Any]:
    return {"rule": rule, "severity": severity, "text": text, "place": None, "source": "en16931"}


def _row(name: str, outcome: str, *findings: dict[str, Any], **invoice: str | None) -> dict[str, Any]:
    return {"name": name, "outcome": outcome, "findings": list(findings), "invoice": invoice or None}


def test_the_table_has_every_document_with_its_name_in_full() -> None:
    """Narrow terminals cut the finding, not the name."""
    rows = [
        _row("a/very/long/path/to/a/document-with-a-long-name.xml", "valid", seller="X", number="1"),
        _row("broken.txt", "unreadable", _finding("SETTLE-XML", "fatal", "Not XML.")),
        _row("aside.xml", "set_aside", _finding("SETTLE-SET-ASIDE", "fatal")),
    ]
    lines = summary.table(rows, 80)
    assert len(lines) == 2 + 3
    assert lines[2].startswith("a/very/long/path/to/a/document-with-a-long-name.xml  X ")
    assert "SETTLE-XML: Not XML." in lines[3]
    assert "set aside" in lines[4]


def test_the_columns_line_up_and_amounts_end_at_the_same_place() -> None:
    """Amounts are compared by their last digits."""
    rows = [
        _row("a.xml", "valid", seller="Short", number="1", gross="9.50", currency="EUR"),
        _row("b.xml", "invalid", seller="Longer name", number="22", gross="1234.00", currency="SEK"),
    ]
    head, rule, first, second = summary.table(rows, 120)
    assert head.split() == ["document", "supplier", "number", "amount", "outcome", "first", "finding"]
    assert set(rule) == {"-", " "}
    assert first.index("EUR") == second.index("SEK")


@pytest.mark.parametrize(
    ("type_code", "gross", "shown"),
    [
        ("381", "119.00", "-119.00 EUR"),
        (" 381 ", "119.00", "-119.00 EUR"),
        ("381", "-119.00", "119.00 EUR"),
        ("381", "0.00", "0.00 EUR"),
        ("381", None, "EUR"),
        ("380", "119.00", "119.00 EUR"),
        (None, "119.00", "119.00 EUR"),
    ],
)
def test_the_amount_of_a_credit_note_has_a_minus(
    type_code: str | None, gross: str | None, shown: str
) -> None:
    """It comes back; a negative credit note is to be paid, as in the report."""
    row = _row("a.xml", "valid", type_code=type_code, gross=gross, currency="EUR")
    assert summary.amount(row) == shown


def test_the_codes_of_credit_notes_are_those_of_the_report() -> None:
    """The commands cannot import them."""
    assert summary.CREDIT_NOTE_TYPES == CREDIT_NOTE_TYPES


def test_a_long_finding_is_cut_to_the_line_and_newlines_are_taken_out() -> None:
    """One document is one line."""
    lines = summary.table([_row("a.xml", "invalid", _finding("BR-1", "fatal", "word\n" * 100))], 100)
    assert len(lines[2]) <= 100
    assert lines[2].endswith("...")


def test_the_gravest_finding_comes_first() -> None:
    """Whatever the order in the report; no finding is an empty cell."""
    one = _row(
        "a", "invalid", _finding("I", "information"), _finding("W", "warning"), _finding("F", "fatal", "bad")
    )
    assert summary.first_finding(one) == "F: bad"
    assert summary.first_finding(_row("a", "valid")) == ""


def test_totals_name_the_outcomes_that_happened() -> None:
    """Outcomes that did not happen are not worth a word."""
    rows = [_row("a", "valid"), _row("b", "set_aside"), _row("c", "valid")]
    assert summary.totals(summary.count_outcomes(rows)) == "3 documents: 2 valid, 1 set aside"
    assert summary.totals({"valid": 1}) == "1 document: 1 valid"
    assert summary.totals({}) == "0 documents: none"


def test_the_progress_line_shows_phase_share_and_counts() -> None:
    """Before the total is known, the phase alone."""
    status = {"status": "running", "phase": "checking", "done": 120, "total": 1000, "counts": {"valid": 120}}
    assert summary.progress_line(status, "3.1 s") == "checking  120 of 1000  [#---------]  120 valid  3.1 s"
    waiting = {"status": "running", "phase": "waiting", "done": 0, "total": 0, "counts": {}}
    assert summary.progress_line(waiting, "0.1 s") == "waiting  0.1 s"
