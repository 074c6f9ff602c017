"""A folder of rules that do to Saxon what a document says in its first note.

It says `hang`, `eat` (memory), `deep` (calls without end), `message TEXT` or `error TEXT`.

Any other document breaks none of them.
"""

from __future__ import annotations

import shutil
from pathlib import Path

from invoicing.rules.folder import STYLESHEETS
from tests.unit.invoice_documents import ubl

_SHEET = Path(__file__).with_suffix(".xsl")


def odd_rules(folder: Path, official: Path) -> Path:
    """Make the folder: the schemas are the official ones, the rules are not. Returns it."""
    shutil.copytree(official, folder)
    for name in set(STYLESHEETS.values()):
        shutil.copy(_SHEET, folder / name)
    return folder


def noted(note: str, number: str = "R-17") -> bytes:
    """An invoice with a note, which is valid by the schema."""
    return ubl(("#AAI#Thank you for your order.", note), ("R-17", number))
