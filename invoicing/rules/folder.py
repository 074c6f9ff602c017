"""The folder of the official rules: which files it holds, and whether they are all there.

Nothing is loaded here, so that whoever only asks whether the rules are there needs no XML library.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from invoicing.readers.detect import Syntax

RuleSet = Literal[
    "en16931",
    "xrechnung",
    "factur-x-minimum",
    "factur-x-basic-wl",
    "factur-x-basic",
    "factur-x-en16931",
    "factur-x-extended",
    "fr-ctc-extended",
    "fr-ctc",
]
"""Rules that are published together; `invoicing.rules.profiles` says which judge which document."""

SCHEMAS: dict[Syntax, str] = {
    "ubl-invoice": "schema/ubl/maindoc/UBL-Invoice-2.1.xsd",
    "ubl-credit-note": "schema/ubl/maindoc/UBL-CreditNote-2.1.xsd",
    "cii": "schema/cii/CrossIndustryInvoice_100pD22B.xsd",
}
"""The XML schema of each syntax."""

STYLESHEETS: dict[tuple[RuleSet, Syntax], str] = {
    ("en16931", "ubl-invoice"): "xslt/EN16931-UBL-validation.xsl",
    ("en16931", "ubl-credit-note"): "xslt/EN16931-UBL-validation.xsl",
    ("en16931", "cii"): "xslt/EN16931-CII-validation.xsl",
    ("xrechnung", "ubl-invoice"): "xslt/XRechnung-UBL-validation.xsl",
    ("xrechnung", "ubl-credit-note"): "xslt/XRechnung-UBL-validation.xsl",
    ("xrechnung", "cii"): "xslt/XRechnung-CII-validation.xsl",
    ("factur-x-minimum", "cii"): "xslt/facturx/Factur-X_1.09_MINIMUM.xsl",
    ("factur-x-basic-wl", "cii"): "xslt/facturx/FACTUR-X_BASIC-WL.xslt",
    ("factur-x-basic", "cii"): "xslt/facturx/Factur-X_1.09_BASIC.xsl",
    ("factur-x-en16931", "cii"): "xslt/facturx/FACTUR-X_EN16931.xslt",
    ("factur-x-extended", "cii"): "xslt/facturx/FACTUR-X_EXTENDED.xslt",
    ("fr-ctc-extended", "ubl-invoice"): "xslt/fr-ctc/EXTENDED-CTC-FR-UBL.xslt",
    ("fr-ctc-extended", "ubl-credit-note"): "xslt/fr-ctc/EXTENDED-CTC-FR-UBL.xslt",
    ("fr-ctc-extended", "cii"): "xslt/fr-ctc/EXTENDED-CTC-FR-CII.xslt",
    ("fr-ctc", "ubl-invoice"): "xslt/fr-ctc/BR-FR-Flux2-Schematron-UBL.xslt",
    ("fr-ctc", "ubl-credit-note"): "xslt/fr-ctc/BR-FR-Flux2-Schematron-UBL.xslt",
    ("fr-ctc", "cii"): "xslt/fr-ctc/BR-FR-Flux2-Schematron-CII.xslt",
}
"""The rules of each rule set and syntax, as their authors publish them."""


class RulesMissing(RuntimeError):
    """The folder of the official rules is not there or not complete; the message says how to get it."""


def require(folder: Path) -> None:
    """Raise `RulesMissing` unless all files are there."""
    files = {*SCHEMAS.values(), *STYLESHEETS.values()}
    missing = [file for file in files if not (folder / file).is_file()]
    if missing:
        raise RulesMissing(
            f"The official rules are not complete in {folder}: {min(missing)} is missing. {_fetch(folder)}"
        )


def unusable(folder: Path, file: str, error: Exception) -> RulesMissing:
    """What to raise where a file of the rules is there and cannot be used."""
    reason = " ".join(str(error).split())[:300]
    return RulesMissing(f"{file} of the official rules cannot be used: {reason}. {_fetch(folder)}")


def _fetch(folder: Path) -> str:
    return f"Run: python -m invoicing.rules.fetch --into {folder}"
