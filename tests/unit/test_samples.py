"""The samples and the generator: what they promise is what the checker says."""

import io
import json
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from pypdf import PdfReader

from invoicing import safe_xml
from invoicing.assess import row
from invoicing.duplicates import merge
from invoicing.matching.assigning import Assigner
from invoicing.readers import ubl, ubl_order
from invoicing.records.goods import BilledLine
from samples import make, order
from samples.generator import SUPPLIERS, generate
from tests.official_rules import checker, needs_rules

HERE = Path(make.__file__).parent
EXPECTED: dict[str, dict[str, Any]] = json.loads((HERE / "expected.json").read_text(encoding="utf-8"))
NAMES = sorted(EXPECTED)


def _content(name: str) -> bytes:
    return (HERE / "invoices" / name).read_bytes()


def _embedded(content: bytes) -> dict[str, list[bytes]]:
    return dict(PdfReader(io.BytesIO(content)).attachments)


def test_folder_holds_the_samples_and_nothing_else() -> None:
    """`dev.py run` sends what is in it."""
    assert sorted(path.name for path in (HERE / "invoices").iterdir()) == NAMES
    assert len(NAMES) >= 24


@pytest.mark.parametrize("sample", make.ALL, ids=lambda sample: sample.name)
def test_file_is_what_the_program_makes(sample: make.Sample) -> None:
    """Nobody edits a sample by hand. Of a PDF the data counts: its compression differs between machines."""
    made, stored = sample.content(), _content(sample.name)
    assert made == sample.content()
    if made.startswith(b"%PDF"):
        assert _embedded(made) == _embedded(stored)
    else:
        assert made == stored


def test_order_and_its_invoice_are_what_the_program_makes() -> None:
    """The invoice refers to the order and to its lines."""
    stored = {path.name: path.read_bytes() for path in (HERE / "orders").iterdir()}
    assert stored == order.files()
    billed, _ = ubl.read(safe_xml.parse(order.to_ubl(order.INVOICE)), "ubl-invoice")
    ordered = ubl_order.read(order.to_ubl_order(order.INVOICE))
    assert billed.order_reference == ordered.number
    assert Assigner(ordered.lines).of_invoice(
        [BilledLine(order_line=one.order_line) for one in billed.lines]
    ) == (
        0,
        1,
        2,
    )


def test_readme_and_expectations_are_what_the_program_makes() -> None:
    """They cannot fall behind the samples."""
    assert (HERE / "README.md").read_text(encoding="utf-8") == make.readme()
    assert (HERE / "expected.json").read_text(encoding="utf-8") == make.expected()


@needs_rules
@pytest.mark.parametrize("name", NAMES)
def test_sample_has_the_expected_outcome(name: str) -> None:
    """The outcome, and exactly the rules it is to break; those in order have no finding at all."""
    assessment = checker().assess(name, _content(name))
    outcome = EXPECTED[name]["outcome"]
    assert assessment.outcome == ("valid" if outcome == "duplicate" else outcome)
    assert sorted({found.rule for found in assessment.findings}) == EXPECTED[name]["rules"]


def _rows(documents: list[tuple[str, bytes]]) -> list[dict[str, Any]]:
    return [
        row(n, name, content, checker().assess(name, content)).as_plain()
        for n, (name, content) in enumerate(documents, start=1)
    ]


@needs_rules
def test_samples_hold_the_duplicates_that_they_promise() -> None:
    """Taken in the order of their names, as the folder is sent, exactly those lose their claim to another."""
    rows = _rows([(name, _content(name)) for name in NAMES])
    wanted = [(one["claim"], one["name"]) for one in rows if one["outcome"] == "valid"]
    _, holders = merge("", wanted)
    duplicates = {name: holders[claim] for claim, name in wanted if holders[claim] != name}
    assert duplicates == {
        name: expected["duplicate_of"] for name, expected in EXPECTED.items() if "duplicate_of" in expected
    }


@needs_rules
def test_samples_cover_formats_currencies_countries_and_vat_cases() -> None:
    """They are to look like business."""
    rows = _rows([(name, _content(name)) for name in NAMES])
    invoices = [one["invoice"] for one in rows if one["outcome"] == "valid"]
    parts = [part for invoice in invoices for part in invoice["tax_breakdown"]]
    assert {"ubl-invoice", "ubl-credit-note", "cii", "pdf-cii"} <= {one["kind"] for one in rows}
    assert {"S", "Z", "E", "AE", "K", "G", "O"} <= {part["category"] for part in parts}
    assert {"EUR", "SEK", "PLN", "USD", "CHF", "DKK"} <= {invoice["currency"] for invoice in invoices}
    countries = {"DE", "FR", "NL", "AT", "IT", "ES", "PL", "SE", "BE", "IE", "US", "CH"}
    assert countries <= {invoice["seller_country"] for invoice in invoices}
    assert {"380", "381", "384", "386", "389"} <= {invoice["type_code"] for invoice in invoices}


@pytest.fixture(scope="module")
def generated() -> list[tuple[str, bytes]]:
    """A few generated documents."""
    return list(generate(120, seed=5))


def test_generated_documents_are_the_same_each_time(generated: list[tuple[str, bytes]]) -> None:
    """Also as the beginning of a longer series, so that benchmarks of two sizes share documents."""

    def first(series: Iterator[tuple[str, bytes]]) -> list[tuple[str, bytes]]:
        return [next(series) for _ in generated]

    assert first(generate(1000, seed=5)) == generated
    assert first(generate(1000, seed=6)) != generated


def test_generated_documents_have_a_realistic_size(generated: list[tuple[str, bytes]]) -> None:
    """6 to 10 KB for nearly all, and a few dozen suppliers."""
    sizes = sorted(len(content) for _, content in generated)
    assert sizes[0] > 5_500
    assert sizes[len(sizes) * 9 // 10] < 10_500
    assert 24 <= len({supplier.vat_id for supplier in SUPPLIERS}) == len(SUPPLIERS)


@needs_rules
def test_generated_documents_are_valid_and_no_duplicates(generated: list[tuple[str, bytes]]) -> None:
    """Without any finding, in all three formats; another seed has other numbers."""
    rows = _rows([*generated, *generate(40, seed=6)])
    assert [one["findings"] for one in rows if one["findings"]] == []
    assert {one["outcome"] for one in rows} == {"valid"}
    assert {one["kind"] for one in rows} == {"ubl-invoice", "ubl-credit-note", "cii"}
    assert len({one["claim"] for one in rows}) == len(rows)
    assert len({name for name, _ in generated}) == len(generated)


def test_generator_writes_a_zip(tmp_path: Path) -> None:
    """As its command line says; equal arguments make equal files."""
    first, second = tmp_path / "a.zip", tmp_path / "b.zip"
    for path in (first, second):
        command = [sys.executable, "-m", "samples.generator", "30", "--out", str(path)]
        done = subprocess.run(command, cwd=HERE.parent, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
    with zipfile.ZipFile(first) as archive:
        assert {name: archive.read(name) for name in archive.namelist()} == dict(generate(30))
    assert first.read_bytes() == second.read_bytes()
