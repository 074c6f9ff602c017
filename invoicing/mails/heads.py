"""The head of a mail: what it says of itself, read without trusting it.

Headers are read as they stand. The package `email` takes each apart only where that is asked for, and some
broken ones make it fail in ways that it does not tell of; so whatever it raises means: this header is broken.
"""

from __future__ import annotations

from dataclasses import dataclass
from email.headerregistry import Address, AddressHeader
from email.message import EmailMessage
from email.policy import EmailPolicy
from typing import Any

from invoicing import texts
from invoicing.approval.persons import BadPerson, person_id
from invoicing.records.base import Person

#: Characters of one header that are kept.
LONGEST_HEADER = 8_000
#: Characters of one header that is taken apart. The library's work grows with the square of them, and nobody
#: but an attacker has more to say.
LONGEST_PARSED = 2_000


class _Careful(EmailPolicy):
    """Takes headers apart as ever, but for those that are too long or break it: these count as empty.

    The library asks for Content-Type while it reads a mail, before anybody can look at it; comments inside of
    each other end it with a RecursionError then.
    """

    def header_fetch_parse(self, name: str, value: str) -> Any:
        """The header as an object."""
        try:
            return super().header_fetch_parse(name, value if len(value) <= LONGEST_PARSED else "")
        except Exception:  # noqa: BLE001 - IndexError, AttributeError, RecursionError and more
            return self.header_factory(name, "")


#: The policy that mails are read with. What is broken is noted with the mail and not raised.
POLICY = _Careful(raise_on_defect=False, utf8=True)
#: How many headers of one name are looked at.
MOST_OF_A_NAME = 50
_LONGEST_SUBJECT = 200


@dataclass(frozen=True)
class Head:
    """What a mail's head says.

    `sender`: the one address in From; None where there is none that can be used, and `sender_fault` says why.
    `shown_sender`: From as it can be shown. `message_id`, `raw_from`, `date`, `raw_subject`: as they stand,
    cut. `return_path`: the address that the server noted, "<>" of a bounce, "" where there is none.
    `results`: the headers Authentication-Results, from the top. `marks`: headers of automatic mails, by their
    names in small letters.
    """

    sender: Person | None
    sender_fault: str
    shown_sender: str
    subject: str
    message_id: str
    raw_from: str
    date: str
    raw_subject: str
    return_path: str
    results: tuple[str, ...]
    marks: dict[str, str]
    content_type: str


#: Headers that say that a mail was sent by a machine, or to many.
MARKS = (
    "auto-submitted",
    "precedence",
    "list-id",
    "list-unsubscribe",
    "list-post",
    "x-auto-response-suppress",
    "x-autoreply",
    "x-autorespond",
    "x-loop",
)


def head_of(mail: EmailMessage) -> Head:
    """Read the head of a mail; never raises."""
    sender, fault = _sender(mail)
    return Head(
        sender=sender,
        sender_fault=fault,
        shown_sender=texts.cleaned(decoded(mail, "from"), _LONGEST_SUBJECT),
        subject=texts.cleaned(decoded(mail, "subject"), _LONGEST_SUBJECT),
        message_id=first(mail, "message-id"),
        raw_from=first(mail, "from"),
        date=first(mail, "date"),
        raw_subject=first(mail, "subject"),
        return_path=first(mail, "return-path"),
        results=tuple(raw_headers(mail, "authentication-results")),
        marks={name: first(mail, name) for name in MARKS if _has(mail, name)},
        content_type=content_type_of(mail),
    )


def raw_headers(mail: EmailMessage, name: str) -> list[str]:
    """The headers of a name as they stand, from the top, unfolded and cut."""
    items: list[tuple[str, Any]] = list(mail.raw_items())
    found = [str(value) for key, value in items if key.lower() == name][:MOST_OF_A_NAME]
    return [_plain(value) for value in found]


def first(mail: EmailMessage, name: str) -> str:
    """The first header of a name as it stands, "" where there is none."""
    return next(iter(raw_headers(mail, name)), "")


def decoded(mail: EmailMessage, name: str) -> str:
    """A header with its encoded words read; as it stands where it is broken."""
    raw = first(mail, name)
    if len(raw) > LONGEST_PARSED:
        return raw
    try:
        value: Any = POLICY.header_factory(name, raw)
        return _plain(str(value))
    except Exception:  # noqa: BLE001 - `email` raises IndexError, AttributeError and more for what is broken
        return raw


def content_type_of(part: EmailMessage) -> str:
    """The media type in small letters; `application/octet-stream` where the header is broken."""
    if len(first(part, "content-type")) > LONGEST_PARSED:
        return "application/octet-stream"
    try:
        return part.get_content_type().lower()
    except Exception:  # noqa: BLE001 - as above
        return "application/octet-stream"


def _has(mail: EmailMessage, name: str) -> bool:
    return any(key.lower() == name for key in mail.keys())  # noqa: SIM118 - a mail is no dict: `in` asks for one


def _plain(value: str) -> str:
    """One line of a bounded length; bytes that are no ASCII stay as marks."""
    text = value[:LONGEST_HEADER].encode("utf-8", "surrogateescape").decode("utf-8", "replace")
    return " ".join(text.split())


def _sender(mail: EmailMessage) -> tuple[Person | None, str]:
    """The one address in From, or why there is none."""
    raw = raw_headers(mail, "from")
    if len(raw) != 1:
        return None, "It has no sender (From)." if not raw else "It has several headers From."
    if len(raw[0]) > LONGEST_PARSED:
        return None, "Its sender (From) is too long."
    addresses = _addresses(raw[0])
    if len(addresses) != 1:
        return None, "Its sender (From) is not one address."
    try:
        return Person(person_id(addresses[0].addr_spec)), ""
    except BadPerson as error:
        return None, f"Its sender {error}."


def _addresses(text: str) -> tuple[Address, ...]:
    try:
        header: Any = POLICY.header_factory("from", text)
        return header.addresses if isinstance(header, AddressHeader) else ()
    except Exception:  # noqa: BLE001 - as above
        return ()
