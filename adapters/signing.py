"""The keys that links, sign-ins and forms are signed with, and signing itself (itsdangerous, HMAC-SHA-256).

Each purpose has a salt of its own, so that what was signed for one is worth nothing for another.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, cast

from itsdangerous import BadData, URLSafeSerializer

from adapters.access_settings import AccessSettings
from adapters.setting_values import SettingError
from stores.blobs import Blobs
from stores.link_keys import local_key

# What is longer than this was not signed here; it need not be decoded to be refused.
_LONGEST_TOKEN = 4096


Claims = Mapping[str, object]
"""What a signed text says, by name: JSON of any kind until somebody looks at it."""


class BadSignature(Exception):
    """A text was not signed here for this purpose, or was changed since."""


@dataclass(frozen=True)
class Keys:
    """Signs and reads texts that may stand in a URL. The newest key comes first: it signs; all count."""

    secrets: tuple[str, ...] = field(repr=False)

    def sign(self, purpose: str, value: Claims) -> str:
        """A URL-safe text that holds `value` (readable by anybody, changed by nobody)."""
        return str(self._serializer(purpose).dumps(value))

    def read(self, purpose: str, text: str) -> Claims:
        """The value of a signed text. Raises BadSignature."""
        if not text.isascii() or len(text) > _LONGEST_TOKEN:
            raise BadSignature
        try:
            value: Any = self._serializer(purpose).loads(text)
        except BadData as error:
            raise BadSignature from error
        if not isinstance(value, dict):
            raise BadSignature
        return cast(Claims, value)

    def _serializer(self, purpose: str) -> URLSafeSerializer:
        options = {"key_derivation": "hmac", "digest_method": hashlib.sha256}
        # itsdangerous wants the oldest key first.
        return URLSafeSerializer(
            list(reversed(self.secrets)), salt=f"settle.{purpose}", signer_kwargs=options
        )


def load_keys(settings: AccessSettings, blobs: Blobs) -> Keys:
    """The keys of the settings; in a local run without any, one of our own making.

    Raises SettingError where a key is needed and there is none.
    """
    if settings.link_keys:
        return Keys(settings.link_keys)
    if not settings.development:
        raise SettingError(
            "SETTLE_LINK_KEY is not set, or its key vault was not reached. Set it to a random text of at "
            "least 32 characters: links in messages and forms of pages are signed with it."
        )
    return Keys((local_key(blobs),))
