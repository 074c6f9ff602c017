"""Paths of blob bindings with ``{tokens}``: match a blob's name against one, or fill one in. Pure.

Tokens are greedy and match slashes; names are case-sensitive; the container of a trigger holds no tokens.
"""

from __future__ import annotations

import re
import uuid
from collections.abc import Mapping
from datetime import datetime

from devhost.errors import SettingsError

__all__ = ["BlobPattern", "fill"]

_TOKEN = re.compile(r"\{([^{}]+)\}")


class BlobPattern:
    """The path of a blob trigger, ``container/in/{name}.{ext}``. Raises SettingsError for a bad one."""

    def __init__(self, path: str):
        self.container, _, self.blob = path.partition("/")
        if not self.container or "{" in self.container:
            raise SettingsError(
                f"blob trigger path '{path}': the container must be a plain name; write e.g. in/{{name}}."
            )
        tokens = _TOKEN.findall(self.blob)
        if len(set(tokens)) < len(tokens):
            raise SettingsError(f"blob trigger path '{path}': a token appears twice.")
        self._names = tokens if self.blob else ["name"]
        self._pattern = re.compile(self._expression())
        self.prefix = self.blob.partition("{")[0]

    def _expression(self) -> str:
        pieces = _TOKEN.split(self.blob) if self.blob else ["", "name", ""]
        # split() gives literal, token, literal, token, ..., literal
        return "".join(
            f"(?P<t{place}>.+)" if place % 2 else re.escape(piece) for place, piece in enumerate(pieces)
        )

    def match(self, blob_name: str) -> dict[str, str] | None:
        """Return the tokens of a blob's name inside of the container, None when it does not fit."""
        found = self._pattern.fullmatch(blob_name)
        return None if found is None else dict(zip(self._names, found.groups(), strict=True))


def fill(path: str, data: Mapping[str, str], now: datetime) -> str:
    """Fill the tokens of a binding's path from ``data``; ``{rand-guid}`` and ``{DateTime}`` are made here.

    Raises SettingsError for a token that the trigger does not offer.
    """
    made = {
        "rand-guid": lambda: str(uuid.uuid4()),
        "sys.randguid": lambda: str(uuid.uuid4()),
        "datetime": lambda: now.strftime("%Y-%m-%dT%H-%M-%SZ"),
        "sys.utcnow": lambda: now.strftime("%Y-%m-%dT%H:%M:%SZ"),
    }

    def value(match: re.Match[str]) -> str:
        token = match[1]
        if token in data:
            return data[token]
        if token.lower() in made:
            return made[token.lower()]()
        known = ", ".join(sorted(data)) or "none"
        raise SettingsError(
            f"binding path '{path}': no value for '{{{token}}}'. The trigger offers: {known}."
        )

    return _TOKEN.sub(value, path)
