"""Why a use case does not do what it was asked for. The doors answer each with a status of its own.

NotDone
├── Misunderstood   the request cannot be understood
├── NotAllowed      who asks may not do that
├── Unknown         there is nothing of this id
├── Gone            it was archived and purged
├── NotNow          it is over, or it has not begun
├── NotReady        a person has to set something up first
└── NotAsAsked      it cannot be done in the way that was asked for
"""

from __future__ import annotations

from collections.abc import Mapping


class NotDone(Exception):
    """`code` and `detail` are for programs, `text` for people: what is wrong, and what to do."""

    def __init__(self, code: str, text: str, detail: Mapping[str, str] | None = None) -> None:
        super().__init__(text)
        self.code = code
        self.text = text
        self.detail = detail


class Misunderstood(NotDone):
    """The request cannot be understood."""


class NotAllowed(NotDone):
    """Who asks may not do that."""


class Unknown(NotDone):
    """There is nothing of this id."""


class Gone(NotDone):
    """It was archived and purged: the text names the archive."""


class NotNow(NotDone):
    """It is over, or it has not begun."""


class NotReady(NotDone):
    """It cannot be done before a person has set something up."""


class NotAsAsked(NotDone):
    """It cannot be done in the way that was asked for."""


def bad_page() -> Misunderstood:
    """The token of a page of a listing is not one that we gave out, or it is out of date."""
    return Misunderstood("bad_page", "The list has no such page. Begin again without `page`.")
