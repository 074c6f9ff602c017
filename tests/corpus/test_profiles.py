"""The verdict on each public file is that of the stylesheets of its profile, with the levels of the profile.

The judge here is made of the facts alone: a table of its own, Saxon, and nothing of the app's way. Each file
of the corpus, by command:

    SETTLE_ALL_FILES=1 python3 dev.py test tests/corpus/test_profiles.py
"""

from __future__ import annotations

import os
import re
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import saxonche
from lxml import etree

from invoicing.assess import Assessment
from invoicing.opening import open_document
from invoicing.safe_xml import BadDocument, to_text
from tests.official_rules import CORPUS, PROJECT, RULES, checker, needs_rules

CASES = PROJECT.parent / "shared" / "cases" / "invoices"

pytestmark = [
    pytest.mark.corpus,
    needs_rules,
    pytest.mark.skipif(not CORPUS.is_dir(), reason="the invoice corpus is not beside the project"),
]

CORE = "urn:cen.eu:en16931:2017"
XR = f"{CORE}#compliant#urn:xeinkauf.de:kosit:xrechnung_3.0"
EXTENSION = f"{XR}#conformant#urn:xeinkauf.de:kosit:extension:xrechnung_3.0"
CVD = f"{XR}#compliant#urn:xeinkauf.de:kosit:xrechnung:cvd_"

UBL = ["EN16931-UBL-validation.xsl"]
CII = ["EN16931-CII-validation.xsl"]
STYLESHEETS: dict[tuple[str, str], list[str]] = {
    (CORE, "ubl"): UBL,
    (CORE, "cii"): [*CII, "facturx/FACTUR-X_EN16931.xslt"],
    (XR, "ubl"): [*UBL, "XRechnung-UBL-validation.xsl"],
    (XR, "cii"): [*CII, "XRechnung-CII-validation.xsl"],
    ("urn:factur-x.eu:1p0:minimum", "cii"): ["facturx/Factur-X_1.09_MINIMUM.xsl"],
    ("urn:factur-x.eu:1p0:basicwl", "cii"): ["facturx/FACTUR-X_BASIC-WL.xslt"],
    (f"{CORE}#compliant#urn:factur-x.eu:1p0:basic", "cii"): [*CII, "facturx/Factur-X_1.09_BASIC.xsl"],
    (f"{CORE}#conformant#urn:factur-x.eu:1p0:extended", "cii"): ["facturx/FACTUR-X_EXTENDED.xslt"],
}
# What old files of ZUGFeRD 2 write.
STYLESHEETS |= {
    (profile.replace("factur-x.eu:1p0", "zugferd.de:2p0"), syntax): files
    for (profile, syntax), files in STYLESHEETS.items()
}
# KoSIT's levels: rules that are no errors, and rules that are, by profile and syntax.
LOWERED = {
    "standard": "BR-CL-21 BR-CL-23",
    "extension": "BR-CL-10 BR-CL-11 BR-CL-21 BR-CL-23 BR-CL-24 BR-CL-25 BR-CL-26",
    "cvd": "BR-CL-13 BR-CL-21 BR-CL-23",
}
LOWERED_IN_EXTENSION_UBL = "BR-CO-16 UBL-CR-470 UBL-CR-646"
RAISED_CII = "CII-SR-452 CII-SR-453 CII-SR-454"
RAISED_UBL = {"standard Invoice": "UBL-CR-646", "cvd Invoice": "UBL-CR-646", "cvd CreditNote": "UBL-CR-646"}


def _variant(profile: str) -> str | None:
    if profile.startswith(CVD):
        return "cvd"
    return {XR: "standard", EXTENSION: "extension"}.get(profile)


@cache
def _compiled(file: str) -> Any:
    compiler: Any = _saxon().new_xslt30_processor()
    return compiler.compile_stylesheet(stylesheet_file=str(RULES / "xslt" / file))


@cache
def _saxon() -> Any:
    return saxonche.PySaxonProcessor(license=False)  # pyright: ignore[reportAttributeAccessIssue]


def _broken(file: str, text: str) -> set[tuple[str, str]]:
    """The rules that a stylesheet finds broken, each with its flag."""
    node = _saxon().parse_xml(xml_text=text)
    report = etree.fromstring(_compiled(file).transform_to_string(xdm_node=node).encode())
    tags = (
        "{http://purl.oclc.org/dsdl/svrl}failed-assert",
        "{http://purl.oclc.org/dsdl/svrl}successful-report",
    )
    found = list(report.iter(*tags))
    return {
        (element.get("id") or "", (element.get("flag") or element.get("role") or "fatal").lower())
        for element in found
    }


def _is_invalid(profile: str, root_name: str, text: str) -> bool:
    """Whether the stylesheets of a profile find an error, after its levels."""
    syntax = "cii" if root_name == "CrossIndustryInvoice" else "ubl"
    variant = _variant(profile)
    files = STYLESHEETS[XR if variant else profile, syntax]
    lowered, raised = set(LOWERED.get(variant or "", "").split()), set[str]()
    if variant and syntax == "cii":
        raised |= set(RAISED_CII.split())
    if variant == "extension" and root_name == "Invoice":
        lowered |= set(LOWERED_IN_EXTENSION_UBL.split())
    raised |= set(RAISED_UBL.get(f"{variant} {root_name}", "").split())
    if variant == "extension" and root_name == "CreditNote":
        lowered = set()
    found = set[tuple[str, str]]().union(*(_broken(file, text) for file in files))
    errors = {rule for rule, flag in found if flag in ("fatal", "error")} - lowered
    return bool(errors | ({rule for rule, _ in found} & raised))


def _files() -> list[Path]:
    """All cases, and of the corpus every third file of each folder, or all of them if they are asked for."""
    folders = sorted({path.parent for path in CORPUS.rglob("*") if path.suffix in (".xml", ".pdf")})
    step = 1 if os.environ.get("SETTLE_ALL_FILES") else 3
    found = [path for folder in folders for path in _documents(folder)[::step]]
    found += (
        [path for folder in sorted(CASES.rglob("")) for path in _documents(folder)] if CASES.is_dir() else []
    )
    return [path for path in found if path.name != "dos_20000_empty_notes.xml"]  # takes half a minute


def _documents(folder: Path) -> list[Path]:
    return sorted(path for path in folder.iterdir() if path.suffix in (".xml", ".pdf"))


def _claimed(root: Any) -> str:
    """BT-24 by a path of its own."""
    found = root.xpath(
        "string((*[local-name()='CustomizationID'] | *[local-name()='ExchangedDocumentContext']"
        "/*[local-name()='GuidelineSpecifiedDocumentContextParameter']/*[local-name()='ID'])[1])"
    )
    return re.sub(r"^[ \t\r\n]+|[ \t\r\n]+$", "", str(found))


def _official_errors(assessment: Assessment) -> list[str]:
    ours = ("settle", "file", "xml", "schema")
    return [
        found.rule for found in assessment.findings if found.severity == "fatal" and found.source not in ours
    ]


@pytest.mark.parametrize("path", _files(), ids=lambda path: f"{path.parent.name}/{path.name}")
def test_verdict_is_that_of_the_stylesheets_of_the_profile(path: Path) -> None:
    """Files of a profile whose rules are here; of others the core rules' verdict stands elsewhere."""
    content = path.read_bytes()
    try:
        root = open_document(path.name, content).root
    except BadDocument:
        pytest.skip("it cannot be read")
    profile, root_name = _claimed(root), etree.QName(root).localname
    assessment = checker().assess(path.name, content)
    syntax = "cii" if root_name == "CrossIndustryInvoice" else "ubl"
    if any(found.source == "schema" for found in assessment.findings):
        pytest.skip("it breaks the schema, so no rules run")
    if not _variant(profile) and (profile, syntax) not in STYLESHEETS:
        assert not assessment.fully_checked
        pytest.skip(f"no rules of its own are here: {profile[:80]}")
    assert assessment.fully_checked
    assert bool(_official_errors(assessment)) == _is_invalid(profile, root_name, to_text(root))
