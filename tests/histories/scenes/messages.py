"""Messages."""

from __future__ import annotations

from collections.abc import Iterator

from stores.blobs import StorageUnavailable
from tests.histories.kept import Keep, Recorded, first, of_office
from tests.orchestrators.approval_kit import ANN, Office, clerk


def scenes(version: str) -> Iterator[Recorded]:
    """Histories of instances that are started with a version, by file name."""

    def sent(office: Office) -> Keep:
        _ask(office)
        office.host.advance(hours=1)
        return {
            **first(office, "deliver_notification", "notification-sent"),
            **first(office, "deliver_digest", "digest-sent"),
        }

    def waiting(office: Office) -> Keep:
        _ask(office)
        return first(office, "deliver_digest", "digest-waiting")

    def tried_again(office: Office) -> Keep:
        office.blobs.fails = _outbox_is_away
        _ask(office)
        office.host.advance(hours=1)
        return {
            **first(office, "deliver_notification", "notification-tried-again"),
            **first(office, "deliver_digest", "digest-tried-again"),
        }

    for play in (sent, waiting, tried_again):
        yield of_office(version, (clerk(),), play)


def _ask(office: Office) -> None:
    """A question goes out alone and at once, the request waits for company."""
    office.bring()
    office.decide(ANN, "ask", comment="Which order?")
    office.deliver()


def _outbox_is_away(verb: str, name: str) -> None:
    if name.startswith("outbox/"):
        raise StorageUnavailable(f"{verb} {name}: no answer")
