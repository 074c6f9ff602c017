"""PDFs made to keep their reader busy: each is given up, or read, within a bound."""

from __future__ import annotations

import base64
import io
import zlib
from collections.abc import Callable

import pytest
from pypdf import PdfReader

from invoicing.readers import pdf, pdf_work
from invoicing.readers.pdf import embedded_invoice
from invoicing.safe_xml import BadDocument
from tests.unit.invoice_documents import cii
from tests.unit.linear import processor_seconds
from tests.unit.raw_pdf import (
    CATALOG,
    PAGES,
    deflated,
    object_stream,
    specification,
    stream,
    with_reference_stream,
    with_table,
)

MIB = 1024 * 1024
LIMIT = 20 * MIB
ONE_COLUMN = b"/DecodeParms<</Predictor 15/Columns 1>>"
ROWS = b"\2\1" * (MIB // 8)


def _tree(entries: bytes) -> dict[int, bytes]:
    """Catalog, pages, and as number 4 the root of the tree of names."""
    return {1: CATALOG, **PAGES, 4: b"<<" + entries + b">>"}


def _names(numbers: range) -> bytes:
    """The list of a node that names objects."""
    return b"/Names[" + b"".join(b"(a%d.xml)%d 0 R " % (n, n) for n in numbers) + b"]"


def _damaged(content: bytes) -> bytes:
    """The same with a wrong place of its table: the reader looks for all objects by itself."""
    return content.replace(b"startxref\n", b"startxref\n9")


def _refusal(content: bytes, limit: int = LIMIT) -> str:
    found: list[str] = []

    def read() -> None:
        with pytest.raises(BadDocument) as caught:
            embedded_invoice(content, limit)
        found.append(caught.value.finding.rule)

    assert processor_seconds(read) < 20, "before the bounds, minutes to hours"
    return found[0]


def _one_file(content: bytes, name: bytes = b"a.xml") -> bytes:
    return with_table({**_tree(b"/Names[(%s)5 0 R]" % name), 5: specification(name, 6), 6: content})


def test_a_content_that_many_names_refer_to_is_read_once() -> None:
    """200 names for one packed file of 17 MiB took 40 seconds and gigabytes."""
    packed = deflated(b"<a>" + b" " * 17 * MIB + b"</a>")
    specifications = {n: specification(b"a%d.xml" % n, 5) for n in range(10, 210)}
    content = with_table({**_tree(_names(range(10, 210))), 5: packed, **specifications})
    assert len(pdf._files_in(content)) == 1
    assert _refusal(content) == "SETTLE-PDF-NO-INVOICE"


def test_all_embedded_files_together_are_bounded() -> None:
    """Each may have as much as an invoice, all of them twice as much."""
    packed = deflated(b"<a>" + b" " * 100_000 + b"</a>")
    specifications = {n: specification(b"a%d.xml" % n, n + 100) for n in range(10, 60)}
    streams = {n + 100: packed for n in range(10, 60)}
    content = with_table({**_tree(_names(range(10, 60))), **specifications, **streams})
    assert _refusal(content, limit=150_000) == "SETTLE-FILE-TOO-LARGE"
    assert _refusal(content, limit=3_000_000) == "SETTLE-PDF-NO-INVOICE"


def test_the_invoice_is_read_although_others_are_too_large() -> None:
    """What is beside it is somebody else's."""
    objects = {5: specification(b"a.xml", 6), 6: deflated(b" " * 3 * MIB)}
    objects |= {7: specification(b"b.xml", 8), 8: deflated(cii())}
    content = with_table({**_tree(b"/Names[(a.xml)5 0 R(b.xml)7 0 R]"), **objects})
    assert embedded_invoice(content, MIB)[1] == "cii"


@pytest.mark.parametrize(
    ("data", "entries"),
    [
        (zlib.compress(b"\2\1" * 10_000_000, 9), b"/Filter/FlateDecode" + ONE_COLUMN),
        (zlib.compress(b"\2\1" * 1000, 9), b"/Filter[/FlateDecode]/DecodeParms[<</Predictor 2>>]"),
        (base64.a85encode(zlib.compress(cii())), b"/Filter[/ASCII85Decode/FlateDecode]"),
        (zlib.compress(zlib.compress(cii())), b"/Filter[/FlateDecode/FlateDecode]"),
        (b"x", b"/Filter[" + b"/FlateDecode " * 20_000 + b"]"),
        (b"x", b"/Filter/LZWDecode"),
        (b"x", b"/Filter/JBIG2Decode"),
    ],
    ids=["predictor", "predictor in a list", "ascii85", "twice", "many", "lzw", "jbig2"],
)
def test_a_file_that_is_packed_oddly_is_refused_with_words(data: bytes, entries: bytes) -> None:
    """FlateDecode, or nothing at all, is what writers of invoices use; the others are slow, or multiply."""
    with pytest.raises(BadDocument, match="Use FlateDecode") as caught:
        embedded_invoice(_one_file(stream(data, entries)), LIMIT)
    assert caught.value.finding.rule == "SETTLE-PDF-FILTER"


@pytest.mark.parametrize("entries", [b"", b"/Filter[]", b"/DecodeParms null", b"/Filter null"])
def test_a_file_that_is_not_packed_is_read(entries: bytes) -> None:
    """In whatever way the PDF says so."""
    assert embedded_invoice(_one_file(stream(cii(), entries)), LIMIT)[1] == "cii"


@pytest.mark.parametrize(
    "entries",
    [
        b"/Filter[/FlateDecode]",
        b"/Filter/FlateDecode/DecodeParms null",
        b"/Filter[/FlateDecode]/DecodeParms[null]",
        b"/Filter/FlateDecode/DecodeParms<</Predictor 1>>",
        b"/Filter 7 0 R",
    ],
)
def test_a_file_that_is_packed_the_usual_way_is_read(entries: bytes) -> None:
    """With lists, with nulls, with a predictor that does nothing, with references."""
    objects = {5: specification(b"a.xml", 6), 6: stream(zlib.compress(cii()), entries), 7: b"/FlateDecode"}
    content = with_table({**_tree(b"/Names[(a.xml)5 0 R]"), **objects})
    assert embedded_invoice(content, LIMIT)[1] == "cii"


def test_a_damaged_file_inside_is_a_finding() -> None:
    """It is not guessed what it may have been."""
    assert _refusal(_one_file(stream(b"\x78\x9cnonsense", b"/Filter/FlateDecode"))) == "SETTLE-PDF-BROKEN"


def _undefined() -> bytes:
    """Each object that is not there is looked for in the whole file."""
    return with_table({**_tree(_names(range(1000, 1900))), 999: stream(b"\n1 " * MIB)})


def _not_in_its_stream() -> bytes:
    """The table says that they are in a stream of objects that has others: it is read again for each."""
    holder = object_stream({10_000 + n: b"0" for n in range(20_000)})
    numbers = range(20, 420)
    return with_reference_stream({**_tree(_names(numbers)), 5: holder}, dict.fromkeys(numbers, 5))


def _streams_of_objects() -> bytes:
    """Each of the objects is in a stream of its own, which unpacks to a thousand times its size."""
    streams = {n: object_stream({n + 1000: b"<<>>"}, b"\0" * (2 * MIB - 100)) for n in range(100, 160)}
    return with_reference_stream(
        {**_tree(_names(range(1100, 1160))), **streams}, {n + 1000: n for n in range(100, 160)}
    )


def _chain_of_tables() -> bytes:
    """Streams of references, each with one before it, and a filter that is slow in all of them."""
    out, before = bytearray(b"%PDF-1.7\n1 0 obj\n<</Type/Catalog>>\nendobj\n"), b""
    entries = b"/Type/XRef/W[1 1 1]/Size 1/Index[0 1]/Root 1 0 R/Filter/FlateDecode" + ONE_COLUMN
    packed, at = zlib.compress(ROWS, 9), 0
    for number in range(10, 30):
        at = len(out)
        out += b"%d 0 obj\n%s\nendobj\n" % (number, stream(packed, entries + before))
        before = b"/Prev %d" % at
    return bytes(out) + b"startxref\n%d\n%%%%EOF\n" % at


def _slow_streams_in_a_damaged_file() -> bytes:
    """All of them are unpacked to find out which objects there are."""
    entries = b"/Type/ObjStm/N 1/First 5/Filter/FlateDecode" + ONE_COLUMN
    slow = stream(zlib.compress(ROWS, 9), entries)
    return _damaged(with_table({1: CATALOG, **PAGES, **dict.fromkeys(range(100, 120), slow)}))


def _endless_table() -> bytes:
    """2 MiB of references, each to be looked at."""
    count = 100_000
    return b"%%PDF-1.7\nxref\n0 %d\n%strailer<</Size 5/Root 1 0 R>>\nstartxref\n9\n%%%%EOF\n" % (
        count,
        b"0000000009 00000 n \n" * count,
    )


def _no_end() -> bytes:
    """The end is looked for line by line."""
    return b"%PDF-1.7\n" + b"a\n" * MIB


def _no_catalog() -> bytes:
    """All objects that there could be are asked whether they are it."""
    return with_table({**PAGES, 999: stream(b"\n77   " * MIB)}).replace(b"/Size 1000", b"/Size 900000")


@pytest.mark.parametrize(
    "make",
    [
        _undefined,
        _not_in_its_stream,
        _streams_of_objects,
        _chain_of_tables,
        _slow_streams_in_a_damaged_file,
        _endless_table,
        _no_end,
        _no_catalog,
    ],
)
def test_a_pdf_that_takes_too_much_work_is_given_up(
    make: Callable[[], bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever way it has found to make the reader work; here after a twentieth of the usual steps."""
    monkeypatch.setattr(pdf, "MAX_STEPS", pdf_work.MAX_STEPS // 20)
    assert _refusal(make()) == "SETTLE-PDF-LIMIT"


@pytest.mark.parametrize(
    "tree",
    [
        _tree(b"/Kids[" + b"5 0 R " * 90_000 + b"]")
        | {5: b"<</Names 6 0 R>>", 6: b"[" + b"(a)" * 90_000 + b"]"},
        _tree(b"/Kids[5 0 R 5 0 R]")
        | {n: b"<</Kids[%d 0 R %d 0 R]>>" % (n + 1, n + 1) for n in range(5, 65)},
        _tree(b"/Kids[4 0 R]"),
        _tree(b"/Kids[" + b"<<>>" * 20_000 + b"]/Names[" + b"0 " * 20_000 + b"]"),
        _tree(b"/Kids 7/Names(x)"),
        {1: CATALOG, **PAGES, 4: b"7"},
    ],
    ids=["kids share a list", "doubling", "circle", "wide", "no lists", "no dictionary"],
)
def test_a_tree_of_names_is_walked_once(tree: dict[int, bytes]) -> None:
    """Circles, nodes under many others, and what is no node at all."""
    assert _refusal(with_table(tree)) == "SETTLE-PDF-NO-INVOICE"


def test_a_tree_of_names_is_walked_to_its_leaves() -> None:
    """Writers with many attachments make nodes of nodes."""
    objects = {5: b"<</Kids[6 0 R]>>", 6: b"<</Kids[7 0 R]>>", 7: b"<</Names[(a.xml)8 0 R]>>"}
    objects |= {8: specification(b"a.xml", 9), 9: deflated(cii())}
    assert embedded_invoice(with_table(_tree(b"/Kids[5 0 R]") | objects), LIMIT)[1] == "cii"


def test_an_invoice_in_a_pdf_of_many_objects_is_read() -> None:
    """With a table, with streams of objects, and where the table is damaged."""
    leaves = {4: b"<</Names[(a.xml)5 0 R]>>", 5: specification(b"a.xml", 6)}
    others = dict.fromkeys(range(10, 10000), b"<</Type/XObject/A 1/B[1 2 3]>>")
    plain = with_table({1: CATALOG, **PAGES, **leaves, 6: deflated(cii()), **others})
    streams = {
        20_000 + n: object_stream({30_000 + n * 100 + k: b"<</A 1>>" for k in range(100)}) for n in range(50)
    }
    packed = with_reference_stream(
        {1: CATALOG, **PAGES, 6: deflated(cii()), 7: object_stream(leaves), **streams},
        {4: 7, 5: 7, **{30_000 + n * 100 + k: 20_000 + n for n in range(50) for k in range(100)}},
    )
    for content in (plain, packed, _damaged(plain), _damaged(packed)):
        assert embedded_invoice(content, LIMIT)[1] == "cii"


def test_reading_a_pdf_elsewhere_is_not_counted() -> None:
    """The bounds are those of the checks, not of everybody in the process."""
    content = with_table({1: CATALOG, **PAGES, 4: b"<<>>", 5: deflated(b"x" * 3 * pdf_work.MAX_STRUCTURE)})
    found = PdfReader(io.BytesIO(content)).get_object(5)
    assert len(found.get_data()) == 3 * pdf_work.MAX_STRUCTURE  # pyright: ignore
