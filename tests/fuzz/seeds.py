"""What the inputs of fuzzing begin with: the samples, documents of the tests, and what was an attack once."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Iterator
from pathlib import Path

from tests.unit import raw_pdf
from tests.unit.invoice_documents import cii, pdf, ubl, ubl_credit_note

ROOT = Path(__file__).resolve().parents[2]
_FOLDERS = (ROOT / "samples" / "invoices", ROOT.parent / "shared" / "cases" / "invoices")
_LONGEST = 32 * 1024


def _files(*suffixes: str) -> Iterator[bytes]:
    """Files of the samples, and of cases that lie beside the project, in a fixed order."""
    for folder in _FOLDERS:
        for path in sorted(folder.rglob("*")) if folder.is_dir() else ():
            if path.suffix.lower() in suffixes and path.stat().st_size <= _LONGEST:
                yield path.read_bytes()


def xml() -> list[bytes]:
    """Invoices, what is none, and beginnings of XML that were slow once."""
    made = [ubl(), cii(), ubl_credit_note(), b"<a/>", b"<!--" * 500, b"<?" * 500, b"<!DOCTYPE a><a/>"]
    utf16 = ubl(('encoding="UTF-8"', 'encoding="UTF-16"')).decode().encode("utf-16")
    return [*made, utf16, *_files(".xml")]


def pdfs() -> list[bytes]:
    """PDFs with invoices in them, in each form that a table of objects can have."""
    names = {4: b"<</Names[(a.xml)5 0 R]>>", 5: raw_pdf.specification(b"a.xml", 6)}
    holder = {1: raw_pdf.CATALOG, **raw_pdf.PAGES, 6: raw_pdf.deflated(b"<a/>")}
    packed = raw_pdf.with_reference_stream({**holder, 7: raw_pdf.object_stream(names)}, {4: 7, 5: 7})
    plain = raw_pdf.with_table({**holder, **names})
    locked = pdf({"factur-x.xml": b"<a/>"}, password="")
    made = [plain, packed, locked, plain.replace(b"startxref\n", b"startxref\n9"), pdf({"a.xml": cii()})]
    return [*made, *_files(".pdf")]


def zips() -> list[bytes]:
    """Small archives, with folders, with names of all kinds, stored and packed."""
    made = []
    for method in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        for names in (("a.xml",), ("b/", "b/2.xml", "__MACOSX/._a"), ("ü.xml", "x" * 200, "../up.xml")):
            buffer = io.BytesIO()
            with zipfile.ZipFile(buffer, "w", method) as archive:
                for name in names:
                    archive.writestr(zipfile.ZipInfo(name), b"<a>" + name.encode() * 20 + b"</a>")
            made.append(buffer.getvalue())
    return [*made, b"PK\x05\x06" + b"\0" * 18]


def bodies() -> list[bytes]:
    """Bodies of requests, after one byte that says which route they are for."""
    head = b'Content-Disposition: form-data; name="file"; filename="a.xml"'
    form = b"--limit\r\n" + head + b"\r\nContent-Type: text/xml\r\n\r\n<a/>\r\n--limit--\r\n"
    encoded = b"csrf=x&person=ann%40example.com&until=2026-05-01&to=&stage=s&decision=approve&comment=+"
    texts = [
        b'{"container": "inbox", "prefix": "2026/", "wait": true}',
        b'{"decision": "approve", "comment": "x", "stage": "s", "sha256": "0", "t": "abc"}',
        b'{"until": "2026-05-01", "to": "ben@example.com"}',
        b'{"until": "2026-05-01T10:00:00Z"}',
        b"[" * 300,
    ]
    found = [form, encoded, ubl(), *texts, *zips()[:3], form.replace(b'filename="', b"filename*=UTF-8''")]
    return [bytes([route]) + body for body in found for route in range(12)]


def queries() -> list[bytes]:
    """Queries, after one byte that says which route they are for."""
    found = [
        b"top=20&page=abc",
        b"page=2&supplier=acme&least=1.000,50&most=7&sort=amount&stage=s&mine=on&findings=any&currency=EUR",
        b"status=Failed&name=batch&id=b0&parts=on&before=2026-01-01T00:00:00Z",
        b"approver=ann%40example.com&stage=s&batch=b0&top=10&skip=5",
        b"t=eyJhIjoxfQ.x.y&done=1&live=off&next=%2Finbox&code=k",
        b"format=csv&wait=true&approval=false&sender=ann%40example.com",
    ]
    return [bytes([route]) + query for query in found for route in range(16)]


def headers() -> list[bytes]:
    """Headers, one in a line."""
    principal = b"eyJjbGFpbXMiOlt7InR5cCI6ImVtYWlsIiwidmFsIjoiYW5uQGV4YW1wbGUuY29tIn1dfQ=="
    return [
        b"x-ms-client-principal: " + principal,
        b"cookie: settle_person=x.y.z; settle_form=" + b"s" * 43 + b"\nidempotency-key: k-1",
        b"content-disposition: attachment; filename*=UTF-8''a%20b.xml; filename=\"b.xml\"",
        b"content-type: multipart/form-data; boundary=limit\nsec-fetch-site: cross-site",
        b"x-forwarded-proto: https\nhost: example.com\norigin: https://example.com",
    ]


WORDS = {
    "xml": [
        *b"< > <!-- --> <? ?> <![CDATA[ ]]> &#0; { } cbc: <!DOCTYPE = 9 - 1e9 <a> </a>".split(),
        *[b"\0", b" ", b"\n", b" a='b'", b' xmlns:a="b"', "\u0300\u0316".encode()],
    ],
    "pdf": [
        *b"<< >> [ ] ( ) % \\ stream endobj startxref trailer xref %%EOF /Kids[4 /Length/Type/ObjStm".split(),
        *[
            b" 0 R ",
            b" 0 obj\n",
            b"\n",
            b" ",
            b"/Prev 9",
            b"/Names[(a)5 0 R]",
            b"/Size 99999999",
            b"/W[1 4 1]",
        ],
        *[b"/Filter[/FlateDecode/FlateDecode]", b"/DecodeParms<</Predictor 15/Columns 1>>", b"/N 9/First 9"],
        *[b"/Length 99 0 R", b"<</Root 1 0 R>>", b"/Encrypt 9 0 R"],
    ],
    "zip": [
        *[b"PK\1\2", b"PK\3\4", b"PK\5\6", b"PK\6\6", b"PK\6\7", b"\0\0", b"\xff\xff\xff\xff", b"/"],
        *[b"__MACOSX/", b"../", b"\n", b"\x08\0", b"\1\0\x10\0"],
    ],
    "bodies": [
        *b'--limit ; filename*0= filename*= " %00 \\ud800 [ { "a": &a= PK\5\6 null 1e999'.split(),
        *[b"\r\n", b"\r", b"\r\n\r\n", b"\0", b"\xed\xa0\x80"],
    ],
    "queries": [
        *b"& = %00 %ED%A0%80 page= top= id= 9 0001-01-01 - , . + %CC%80 %0A NaN 1e9".split(),
        b"\xff",
    ],
    "headers": [
        *b'; = " % filename*1*= e30= . , \\'.split(),
        b"\n",
        b": ",
        b"cookie: ",
        b"\xff",
        b"\0",
        b" ",
    ],
}
"""What each kind of input is made of."""
