"""PDFs with and without an invoice inside; the PDFs are made here."""

from __future__ import annotations

import io

import pytest
from pypdf import PdfReader, PdfWriter
from pypdf.generic import ArrayObject, DictionaryObject, NameObject
from reportlab.pdfgen.canvas import Canvas

from invoicing.readers.detect import is_pdf
from invoicing.readers.pdf import embedded_invoice
from invoicing.safe_xml import BadDocument
from tests.unit.invoice_documents import cii, pdf, ubl

ORDER_X = b'<r:SCRDMCCBDACIOMessageStructure xmlns:r="urn:un:unece:uncefact:data:x:100"/>'
ZUGFERD_1 = b'<r:CrossIndustryDocument xmlns:r="urn:ferd:CrossIndustryDocument:invoice:1p0"/>'
LIMIT = 20 * 1024 * 1024


def _refusal(content: bytes, limit: int = LIMIT) -> tuple[str, str]:
    with pytest.raises(BadDocument) as caught:
        embedded_invoice(content, limit)
    return caught.value.finding.rule, caught.value.finding.text


@pytest.mark.parametrize(
    "name",
    [
        "factur-x.xml",
        "Factur-X.XML",
        "ZUGFeRD-invoice.xml",
        "zugferd-invoice.xml",
        "xrechnung.xml",
        "my bill.xml",
    ],
)
def test_the_invoice_is_found_under_any_name(name: str) -> None:
    """The standards changed the name twice, and writers vary its casing."""
    _, syntax = embedded_invoice(pdf({name: cii()}), LIMIT)
    assert syntax == "cii"


def test_an_embedded_ubl_invoice_is_found() -> None:
    """XRechnung in a PDF may be UBL."""
    _, syntax = embedded_invoice(pdf({"xrechnung.xml": ubl()}), LIMIT)
    assert syntax == "ubl-invoice"


def test_known_names_come_before_other_xml_files() -> None:
    """Attachments are sorted by name in a PDF; the invoice is not the first."""
    other = cii(("<ram:ID>R-17<", "<ram:ID>OTHER<"))
    root, _ = embedded_invoice(pdf({"a.xml": other, "factur-x.xml": cii(), "b.xml": b"<x/>"}), LIMIT)
    assert "OTHER" not in str(root.xpath("string()"))


def test_broken_file_of_the_name_of_the_invoice_is_told() -> None:
    """No other file is silently taken for it."""
    rule, text = _refusal(pdf({"factur-x.xml": b"<", "a.xml": cii()}))
    assert (rule, "well-formed" in text) == ("SETTLE-XML-BROKEN", True)


def test_two_different_invoices_are_told_and_two_forms_of_one_are_not() -> None:
    """Which of them is to be paid is not guessed."""
    other = cii(("<ram:ID>R-17<", "<ram:ID>OTHER<"))
    for files in ({"a.xml": cii(), "b.xml": other}, {"factur-x.xml": cii(), "xrechnung.xml": other}):
        rule, text = _refusal(pdf(files))
        assert (rule, "two different invoices" in text) == ("SETTLE-PDF-SEVERAL", True)
    _, syntax = embedded_invoice(pdf({"a.xml": cii(), "b.xml": cii()}), LIMIT)
    assert syntax == "cii"


def test_name_without_an_ending_and_one_behind_many_others_is_found() -> None:
    """Names of the standards are looked for among all files."""
    many = {f"a{n:03}.txt": b"x" for n in range(250)}
    for name in ("factur-x", "ZUGFeRD-invoice.xml"):
        assert embedded_invoice(pdf({**many, name: cii()}), LIMIT)[1] == "cii"


def test_file_that_is_pinned_to_a_page_is_found() -> None:
    """As an annotation, which some programs attach it as."""
    writer = PdfWriter(clone_from=PdfReader(io.BytesIO(pdf({"factur-x.xml": cii()}))))
    names = writer.root_object["/Names"].get_object()
    assert isinstance(names, DictionaryObject)
    tree = names["/EmbeddedFiles"].get_object()
    assert isinstance(tree, DictionaryObject)
    listed = tree["/Names"].get_object()
    assert isinstance(listed, ArrayObject)
    pinned = DictionaryObject(
        {NameObject("/Subtype"): NameObject("/FileAttachment"), NameObject("/FS"): listed[1]}
    )
    writer.pages[0][NameObject("/Annots")] = ArrayObject([pinned])
    del writer.root_object["/Names"]
    writer.root_object.pop(NameObject("/AF"), None)
    buffer = io.BytesIO()
    writer.write(buffer)
    assert embedded_invoice(buffer.getvalue(), LIMIT)[1] == "cii"


def test_other_attachments_do_not_matter() -> None:
    """A broken XML file beside the invoice is somebody else’s."""
    _, syntax = embedded_invoice(pdf({"a.csv": b"1;2", "broken.xml": b"<", "z.xml": cii()}), LIMIT)
    assert syntax == "cii"


def test_an_associated_file_outside_the_name_tree_is_found() -> None:
    """PDF/A-3 lists files under /AF; some writers forget the name tree."""
    writer = PdfWriter(clone_from=PdfReader(io.BytesIO(pdf({"factur-x.xml": cii()}))))
    names = writer.root_object["/Names"].get_object()
    assert isinstance(names, DictionaryObject)
    tree = names["/EmbeddedFiles"].get_object()
    assert isinstance(tree, DictionaryObject)
    listed = tree["/Names"].get_object()
    assert isinstance(listed, ArrayObject)
    writer.root_object[NameObject("/AF")] = ArrayObject([listed[1]])
    del writer.root_object["/Names"]
    buffer = io.BytesIO()
    writer.write(buffer)
    _, syntax = embedded_invoice(buffer.getvalue(), LIMIT)
    assert syntax == "cii"


def test_a_pdf_that_is_only_a_picture_of_an_invoice_says_so() -> None:
    """The most common PDF of all."""
    buffer = io.BytesIO()
    canvas = Canvas(buffer)
    canvas.drawString(100, 700, "Invoice 17: 100 EUR")
    canvas.save()
    rule, text = _refusal(buffer.getvalue())
    assert rule == "SETTLE-PDF-NO-INVOICE"
    assert "picture" in text


def test_an_order_is_not_an_invoice() -> None:
    """Order-X uses the same technique for orders."""
    rule, text = _refusal(pdf({"order-x.xml": ORDER_X}))
    assert rule == "SETTLE-PDF-NO-INVOICE"
    assert "order-x.xml" in text


def test_zugferd_1_is_named_as_what_it_is() -> None:
    """It has the same file name as ZUGFeRD 2 and another format."""
    rule, text = _refusal(pdf({"ZUGFeRD-invoice.xml": ZUGFERD_1}))
    assert rule == "SETTLE-NOT-INVOICE"
    assert "ZUGFeRD 1.0" in text


def test_a_broken_invoice_inside_is_reported_as_such() -> None:
    """What is wrong with it is more use than that there is none."""
    assert _refusal(pdf({"factur-x.xml": cii()[:-20]}))[0] == "SETTLE-XML-BROKEN"
    assert _refusal(pdf({"factur-x.xml": b"<!DOCTYPE a><a/>"}))[0] == "SETTLE-XML-DTD"


def test_a_password_is_reported() -> None:
    """The sender can send it again without one."""
    assert _refusal(pdf({"factur-x.xml": cii()}, password="secret"))[0] == "SETTLE-PDF-ENCRYPTED"


def test_a_pdf_that_only_forbids_changes_is_read() -> None:
    """It is encrypted with the empty password."""
    _, syntax = embedded_invoice(pdf({"factur-x.xml": cii()}, password=""), LIMIT)
    assert syntax == "cii"


def test_an_embedded_file_over_the_limit_is_refused() -> None:
    """The size counts after decompression."""
    assert _refusal(pdf({"factur-x.xml": cii()}), limit=1000)[0] == "SETTLE-FILE-TOO-LARGE"


def test_a_file_cut_off_anywhere_is_a_finding() -> None:
    """Uploads and mails break off; pypdf raises many things then."""
    whole = pdf({"factur-x.xml": cii()})
    for length in range(20, len(whole) - 200, len(whole) // 40):
        rule, _ = _refusal(whole[:length])
        assert rule in ("SETTLE-PDF-BROKEN", "SETTLE-PDF-NO-INVOICE", "SETTLE-XML-BROKEN"), length


def test_a_pdf_is_told_by_its_content() -> None:
    """Names and media types from outside prove nothing; bytes before the header are tolerated."""
    assert is_pdf(pdf({}))
    assert is_pdf(b"\r\n junk" + pdf({}))
    assert not is_pdf(b"<a>%PDF-1.7</a>")
    assert not is_pdf(b"")
