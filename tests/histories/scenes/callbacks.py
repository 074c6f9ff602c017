"""Callbacks, with a stand-in for the step that posts."""

from __future__ import annotations

from collections.abc import Iterator

from devhost.testing import in_turn
from invoicing.records.callbacks import CALLBACK, CallbackJob
from tests.histories.kept import Keep, Recorded, of_office
from tests.orchestrators.approval_kit import Office, clerk

JOB = CallbackJob(subscription=f"b{'1' * 24}-{'2' * 16}", round=1)
AGAIN = {"outcome": "again", "error": "The receiver answered 503."}
LATER = {**AGAIN, "pause": 3600}


def scenes(version: str) -> Iterator[Recorded]:
    """Histories of instances that are started with a version, by file name."""

    def delivered(office: Office) -> Keep:
        _start(office)
        return {JOB.instance: "callback-delivered"}

    def tried_again(office: Office) -> Keep:
        _start(office)
        office.host.advance(hours=3)
        return {JOB.instance: "callback-tried-again"}

    def given_up(office: Office) -> Keep:
        _start(office)
        office.host.advance(days=4)
        return {JOB.instance: "callback-given-up"}

    one, two = {"outcome": "delivered"}, in_turn(AGAIN, LATER, OSError("StorageUnavailable: away"), AGAIN)
    yield of_office(version, (clerk(),), delivered, activities={"send_callback": one})
    yield of_office(version, (clerk(),), tried_again, activities={"send_callback": two})
    yield of_office(version, (clerk(),), given_up, activities={"send_callback": lambda job: LATER})


def _start(office: Office) -> None:
    office.host.start(CALLBACK.name, CALLBACK.written_input(JOB), instance_id=JOB.instance)
