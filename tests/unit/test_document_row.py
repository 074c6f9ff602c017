"""The row of a document as a record: what the check writes is read back into it, with every digit."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest
from pydantic import ValidationError

from invoicing.assess import Checker, row
from invoicing.records.document import DocumentRow

ROOT = Path(__file__).resolve().parents[2]
SAMPLES = sorted((ROOT / "samples" / "invoices").iterdir())


@pytest.fixture(scope="module")
def checker() -> Checker:
    """The checker with the official rules."""
    return Checker(ROOT / ".rules")


def test_rows_of_the_samples_come_back_as_they_were_written(checker: Checker) -> None:
    """No field is lost and no amount changes its digits."""
    for number, path in enumerate(SAMPLES[:12], start=1):
        content = path.read_bytes()
        written = row(number, path.name, content, checker.assess(path.name, content, date(2026, 1, 1)))
        read = DocumentRow.model_validate_json(written.as_json())
        assert read == written, path.name


def test_damaged_row_names_its_field() -> None:
    """An outcome that there is not is told by the name of the field."""
    with pytest.raises(ValidationError, match="outcome"):
        DocumentRow.model_validate({"n": 1, "outcome": "fine"})
