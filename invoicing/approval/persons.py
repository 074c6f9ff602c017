"""Persons: what their ids are, and how an address that somebody wrote becomes one.

A person is an e-mail address in one form: small letters, ASCII before the @, and the domain as it stands in
the DNS (`müller.example` is `xn--mller-kva.example`). Every address goes through `person_id` where it comes
in (policy, sign-in, links, senders, absences, queries), so equal ids are one person, and others are not.

What can be taken for another character is refused and never mended: the Kelvin sign is no K, and whoever
signs in as `ann@…` with a Cyrillic a is not Ann. Letters beyond ASCII before the @ are rare in addresses, and
many of them have twins in other scripts, so none is taken there.
"""

from __future__ import annotations

import re
import unicodedata

import idna

LONGEST = 254
_LONGEST_LOCAL = 64
_EXAMPLE = "an e-mail address such as ann.roth@example.com"
# The characters of RFC 5322's dot-atom.
_LOCAL = re.compile(r"[a-z0-9!#$%&'*+/=?^_`{|}~-]+(\.[a-z0-9!#$%&'*+/=?^_`{|}~-]+)*")
# Scripts that are written together in one word, by the first word of their letters' names.
_WITH_CJK = {"HIRAGANA", "KATAKANA", "HANGUL", "BOPOMOFO", "IDEOGRAPHIC"}


class BadPerson(ValueError):
    """A text that names no person; the message is the end of a sentence: "is not an e-mail address …"."""


def person_id(text: str) -> str:
    """The id of the person whose address this is. Raises BadPerson for what is none or looks like another."""
    address = text.strip()
    if len(address) > LONGEST:
        raise BadPerson(f"has more than {LONGEST} characters")
    local, _, domain = address.rpartition("@")
    if not local or not domain or "@" in local:
        raise BadPerson(f"is not {_EXAMPLE}")
    person = f"{_local(local)}@{_domain(domain)}"
    if len(person) > LONGEST:
        raise BadPerson(f"has more than {LONGEST} characters")
    return person


def is_person_id(text: str) -> bool:
    """Say whether a text is a person's id, not just an address that leads to one."""
    try:
        return person_id(text) == text
    except BadPerson:
        return False


def _local(text: str) -> str:
    for character in text:
        if not character.isascii():
            raise BadPerson(f"has {_named(character)} before the @, where ASCII alone is taken")
    local = text.lower()
    if len(local) > _LONGEST_LOCAL or not _LOCAL.fullmatch(local):
        raise BadPerson(f"is not {_EXAMPLE}")
    return local


def _domain(text: str) -> str:
    for character in text:
        # Only letters, marks and digits; and none that is another character in a different dress.
        is_plain = unicodedata.normalize("NFKC", character) == character
        if not character.isascii() and not (is_plain and unicodedata.category(character)[0] in "LMN"):
            raise BadPerson(f"has {_named(character)} in its domain: it looks like another, or like none")
    try:
        domain = idna.encode(unicodedata.normalize("NFC", text).lower()).decode("ascii")
        labels = idna.decode(domain).split(".")
    except (idna.IDNAError, UnicodeError) as error:
        raise BadPerson("has a domain that there cannot be") from error
    if any(len(_scripts(label)) > 1 for label in labels):
        raise BadPerson("has letters of several scripts in one part of its domain")
    return domain.removesuffix(".")


def _scripts(label: str) -> set[str]:
    """The scripts of a label's letters; those that are written together count as one."""
    words = (re.split("[ -]", unicodedata.name(letter, ""))[0] for letter in label if letter.isalpha())
    return {"CJK" if word in _WITH_CJK else word for word in words}


def _named(character: str) -> str:
    """`U+212A (KELVIN SIGN)`."""
    name = unicodedata.name(character, "")
    return f"U+{ord(character):04X}" + (f" ({name})" if name else "")
