"""The samples that are not in order, each with one thing that goes wrong in practice."""

from collections.abc import Callable
from dataclasses import replace
from datetime import date
from decimal import Decimal

from samples import parties as p
from samples.cii import to_cii
from samples.document import CORE, CREDIT_TRANSFER, PROCESS, Document
from samples.foreign import HARDWARE, STUDIO
from samples.german import OFFICE_ORDER
from samples.pdf import to_page
from samples.sample import Outcome, Sample, line
from samples.ubl import to_ubl


def _spoilt(
    name: str,
    shows: str,
    write: Callable[[Document], bytes],
    document: Document,
    changes: tuple[tuple[str, str], ...] = (),
    outcome: Outcome = "invalid",
    rules: tuple[str, ...] = (),
) -> Sample:
    """Return a sample whose file is changed after it was written: (what stands there, what shall)."""

    def content() -> bytes:
        text = write(document).decode()
        for old, new in changes:
            if old not in text:
                raise ValueError(f"{name}: there is no {old!r} to change")
            text = text.replace(old, new)
        return text.encode()

    return Sample(name, shows, content, outcome, rules)


def _bytes(name: str, shows: str, content: bytes, *rules: str) -> Sample:
    return Sample(name, shows, lambda: content, "unreadable", rules)


_SECOND_ORDER = replace(
    OFFICE_ORDER,
    number="RE-20250319",
    issued=date(2025, 3, 19),
    due=date(2025, 4, 18),
    payment_reference=None,
)
_CRAFTSMAN = Document(
    "2025-0211",
    date(2025, 3, 6),
    p.TISCHLEREI,
    p.HANSA,
    lines=(
        line("Regal Eiche, nach Maß", "1", "C62", "1240.00", "19"),
        line("Montage", "5.5", "HUR", "62.00", "19"),
    ),
    due=date(2025, 3, 20),
    delivered=date(2025, 3, 5),
    terms="Zahlbar in 14 Tagen.",
    title="Rechnung",
)
_FREIGHT = Document(
    "F2025-2231",
    date(2025, 3, 25),
    p.DEVRIES,
    replace(p.HANSA, vat_id=None),
    lines=(line("Transport Rotterdam – Lübeck", "1", "C62", "1395.00", "0", "AE"),),
    due=date(2025, 4, 24),
    profile=CORE,
    process=PROCESS,
    buyer_reference="EK-Logistik",
    delivered=date(2025, 3, 24),
    means=CREDIT_TRANSFER,
    terms="Net 30 days.",
)
_TRUNCATED = to_ubl(replace(_CRAFTSMAN, number="2025-0219"))
_LETTER = """Sehr geehrte Damen und Herren,

anbei unsere Rechnung für den Monat März. Bitte überweisen Sie 238,00 Euro
auf das Ihnen bekannte Konto.

Mit freundlichen Grüßen
Gebäudereinigung Meier
"""
_DELIVERY_NOTE = """<?xml version="1.0" encoding="UTF-8"?>
<DespatchAdvice xmlns="urn:oasis:names:specification:ubl:schema:xsd:DespatchAdvice-2"
  xmlns:cbc="urn:oasis:names:specification:ubl:schema:xsd:CommonBasicComponents-2">
  <cbc:ID>LS-4471</cbc:ID>
  <cbc:IssueDate>2025-03-07</cbc:IssueDate>
</DespatchAdvice>
"""

WRONG: tuple[Sample, ...] = (
    _spoilt(
        "2025-03-19_Nordlicht_RE-20250319.xml",
        "Sum that is off: two digits swapped in the total with VAT",
        to_ubl,
        _SECOND_ORDER,
        ((f">{_SECOND_ORDER.gross}<", f">{_SECOND_ORDER.gross + Decimal(9)}<"),),
        rules=("BR-CO-15",),
    ),
    _spoilt(
        "Tischlerei Lehmann 2025-0214.xml",
        "Sum that is off: the lines do not add up to the stated sum",
        to_cii,
        replace(_CRAFTSMAN, number="2025-0214"),
        ((">1240.00</ram:LineTotalAmount>", ">1420.00</ram:LineTotalAmount>"),),
        rules=("BR-CO-10", "BR-S-08", "SETTLE-SUM-LINE"),
    ),
    _spoilt(
        "Tischlerei Lehmann 2025-0216.xml",
        "Broken IBAN: a valid invoice that cannot be paid as it is",
        to_ubl,
        replace(_CRAFTSMAN, number="2025-0216"),
        (("DE20666966140116974724", "DE20666966140116974742"),),
        outcome="valid",
        rules=("SETTLE-IBAN",),
    ),
    Sample(
        "Kopie von RE-20250311.xml",
        "Duplicate: the same invoice once more, in another format and its number written differently",
        lambda: to_cii(replace(OFFICE_ORDER, number="re 20250311")),
        "duplicate",
        duplicate_of="2025-03-11_Nordlicht_RE-20250311.xml",
    ),
    Sample(
        "dubois_facture_fevrier.xml",
        "Duplicate: the invoice that came as a PDF before",
        lambda: to_cii(replace(STUDIO, number="FA 2025/0087")),
        "duplicate",
        duplicate_of="Facture_Dubois_FA-2025-0087.pdf",
    ),
    _spoilt(
        "Nordlicht_RE-20250326_ohne_Leitweg.xml",
        "Rule broken: an XRechnung without buyer reference",
        to_ubl,
        replace(OFFICE_ORDER, number="RE-20250326", issued=date(2025, 3, 26), buyer_reference=None),
        rules=("BR-DE-15",),
    ),
    _spoilt(
        "DeVries_F2025-2231.xml",
        "Rule broken: reverse charge without the buyer's VAT id",
        to_ubl,
        _FREIGHT,
        rules=("BR-AE-02",),
    ),
    _spoilt(
        "Wisla_FV_2025_03_0151.xml",
        "Rule broken: intra-Community supply without date and place of delivery",
        to_ubl,
        replace(HARDWARE, number="FV/2025/03/0151", delivered=None, deliver_to=None),
        rules=("BR-IC-11", "BR-IC-12"),
    ),
    _spoilt(
        "Tischlerei Lehmann 2025-0217.xml",
        "VAT category mismatch: zero percent under the standard rate",
        to_ubl,
        replace(_CRAFTSMAN, number="2025-0217", lines=(line("Küchenplatte", "1", "C62", "780.00", "0"),)),
        rules=("BR-S-05",),
    ),
    _spoilt(
        "Tischlerei Lehmann 2025-0218.xml",
        "Remark: the seller's VAT id is mistyped, and it is due before it was written",
        to_ubl,
        replace(_CRAFTSMAN, number="2025-0218", due=date(2025, 2, 20)),
        (("DE764844303", "DE764844330"),),
        outcome="valid",
        rules=("SETTLE-DATE-DUE", "SETTLE-VAT-ID"),
    ),
    _spoilt(
        "Tischlerei Lehmann 2025-0220.xml",
        "Schema broken: a misspelt element",
        to_ubl,
        replace(_CRAFTSMAN, number="2025-0220"),
        (("cbc:DueDate>", "cbc:DueDat>"),),
        rules=("SETTLE-SCHEMA",),
    ),
    _bytes(
        "Tischlerei Lehmann 2025-0219.xml",
        "XML that breaks off in the middle",
        _TRUNCATED[: len(_TRUNCATED) * 2 // 3],
        "SETTLE-XML-BROKEN",
    ),
    _bytes("Rechnung_Meier_Maerz.xml", "Not XML: a letter", _LETTER.encode(), "SETTLE-XML-BROKEN"),
    _bytes(
        "Lieferschein_LS-4471.xml",
        "Not an invoice: a delivery note",
        _DELIVERY_NOTE.encode(),
        "SETTLE-NOT-INVOICE",
    ),
    Sample(
        "Scan_Tischlerei_Lehmann_2025-0211.pdf",
        "PDF without an invoice as data: only a picture of it",
        lambda: to_page(_CRAFTSMAN),
        "unreadable",
        ("SETTLE-PDF-NO-INVOICE",),
    ),
    _bytes("unbenannt.xml", "Empty file", b"", "SETTLE-FILE-EMPTY"),
)
