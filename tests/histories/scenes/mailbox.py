"""Invoices by mail."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

from devhost.replay import export_instance
from tests.fakes.memory_mailbox import away
from tests.histories.kept import Keep, Recorded, text_of
from tests.orchestrators.mailbox_kit import PostOffice, mail

_WATCH = "mailbox"


def scenes(version: str) -> Iterator[Recorded]:
    """Histories of instances that are started with a version, by file name."""

    def taken(office: PostOffice) -> Keep:
        office.server.put(mail(1))
        office.server.put(mail(2, ("a.txt", b"x")))
        office.start()
        return {_WATCH: "mailbox-mails-taken"}

    def server_away(office: PostOffice) -> Keep:
        office.server.fails = away
        office.start()
        office.host.advance(minutes=2)
        return {_WATCH: "mailbox-server-away"}

    def refused(office: PostOffice) -> Keep:
        office.server.password = "another"
        office.start()
        return {_WATCH: "mailbox-not-let-in"}

    def set_aside(office: PostOffice) -> Keep:
        office.server.put(mail(1))
        office.server.fails = _breaks
        office.start()
        office.host.advance(seconds=10)
        return {_WATCH: "mailbox-mail-set-aside"}

    def answered(office: PostOffice) -> Keep:
        office.server.put(mail(1))
        office.start()
        office.deliver()
        answer = next(one.instance_id for one in office.host.instances() if one.name == "answer_mail")
        office.host.advance(seconds=20)
        office.finish_batches()
        office.host.advance(minutes=1)
        return {answer: "answer-sent"}

    def answer_waits(office: PostOffice) -> Keep:
        office.server.put(mail(1))
        office.start()
        office.deliver()
        answer = next(one.instance_id for one in office.host.instances() if one.name == "answer_mail")
        office.host.advance(seconds=20)
        return {answer: "answer-waiting"}

    for play in (taken, server_away, refused, set_aside, answered, answer_waits):
        yield _of_post_office(version, play)


def _breaks(verb: str) -> None:
    if verb == "read":
        raise KeyError("x")


def _of_post_office(version: str, play: Callable[[PostOffice], Keep]) -> Recorded:
    """Play in a post office, whose steps are the real ones; `play` returns what to keep."""
    with tempfile.TemporaryDirectory() as folder:
        state = Path(folder) / "state.db"
        with PostOffice(state=state, default_version=version).at_work() as office:
            keep = play(office)
        return {file: text_of(export_instance(state, instance)) for instance, file in keep.items()}
