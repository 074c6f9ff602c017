"""The keys that callers show when the host checks them (``--auth``): made once, kept beside the state."""

from __future__ import annotations

import hmac
import json
import secrets
from dataclasses import asdict, dataclass, field
from pathlib import Path

from devhost.errors import StateFileError
from devhost.state.files import make_private, make_private_folder, write_private

__all__ = ["Keys", "load_keys"]


def _new_key() -> str:
    return secrets.token_urlsafe(32)


@dataclass(frozen=True)
class Keys:
    """``master`` opens everything, ``function`` all functions, ``system`` the management API."""

    master: str = field(default_factory=_new_key)
    function: str = field(default_factory=_new_key)
    system: str = field(default_factory=_new_key)

    def opens(self, level: str, shown: str | None) -> bool:
        """Tell whether a key opens ``ANONYMOUS``, ``FUNCTION``, ``ADMIN`` or ``SYSTEM``."""
        if level == "ANONYMOUS":
            return True
        good = {"FUNCTION": (self.function, self.master), "SYSTEM": (self.system, self.master)}
        candidates = good.get(level, (self.master,))
        given = (shown or "").encode("utf-8")
        return any(hmac.compare_digest(given, key.encode("utf-8")) for key in candidates)


def load_keys(path: Path | None) -> Keys:
    """Read the keys from ``path``, or make them and write them there; None keeps them in memory."""
    if path is None:
        return Keys()
    if not path.exists():
        keys = Keys()
        make_private_folder(path.parent)
        write_private(path, json.dumps(asdict(keys), indent=2))
        return keys
    try:
        make_private(path)
        return Keys(**json.loads(path.read_text(encoding="utf-8")))
    except (ValueError, TypeError) as error:
        raise StateFileError(f"{path} does not hold the keys of this host ({error}); remove it.") from error
