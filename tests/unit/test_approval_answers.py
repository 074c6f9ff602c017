"""What the API says of an approval whose messages are odd."""

from __future__ import annotations

import json

from invoicing.records.messages import Notice
from stores import notices
from tests.fakes.memory_blobs import MemoryBlobs
from tests.unit.approvals_on_paper import ANN, NOON, put_approval
from tests.unit.report_rows import row
from triggers.approval_view import view
from triggers.own_links import OwnLinks
from usecases.approval_view import read_approval


def _notice(n: int) -> Notice:
    return Notice(
        id=f"n{n:024x}",
        approval="a" + "1" * 24,
        entry=2,
        kind="request",
        stage="clerk",
        channel="mail",
        to=(ANN,),
        created=NOON,
    )


def test_a_message_of_an_unknown_kind_costs_its_own_line() -> None:
    """The approval and its other messages are there, and the odd one is named."""
    blobs = MemoryBlobs()
    approval = put_approval(blobs, row())
    for n, kind in ((1, "request"), (2, "a hand's word")):
        stored = _notice(n).as_plain() | {"approval": approval, "kind": kind}
        blobs.write(notices.blob_name(approval, stored["id"]), json.dumps(stored).encode())
    own = OwnLinks("https://settle.example/api/approvals", None)
    answer = view(read_approval(blobs, approval), notices.of_approval(blobs, approval), own, None)
    assert [message.id for message in answer.notifications] == [f"n{1:024x}"]
    assert answer.damaged_notifications == (f"n{2:024x}",)
