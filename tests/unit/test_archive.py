"""Zip archives from outside: what is refused as a whole, what as a single file, and what is taken."""

import io
import struct
import tracemalloc
import zipfile
import zlib
from pathlib import Path
from typing import BinaryIO

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from invoicing.archive import MIB, Archive, BadArchive, Entry, Limits, loose_entry
from tests.unit.linear import processor_seconds

XML = b"<?xml version='1.0'?><Invoice/>"


def _zip(*members: tuple[str | zipfile.ZipInfo, bytes], method: int = zipfile.ZIP_DEFLATED) -> io.BytesIO:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", method) as archive:
        for name, content in members:
            archive.writestr(name, content)
    return file


def _patched(file: BinaryIO, old: bytes, new: bytes) -> io.BytesIO:
    file.seek(0)
    data = file.read()
    assert old in data, "the test's own patch must apply"
    return io.BytesIO(data.replace(old, new))


def _taken(file: BinaryIO, limits: Limits | None = None) -> list[Entry]:
    archive = Archive(file, limits or Limits())
    return [archive.read(index) for index in range(len(archive))]


def _rules(file: BinaryIO, limits: Limits | None = None) -> list[str | None]:
    return [entry.finding.rule if entry.finding else None for entry in _taken(file, limits)]


def test_documents_come_in_the_order_of_the_archive() -> None:
    """Names and bytes come through as they are, folders are left out."""
    file = _zip(("b/2.xml", b"two"), ("b/", b""), ("a.xml", b"one"))
    assert _taken(file) == [Entry("b/2.xml", b"two", 3), Entry("a.xml", b"one", 3)]
    assert len(Archive(file)) == 2


def test_files_that_desktops_leave_behind_are_left_out() -> None:
    """They are no documents, and nobody wants a finding about them."""
    junk = ["__MACOSX/a.xml", "__MACOSX/._a.xml", ".DS_Store", "x/.DS_Store", "x/._b.xml", "x/Thumbs.db"]
    file = _zip(("a.xml", XML), *((name, b"junk") for name in junk))
    assert [entry.name for entry in _taken(file)] == ["a.xml"]


def test_names_are_looked_through_once() -> None:
    """Five names of the greatest length froze a server for twelve seconds; this is 100 of them."""
    name = "/__MACOSX/" * 6000 + "\n\nx"
    file = _zip(*((f"{n}{name}", b"x") for n in range(100)), ("a.xml", XML))
    assert processor_seconds(lambda: Archive(file)) < 5
    assert [entry.name for entry in _taken(file)] == ["a.xml"]


@pytest.mark.parametrize("members", [[], [("folder/", b"")], [("__MACOSX/x", b"1")]])
def test_zip_without_a_document_is_refused(members: list[tuple[str | zipfile.ZipInfo, bytes]]) -> None:
    """Nothing, only folders, or only desktop files: 400 with what to do."""
    with pytest.raises(BadArchive, match="Put the invoices into it") as caught:
        Archive(_zip(*members))
    assert (caught.value.code, caught.value.status) == ("empty_zip", 400)


@pytest.mark.parametrize("data", [b"", b"PK", b"<Invoice/>", b"%PDF-1.7", b"PK\x05\x06", b"\x00" * 100_000])
def test_what_is_no_zip_is_refused(data: bytes) -> None:
    """Any other file: 400."""
    with pytest.raises(BadArchive) as caught:
        Archive(io.BytesIO(data))
    assert (caught.value.code, caught.value.status) == ("not_a_zip", 400)


def test_truncated_zip_is_refused() -> None:
    """An upload that broke off has no directory, wherever it was cut."""
    data = _zip(("a.xml", XML * 20), ("b.xml", XML)).getvalue()
    for length in range(0, len(data) - 1, 7):
        with pytest.raises(BadArchive, match="not a complete zip"):
            Archive(io.BytesIO(data[:length]))


def test_20_001_documents_are_refused_and_20_000_taken() -> None:
    """The limit is exact: 413 with what to do."""

    def archive(count: int) -> io.BytesIO:
        return _zip(*((f"{n}.xml", b"") for n in range(count)), method=zipfile.ZIP_STORED)

    assert len(Archive(archive(20_000))) == 20_000
    with pytest.raises(BadArchive, match="Send several zips") as caught:
        Archive(archive(20_001))
    assert (caught.value.code, caught.value.status) == ("too_many_documents", 413)


def test_directory_of_a_million_entries_is_refused_without_reading_it_into_objects() -> None:
    """The end record announces the directory's size; memory stays far below that of a million entries."""
    entry = struct.pack("<4s6H3L5H2L", b"PK\x01\x02", *[20] * 6, 0, 0, 0, 1, *[0] * 4, 0, 0) + b"x"
    directory = entry * 1_000_000
    end = struct.pack("<4s4H2LH", b"PK\x05\x06", 0, 0, 0xFFFF, 0xFFFF, len(directory), 0, 0)
    file = io.BytesIO(directory + end)
    tracemalloc.start()
    with pytest.raises(BadArchive) as caught:
        Archive(file)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert caught.value.code == "too_many_documents"
    assert peak < 2 * MIB


def test_zip64_archive_is_taken() -> None:
    """Some tools write the large form for small archives too."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("a.xml", XML)
        start = archive.start_dir
    data = file.getvalue()
    directory = data[start : data.rfind(b"PK\x05\x06")]
    record = struct.pack(
        "<4sQ2H2L4Q", b"PK\x06\x06", 44, 45, 45, 0, 0, 1, 1, len(directory), start
    ) + struct.pack("<4sLQL", b"PK\x06\x07", 0, start + len(directory), 1)
    end = struct.pack("<4s4H2LH", b"PK\x05\x06", 0, 0, 0xFFFF, 0xFFFF, 2**32 - 1, 2**32 - 1, 0)
    assert [e.content for e in _taken(io.BytesIO(data[:start] + directory + record + end))] == [XML]


def test_total_that_is_declared_over_the_limit_is_refused_unread() -> None:
    """A bomb that says what it is: 413 before a byte is unpacked."""
    file = _zip(("a.xml", b"0" * 3000), ("b.xml", b"0" * 3000))
    with pytest.raises(BadArchive) as caught:
        Archive(file, Limits(max_total=5999))
    assert (caught.value.code, caught.value.status) == ("archive_too_large", 413)
    assert len(Archive(file, Limits(max_total=6000))) == 2


@pytest.mark.parametrize(
    "name",
    [
        "../x.xml",
        "a/../../x.xml",
        "/etc/passwd",
        "..\\x.xml",
        "a\\..\\..\\x.xml",
        "C:\\x.xml",
        "c:x",
        "\\\\srv\\x",
    ],
)
def test_path_that_leads_out_is_a_finding(name: str) -> None:
    """The file is not taken, with any kind of slash; the others are."""
    file = _zip((name, XML), ("good.xml", XML))
    assert _rules(file) == ["SETTLE-ZIP-PATH", None]


def test_backslashes_of_old_windows_tools_are_folders() -> None:
    """They are no attack; two dots inside a name are none either."""
    file = _zip(("2024\\march\\a..b.xml", XML))
    assert [entry.name for entry in _taken(file)] == ["2024/march/a..b.xml"]


def test_nested_zip_is_a_finding() -> None:
    """Found by content, so a misleading name does not help."""
    inner = _zip(("a.xml", XML)).getvalue()
    assert _rules(_zip(("in.zip", inner), ("invoice.xml", inner))) == ["SETTLE-ZIP-NESTED"] * 2


def test_high_ratio_is_a_finding_and_is_not_unpacked() -> None:
    """A megabyte of zeros packs a thousandfold; small repetitive files may."""
    file = _zip(("bomb.xml", b"0" * 8 * MIB), ("small.xml", b"0" * MIB), ("good.xml", XML))
    tracemalloc.start()
    assert _rules(file) == ["SETTLE-ZIP-RATIO", None, None]
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 6 * MIB


def _bomb(names: int, size: int, apart: int) -> io.BytesIO:
    """A zip whose directory lists one member under many names, each `apart` bytes after the one before."""
    data = _zip(("a.xml", b"0" * size)).getvalue()
    directory, end = data.index(b"PK\x01\x02"), data.index(b"PK\x05\x06")
    entry = data[directory:end]
    entries = b"".join(entry[:42] + struct.pack("<L", n * apart) + entry[46:] for n in range(names))
    last = struct.pack("<4s4H2LH", b"PK\x05\x06", 0, 0, names, names, len(entries), directory, 0)
    return io.BytesIO(data[:directory] + entries + last)


@pytest.mark.parametrize("apart", [0, 30, 60])
def test_members_that_share_bytes_are_refused(apart: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """46 KB hold a thousand times one megabyte, whether this Python's zipfile would see it or not."""
    monkeypatch.setattr(zipfile.ZipFile, "_RealGetContents", _as_before_3_11_8)
    file = _bomb(1000, MIB, apart)
    assert file.getbuffer().nbytes < 80_000
    with pytest.raises(BadArchive, match="share the same bytes") as caught:
        Archive(file)
    assert (caught.value.code, caught.value.status) == ("overlapping_files", 400)


_contents = zipfile.ZipFile._RealGetContents  # pyright: ignore[reportAttributeAccessIssue]


def _as_before_3_11_8(self: zipfile.ZipFile) -> None:
    """Read the directory without noting where each member has to end."""
    _contents(self)
    for member in self.filelist:
        if hasattr(member, "_end_offset"):
            member._end_offset = None  # pyright: ignore[reportAttributeAccessIssue]


def test_member_that_reaches_into_the_directory_is_refused() -> None:
    """The last one has an end, too."""
    file = _patched(_zip(("a.xml", b"x" * 50), method=zipfile.ZIP_STORED), b"\x32\0\0\0", b"\x99\0\0\0")
    with pytest.raises(BadArchive, match="share the same bytes"):
        Archive(file)


def test_archive_of_many_small_bombs_is_refused_as_a_whole() -> None:
    """Each below the size from which its own ratio counts."""
    file = _zip(*((f"{n}.xml", b"0" * MIB) for n in range(100)))
    with pytest.raises(BadArchive, match="over 200 times its size") as caught:
        Archive(file)
    assert (caught.value.code, caught.value.status) == ("archive_ratio", 413)
    assert len(Archive(file, Limits(total_ratio_from=100 * MIB))) == 100


def test_60_mb_document_is_a_finding_and_never_in_memory(tmp_path: Path) -> None:
    """Also stored, where its ratio is 1; the text names both sizes."""
    path = tmp_path / "big.zip"
    with zipfile.ZipFile(path, "w") as archive, archive.open("big.xml", "w") as member:
        for _ in range(60):
            member.write(bytes(MIB))
    with path.open("rb") as file:
        tracemalloc.start()
        (entry,) = _taken(file)
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
    assert entry.finding is not None
    assert entry.finding.rule == "SETTLE-FILE-TOO-LARGE"
    assert entry.finding.text == "The file has 60 MiB; the limit is 20 MiB."
    assert (entry.content, entry.size) == (None, 60 * MIB)
    assert peak < 2 * MIB


def test_header_that_claims_less_than_there_is_does_not_unpack_more() -> None:
    """The lying bomb: 100 bytes announced, 64 MiB inside."""
    real = 64 * MIB
    file = _zip(("bomb.xml", b"0" * real), ("good.xml", XML))
    lying = _patched(file, struct.pack("<L", real), struct.pack("<L", 100))
    tracemalloc.start()
    assert _rules(lying) == ["SETTLE-ZIP-DAMAGED", None]
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 4 * MIB


def test_header_that_claims_more_than_there_is_is_a_finding() -> None:
    """A short content with a good checksum is still not what was announced."""
    content = b"abc" * 41
    lying = _patched(
        _zip(("a.xml", content), ("good.xml", XML)), struct.pack("<L", 123), struct.pack("<L", 999)
    )
    assert _rules(lying) == ["SETTLE-ZIP-DAMAGED", None]


def test_wrong_checksum_is_a_finding() -> None:
    """A bit that flipped on the way is noticed."""
    file = _zip(("a.xml", b"hello world"), ("good.xml", XML), method=zipfile.ZIP_STORED)
    assert _rules(_patched(file, b"hello world", b"hello_world")) == ["SETTLE-ZIP-DAMAGED", None]


def test_damaged_stream_is_a_finding() -> None:
    """Bytes that deflate cannot read."""
    content = XML * 30
    packer = zlib.compressobj(6, zlib.DEFLATED, -15)
    packed = packer.compress(content) + packer.flush()
    file = _zip(("a.xml", content), ("good.xml", XML))
    assert _rules(_patched(file, packed, b"\xff" * len(packed))) == ["SETTLE-ZIP-DAMAGED", None]


def test_encrypted_document_is_a_finding() -> None:
    """There is nobody to ask for the password."""
    data = bytearray(_zip(("a.xml", XML)).getvalue())
    data[6] |= 1
    data[data.rfind(b"PK\x01\x02") + 8] |= 1
    assert _rules(io.BytesIO(data)) == ["SETTLE-ZIP-ENCRYPTED"]


@pytest.mark.parametrize("method", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_other_compression_is_a_finding(method: int) -> None:
    """Their decoders cannot be told to stop after so many bytes."""
    assert _rules(_zip(("a.xml", XML), method=method)) == ["SETTLE-ZIP-COMPRESSION"]


def test_symbolic_link_is_a_finding() -> None:
    """Its content is a path of the sender's machine."""
    link = zipfile.ZipInfo("invoice.xml")
    link.create_system, link.external_attr = 3, 0o120777 << 16
    assert _rules(_zip((link, b"/etc/passwd"), ("good.xml", XML))) == ["SETTLE-ZIP-LINK", None]


def test_empty_document_is_taken() -> None:
    """That it is empty is for the check to say, as of any other document."""
    assert _taken(_zip(("a.xml", b""))) == [Entry("a.xml", b"", 0)]


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_two_documents_of_one_name_are_both_taken() -> None:
    """Each keeps its own bytes: they are told apart by number."""
    file = _zip(("a.xml", b"one"), ("a.xml", b"two"))
    assert [entry.content for entry in _taken(file)] == [b"one", b"two"]


def test_name_in_utf8_without_the_flag_is_read_as_utf8() -> None:
    """Older tools leave the flag out."""
    file = _patched(_zip(("Rechnung_M__ller.xml", XML)), b"M__ller", "Müller".encode())
    assert [entry.name for entry in _taken(file)] == ["Rechnung_Müller.xml"]


def test_name_in_an_old_code_page_is_taken() -> None:
    """Its letters may come out wrong, its document does not."""
    file = _patched(_zip(("Rechnung_M_ller.xml", XML)), b"M_ller", b"M\x81ller")
    assert [(entry.name, entry.content) for entry in _taken(file)] == [("Rechnung_Müller.xml", XML)]


def test_name_that_is_wrongly_marked_as_utf8_is_refused_with_words() -> None:
    """The directory cannot be trusted then."""
    file = _patched(_zip(("Ümlaut.xml", XML)), "Ü".encode(), b"\xff\xfe")
    with pytest.raises(BadArchive, match="UTF-8"):
        Archive(file)


def test_name_is_fit_to_be_shown() -> None:
    """Control characters and endless names would spoil a report."""
    names = [entry.name for entry in _taken(_zip(("a\x1b[2J\n.xml", XML), ("x" * 60_000 + ".xml", XML)))]
    assert names[0] == "a\ufffd[2J\ufffd.xml"
    assert len(names[1]) == 400


def test_loose_document_is_under_the_same_limits() -> None:
    """A file that comes by itself is judged as in a zip."""
    assert loose_entry("a.xml", XML) == Entry("a.xml", XML, len(XML))
    refused = loose_entry("b.xml", b"12345", Limits(max_document=4))
    assert refused.finding is not None
    assert refused.finding.rule == "SETTLE-FILE-TOO-LARGE"
    assert refused.content is None


@settings(max_examples=300, deadline=None)
@given(st.data())
def test_damaged_archive_is_refused_or_yields_findings(data: st.DataObject) -> None:
    """Whatever bytes are overwritten, there is no other exception, and good content stays good."""
    whole = bytearray(_zip(("a.xml", XML * 9), ("b.xml", b"b" * 400)).getvalue())
    for _ in range(data.draw(st.integers(1, 6))):
        whole[data.draw(st.integers(0, len(whole) - 1))] = data.draw(st.integers(0, 255))
    try:
        taken = _taken(io.BytesIO(whole), Limits(max_document=2000, max_total=4000))
    except BadArchive:
        return
    assert all((entry.content is None) != (entry.finding is None) for entry in taken)
