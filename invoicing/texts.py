"""Text that comes from outside: what may not be in it, whichever door it comes in by.

Half a character (a lone surrogate) cannot be written as UTF-8, so storage, log and answer fail on it, long
after it was taken in. A control character ends a line, a header or a name, or makes a terminal do something.

Values are refused (`fault`). Names of files, which nobody can change any more, are mended (`cleaned`), and so
is what is shown (`masked`): there, what makes a text look like another one counts as well.
"""

from __future__ import annotations

import re

_SURROGATES = "\ud800-\udfff"
_CONTROLS = "\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f"
_NO_CHARACTERS = "\ufdd0-\ufdef\ufffe\uffff"
_LINE_BREAKS = "\t\n\r\u2028\u2029"
# Direction overrides, which show `gpj.exe` as `exe.jpg`, invisible spaces and tag characters. The joiners
# U+200C and U+200D are not among them, since scripts of Asia need them.
_DECEPTIVE = "\u061c\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff\U000e0000-\U000e007f"

_BAD_IN_TEXT = re.compile(f"[{_SURROGATES}{_CONTROLS}{_NO_CHARACTERS}]")
_BAD_IN_LINE = re.compile(f"[{_SURROGATES}{_CONTROLS}{_NO_CHARACTERS}{_LINE_BREAKS}]")
_MASKED = re.compile(f"[{_SURROGATES}{_CONTROLS}{_NO_CHARACTERS}{_DECEPTIVE}\r]")
_CLEANED = re.compile(f"[{_SURROGATES}{_CONTROLS}{_NO_CHARACTERS}{_DECEPTIVE}{_LINE_BREAKS}]")

#: What stands in the place of a character that may not be shown.
MARK = "\ufffd"
#: So much of a strange text is repeated in a message about it.
LONGEST_QUOTE = 60


def fault(text: str, longest: int, *, lines: bool = False) -> str | None:
    """What is wrong with a text, as the end of a sentence; None: nothing.

    `longest`: how many characters it may have. `lines`: whether it may have line breaks and tabs.
    """
    if len(text) > longest:
        return f"has more than {longest:,} characters"
    found = (_BAD_IN_TEXT if lines else _BAD_IN_LINE).search(text)
    if found is None:
        return None
    character = found[0]
    code = f"U+{ord(character):04X}"
    if "\ud800" <= character <= "\udfff":
        return f"holds half a character, {code} (a lone surrogate)"
    if character in _LINE_BREAKS:
        return f"has a tab or a line break, {code}"
    if character >= "\ufdd0":
        return f"holds {code}, which is no character"
    return f"holds a control character, {code}"


def masked(text: str) -> str:
    """A text that can be shown: what could deceive its reader is marked. Tab and line feed stay."""
    return _MASKED.sub(MARK, text)


def cleaned(text: str, longest: int) -> str:
    """A text as one line that can be shown and stored: what may not be in it is marked, its end is cut."""
    # Cut first: a name of megabytes is not looked at as a whole.
    mended = _CLEANED.sub(MARK, text[: longest + 1])
    return mended if len(mended) <= longest else mended[: longest - 1] + "…"


def quoted(text: str) -> str:
    """A strange text as part of a message about it: short, in quotes, and harmless."""
    return f"“{cleaned(text, LONGEST_QUOTE)}”"
