"""What the API says of an approval whose messages are odd."""

from __future__ import annotations

from invoicing.records.messages import Notice
from stores.records import Listed
from tests.fakes.memory_blobs import MemoryBlobs
from tests.unit.approvals_on_paper import ANN, NOON, put_approval
from tests.unit.report_rows import row
from triggers.approval_view import view
from triggers.own_links import OwnLinks
from usecases.approval_view import read_approval


def _notice(n: int, kind: str) -> Notice:
    usual = Notice(
        id=f"n{n:024x}",
        approval="a" + "1" * 24,
        entry=2,
        kind="request",
        stage="clerk",
        channel="mail",
        to=(ANN,),
        created=NOON,
    )
    return usual.changed(kind=kind)


def test_a_message_of_an_unknown_kind_costs_its_own_line() -> None:
    """The approval and its other messages are there, and the odd one is named."""
    blobs = MemoryBlobs()
    found = read_approval(blobs, put_approval(blobs, row()))
    told = Listed([_notice(1, "request"), _notice(2, "a hand's word")], ["other"])
    answer = view(found, told, OwnLinks("https://settle.example/api/approvals", None), None)
    assert [message.id for message in answer.notifications] == [f"n{1:024x}"]
    assert answer.damaged_notifications == ("other", f"n{2:024x}")
