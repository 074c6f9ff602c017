"""Hardened XML parsing: what is refused, and what is read all the same."""

from __future__ import annotations

import contextlib

import pytest

from invoicing import safe_xml
from invoicing.safe_xml import BadDocument, parse, place_of, to_text
from tests.unit.linear import processor_seconds

BILLION_LAUGHS = (
    '<?xml version="1.0"?><!DOCTYPE a [<!ENTITY a "ha">'
    + "".join(
        f'<!ENTITY {name} "{f"&{last};" * 10}">' for last, name in zip("abcdefgh", "bcdefghi", strict=True)
    )
    + "]><a>&i;</a>"
)


def _refusal(content: bytes) -> str:
    with pytest.raises(BadDocument) as caught:
        parse(content)
    return caught.value.finding.rule


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
@pytest.mark.parametrize("prolog", ["", "<!-- <a> -->", "<?pi <a> ?>\n"])
def test_a_doctype_is_refused_in_any_encoding_and_behind_comments(encoding: str, prolog: str) -> None:
    """With its external subset, which is never fetched."""
    content = f"{prolog}<!DOCTYPE a SYSTEM 'http://localhost/a.dtd'><a/>".encode(encoding)
    assert _refusal(content) == "SETTLE-XML-DTD"


@pytest.mark.parametrize("encoding", ["utf-16-le", "utf-16-be", "utf-32", "cp037"])
def test_a_doctype_gets_through_in_no_unusual_encoding(encoding: str) -> None:
    """Where the scan of bytes does not see it, the parser does."""
    declared = f'<?xml version="1.0" encoding="{encoding}"?><!DOCTYPE a [<!ENTITY x "y">]><a>&x;</a>'
    assert _refusal(declared.encode(encoding)) in ("SETTLE-XML-DTD", "SETTLE-XML-BROKEN")


def test_an_external_entity_is_refused_and_its_file_not_read(tmp_path) -> None:
    """The classic way to read files of a server."""
    secret = tmp_path / "secret.txt"
    secret.write_text("the secret")
    content = f'<!DOCTYPE a [<!ENTITY x SYSTEM "{secret.as_uri()}">]><a>&x;</a>'
    with pytest.raises(BadDocument) as caught:
        parse(content.encode())
    assert caught.value.finding.rule == "SETTLE-XML-DTD"
    assert "secret" not in caught.value.finding.text


def test_billion_laughs_is_refused_unexpanded() -> None:
    """A few hundred bytes that would be gigabytes."""
    assert _refusal(BILLION_LAUGHS.encode()) == "SETTLE-XML-DTD"


def test_the_word_doctype_in_the_content_is_no_doctype() -> None:
    """Terms and conditions come as HTML now and then."""
    assert parse(b"<a><![CDATA[<!DOCTYPE html><p>terms</p>]]></a>").text == "<!DOCTYPE html><p>terms</p>"
    assert parse(b"<!-- <!DOCTYPE a> --><a/>").tag == "a"


def test_an_undeclared_entity_is_broken_xml() -> None:
    """Without a DOCTYPE there are no entities but the five of XML."""
    assert _refusal(b"<a>&x;</a>") == "SETTLE-XML-BROKEN"


@pytest.mark.parametrize(
    "content",
    [
        "\ufeff<a>\u00e9</a>".encode(),
        '<?xml version="1.0" encoding="UTF-16"?><a>\u00e9</a>'.encode("utf-16"),
        '<?xml version="1.0" encoding="ISO-8859-1"?><a>\u00e9</a>'.encode("latin-1"),
        '<?xml version="1.0" encoding="windows-1252"?><a>\u00e9</a>'.encode("cp1252"),
        b"<a>&#233;</a>",
    ],
    ids=["utf-8 with byte-order mark", "utf-16", "latin-1", "windows-1252", "character reference"],
)
def test_encodings_are_read_and_written_anew_as_plain_text(content: bytes) -> None:
    """Saxon gets neither a byte-order mark nor a declaration."""
    root = parse(content)
    assert root.text == "\u00e9"
    assert to_text(root) == "<a>\u00e9</a>"


def test_a_value_split_by_a_comment_is_one_value() -> None:
    """Saxon sees 123 here; a reader that stopped at the comment would see 12 and pay that."""
    assert parse(b"<a>12<!-- x -->3</a>").text == "123"


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"hello",
        b"<a>",
        b"<a></b>",
        b"\x00\x01\x02",
        b'<?xml version="1.0" encoding="no-such"?><a/>',
        b"<a>\xff</a>",
    ],
)
def test_what_is_not_well_formed_is_a_finding(content: bytes) -> None:
    """Among them nothing at all, no XML, and an encoding nobody knows."""
    assert _refusal(content) == "SETTLE-XML-BROKEN"


def test_the_line_of_a_syntax_error_is_named() -> None:
    """Somebody has to find it."""
    with pytest.raises(BadDocument) as caught:
        parse(b"<a>\n<b>\n</a>")
    assert caught.value.finding.place == "line 3"


def test_nesting_is_bounded() -> None:
    """Deep nesting exhausts the stack of whoever walks the tree."""
    depth = safe_xml.MAX_DEPTH
    assert parse(b"<a>" * depth + b"</a>" * depth).tag == "a"
    assert _refusal(b"<a>" * (depth + 1) + b"</a>" * (depth + 1)) == "SETTLE-XML-LIMIT"
    assert _refusal(b"<a>" * 100_000 + b"</a>" * 100_000) == "SETTLE-XML-LIMIT"


def test_nesting_is_bounded_in_long_documents_too() -> None:
    """Over 9 MB the parser's own limit is off, for the sake of long attachments."""
    content = b"<a>" * 500 + b"x" * 9_500_000 + b"</a>" * 500
    assert _refusal(content) == "SETTLE-XML-LIMIT"


def test_a_long_attachment_is_no_reason_to_refuse() -> None:
    """libxml2 by itself stops at text of 10 MB."""
    text = b"x" * 12_000_000
    assert len(parse(b"<a>" + text + b"</a>").text or "") == len(text)


def test_the_number_of_tags_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """Four bytes of an empty element are a hundred in memory."""
    monkeypatch.setattr(safe_xml, "MAX_TAGS", 100)
    assert _refusal(b"<a>" + b"<b/>" * 100 + b"</a>") == "SETTLE-XML-LIMIT"


def test_places_are_short_paths_that_number_equal_siblings() -> None:
    """People read them."""
    root = parse(b'<i xmlns:c="urn:c"><c:l/><c:l><c:d/></c:l></i>')
    assert place_of(root[1][0]) == "/i/l[2]/d"


@pytest.mark.parametrize(
    "item", [b"<!--", b"<?", b"<!---->", b"<??>", b"<?a?>", b"<!-- <?", b"<!", b"<!-", b"<!x>", b"<!-- -- ->"]
)
@pytest.mark.parametrize("end", [b"", b"<a/>"])
def test_what_stands_before_the_first_element_is_looked_through_once(item: bytes, end: bytes) -> None:
    """Whether it is closed or not: 3 MB of it took hours where each beginning looked for its own end."""

    content = item * (3_000_000 // len(item)) + end

    def looked_through() -> None:
        with contextlib.suppress(BadDocument):
            parse(content)

    assert processor_seconds(looked_through) < 5


@pytest.mark.parametrize("encoding", ["cp037", "cp500", "utf-7", "iso-2022-jp", "x" * 2000])
def test_an_encoding_in_which_limits_cannot_be_seen_is_refused(encoding: str) -> None:
    """Tags are counted before they are parsed, by a byte that these encodings do not have for them."""
    declaration = f'<?xml version="1.0" encoding="{encoding}"?>'
    assert _refusal(declaration.encode() + b"<a/>") == "SETTLE-XML-BROKEN"
    assert _refusal("<?xml version='1.0'?><a/>".encode("cp037")) == "SETTLE-XML-BROKEN"


def test_an_instruction_that_speaks_of_an_encoding_is_no_declaration() -> None:
    """Only what stands at the very beginning is."""
    assert parse(b"<?xml version='1.0'?><?xml-x encoding='y'?><a><?xml-x encoding='y'?></a>").tag == "a"
    assert parse(b"<?xml-x encoding='y'?><a/>").tag == "a"


def test_the_number_of_attributes_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """A megabyte of them is thirty in memory."""
    monkeypatch.setattr(safe_xml, "MAX_ATTRIBUTES", 100)
    attributes = " ".join(f"a{n}=''" for n in range(101))
    assert _refusal(f"<a {attributes}/>".encode()) == "SETTLE-XML-LIMIT"


def test_siblings_are_counted_up_to_a_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    """A hundred places among half a million siblings would be fifty million steps."""
    monkeypatch.setattr(safe_xml, "_COUNTED", 3)
    root = parse(b"<i>" + b"<l/>" * 6 + b"</i>")
    assert [place_of(line) for line in list(root)[:3]] == ["/i/l[1]", "/i/l[2]", "/i/l[3]"]
    assert place_of(root[5]) == "/i/l[after 3]"
