"""PDFs written by hand, object by object: what no library would write."""

from __future__ import annotations

import zlib
from collections.abc import Mapping

CATALOG = b"<</Type/Catalog/Pages 2 0 R/Names<</EmbeddedFiles 4 0 R>>>>"
PAGES = {2: b"<</Type/Pages/Kids[3 0 R]/Count 1>>", 3: b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 10 10]>>"}


def stream(data: bytes, entries: bytes = b"") -> bytes:
    """A stream with data as it is; `entries` are those of its dictionary, besides the length."""
    return b"<<%s/Length %d>>\nstream\n%s\nendstream" % (entries, len(data), data)


def deflated(data: bytes, entries: bytes = b"") -> bytes:
    """A stream packed with FlateDecode."""
    return stream(zlib.compress(data, 9), entries + b"/Filter/FlateDecode")


def specification(name: bytes, number: int) -> bytes:
    """A file specification of the embedded file with this number."""
    return b"<</Type/Filespec/F(%s)/UF(%s)/EF<</F %d 0 R>>>>" % (name, name, number)


def with_table(objects: Mapping[int, bytes]) -> bytes:
    """A PDF of these objects by number, with a table of references; 1 is the catalog."""
    out, places = bytearray(b"%PDF-1.7\n"), {}
    for number, content in sorted(objects.items()):
        places[number] = len(out)
        out += b"%d 0 obj\n%s\nendobj\n" % (number, content)
    table, last = len(out), max(objects)
    out += b"xref\n0 %d\n0000000000 65535 f \n" % (last + 1)
    for number in range(1, last + 1):
        out += b"%010d 00000 n \n" % places[number] if number in places else b"0000000000 65535 f \n"
    return bytes(out) + b"trailer<</Size %d/Root 1 0 R>>\nstartxref\n%d\n%%%%EOF\n" % (last + 1, table)


def with_reference_stream(
    objects: Mapping[int, bytes], inside: Mapping[int, int] | None = None, padding: bytes = b""
) -> bytes:
    """A PDF with a stream of references: `inside` has for objects in streams the number of their stream.

    `padding` follows the references in it.
    """
    out, places = bytearray(b"%PDF-1.7\n"), {}
    for number, content in sorted(objects.items()):
        places[number] = len(out)
        out += b"%d 0 obj\n%s\nendobj\n" % (number, content)
    inside = inside or {}
    last = max([*objects, *inside]) + 1
    places[last] = len(out)
    rows = bytearray()
    for number in range(last + 1):
        if number in inside:
            rows += b"\2%s\0" % inside[number].to_bytes(4, "big")
        else:
            rows += b"%c%s\0" % (number in places, places.get(number, 0).to_bytes(4, "big"))
    entries = b"/Type/XRef/W[1 4 1]/Size %d/Root 1 0 R" % (last + 1)
    content = deflated(bytes(rows) + padding, entries)
    out += b"%d 0 obj\n%s\nendobj\nstartxref\n%d\n%%%%EOF\n" % (last, content, places[last])
    return bytes(out)


def object_stream(parts: Mapping[int, bytes], padding: bytes = b"") -> bytes:
    """A stream of objects by number; `padding` follows them."""
    head, body = b"", b""
    for number, content in parts.items():
        head += b"%d %d " % (number, len(body))
        body += content + b" "
    entries = b"/Type/ObjStm/N %d/First %d" % (len(parts), len(head))
    return deflated(head + body + padding, entries)
