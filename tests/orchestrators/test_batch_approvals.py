"""A batch hands its valid invoices to approval: packs that need nobody, windows of those that do."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

from devhost.testing import Host
from invoicing.approval import names
from invoicing.approval.policy import Condition, Policy, Rule
from invoicing.records.batch import Manifest
from invoicing.records.route import PACK, WINDOW
from orchestrators import batch, batch_approvals, chunk
from stores import approvals, batch_names
from stores.batches import BatchStore
from tests.orchestrators.approval_kit import ANN, APP, SUE, Office, clerk, drive, policy_of, sha256
from usecases.wake_approval import wake

BATCH = "b" + "0" * 24
UPLOAD = {"kind": "upload", "name": "may.zip"}


def _store(here: Office, count: int, duplicates: frozenset[int] = frozenset()) -> None:
    """A batch that was claimed: documents 1 to `count`, ten a chunk, each of 100 euros times its number."""
    lasts: list[int] = []
    for first in range(1, count + 1, 10):
        numbers = range(first, min(first + 10, count + 1))
        rows = [_row(n) for n in numbers]
        here.blobs.write(
            batch_names.result(BATCH, len(lasts)), b"".join(json.dumps(row).encode() + b"\n" for row in rows)
        )
        lasts.append(numbers[-1])
    BatchStore(here.blobs).divide(BATCH, Manifest(lasts=tuple(lasts)))
    final = [_row(n) | ({"outcome": "duplicate"} if n in duplicates else {}) for n in range(1, count + 1)]
    here.blobs.write(batch_names.rows(BATCH), b"".join(json.dumps(row).encode() + b"\n" for row in final))
    claims = "".join(f"{n:032x} {BATCH}/{n}\n" for n in range(1, count + 1))
    here.blobs.write(batch_names.claim_shard(0), claims.encode())


def _row(n: int) -> dict[str, Any]:
    invoice = {"number": str(n), "seller": "ACME", "payable": f"{n}00.00", "currency": "EUR"}
    outcome = "invalid" if n % 10 == 0 else "valid"
    findings = [{"rule": "BR-1", "severity": "fatal", "text": "", "place": None, "source": "en16931"}]
    return {
        "n": n,
        "name": f"{n}.xml",
        "size": 8123,
        "profile": None,
        "en16931": True,
        "sha256": sha256(str(n)),
        "kind": "cii",
        "outcome": outcome,
        "claim": f"{n:032x}",
        "invoice": invoice,
        "findings": findings if outcome == "invalid" else [],
    }


def _two_rules(below: str) -> Policy:
    """Nobody below an amount, a clerk from there on."""
    policy = policy_of(clerk())
    small = Rule("small", Condition(frozenset({"EUR"}), amount_below=Decimal(below)), ())
    return Policy(policy.people, (small, *policy.rules))


def _start(here: Office) -> None:
    here.host.start("batch_approvals", {"batch": BATCH, "sender": SUE}, instance_id=f"{BATCH}-approvals")


def _open_all(here: Office) -> None:
    """Let the windows be opened, and their documents be started."""
    for _ in range(5):
        here.deliver()
        here.host.advance(batch_approvals.PACE)
    here.deliver()


def _decide_all(here: Office, decision: str) -> None:
    _open_all(here)
    for item in approvals.inbox(here.blobs):
        ref = item.ref.rpartition("/")[2]
        # The document itself stands in a chunk of its batch; here only its hash matters.
        here.write(ANN, decision, item.approval, sha256=sha256(ref))
        drive(wake(here.client, item.approval))


def test_small_ones_are_booked_and_the_others_wait_all_at_once() -> None:
    """Invalid documents and duplicates go nowhere; nobody waits for somebody else's decision."""
    with Office().at_work() as here:
        here.policy = _two_rules("5100.00")
        _store(here, 120, duplicates=frozenset({7}))
        _start(here)
        _open_all(here)
        status = here.host.status(f"{BATCH}-approvals")
        assert status.custom_status == {
            "phase": "approval",
            "documents": 107,
            "approvals": 63,
            "counts": {"booked": 44},
        }
        assert len(here.payables()) == 44
        assert len(approvals.inbox(here.blobs)) == 63
        assert {item.batch for item in approvals.inbox(here.blobs)} == {BATCH}
        assert len(here.host.calls_of("open_documents")) == -(-63 // WINDOW)


def test_rejected_documents_give_their_claims_back() -> None:
    """The batch ends with what became of each of them."""
    with Office(clerk()).at_work() as here:
        _store(here, 12)
        _start(here)
        _decide_all(here, "reject")
        output = here.host.finish(f"{BATCH}-approvals").output
        assert output == {"status": "completed", "counts": {"rejected": 11}}
        left = here.blobs.read(batch_names.claim_shard(0)).decode()
        assert left == f"{10:032x} {BATCH}/10\n", "only the claim that is none of ours"


def test_nobody_decides_and_all_expire() -> None:
    """Two days later the batch has ended by itself."""
    with Office(clerk(expire_after="P2D")).at_work() as here:
        _store(here, 5)
        _start(here)
        _open_all(here)
        assert here.host.finish(f"{BATCH}-approvals").output["counts"] == {"expired": 5}
        assert here.payables() == []


def test_packs_are_booked_in_windows_and_once() -> None:
    """More packs than one window books; repeating a pack changes nothing."""
    with Office().at_work() as here:
        _store(here, 250)
        _start(here)
        assert here.host.status(f"{BATCH}-approvals").output["counts"] == {"booked": 225}
        assert len(here.host.calls_of("book_pack")) == -(-225 // PACK)
        before = dict(here.blobs.stored)
        again = here.host.run("booking_window", {"batch": BATCH, "first": 0, "last": 2})
        assert again.output == {"booked": 225}
        assert {n: v[0] for n, v in here.blobs.stored.items()} == {n: v[0] for n, v in before.items()}


def test_second_route_gives_the_same_approvals() -> None:
    """An activity may run twice."""
    with Office(clerk()).at_work() as here:
        _store(here, 9)
        _start(here)
        _open_all(here)
        ids = here.blobs.names("approvals/")
        here.host.run("batch_approvals", {"batch": BATCH, "sender": SUE})
        _open_all(here)
        requests = [name for name in here.blobs.names("approvals/") if name.endswith("request.json")]
        assert requests == [name for name in ids if name.endswith("request.json")]


def test_windows_are_opened_one_after_the_other() -> None:
    """A crowd leaves room for others: the second window comes after a pause, not with the first."""
    with Office(clerk()).at_work() as here:
        _store(here, 120)
        _start(here)
        here.deliver()
        assert len(approvals.inbox(here.blobs)) == WINDOW
        here.host.advance(batch_approvals.PACE)
        here.deliver()
        assert len(approvals.inbox(here.blobs)) == 2 * WINDOW


def test_batch_that_waits_for_long_keeps_a_short_history() -> None:
    """It looks seldom and continues as new; what is decided late is counted all the same."""
    with Office(clerk(expire_after="P60D")).at_work() as here:
        _store(here, 3)
        _start(here)
        _open_all(here)
        for _ in range(3):
            here.host.advance(days=1)
            here.deliver()
        assert len(here.status(f"{BATCH}-approvals").history or []) < 10 * batch_approvals.LOOKS
        _decide_all(here, "reject")
        assert here.host.finish(f"{BATCH}-approvals").output["counts"] == {"rejected": 3}


def test_documents_are_opened_once_while_people_decide() -> None:
    """The run continues as new after some looks, each minute: nothing is started again by that."""
    with Office(clerk()).at_work() as here:
        _store(here, 60)
        _start(here)
        _open_all(here)
        windows = len(here.host.calls_of("open_documents"))
        for item in approvals.inbox(here.blobs):
            here.write(ANN, "reject", item.approval, sha256=sha256(item.ref.rpartition("/")[2]))
            drive(wake(here.client, item.approval))
            here.host.advance(batch_approvals.FIRST_LOOK)
        output = here.host.finish(f"{BATCH}-approvals").output
        assert output["counts"] == {"rejected": 54}
        assert len(here.host.calls_of("count_settled")) > batch_approvals.LOOKS
        assert len(here.host.calls_of("open_documents")) == windows == -(-54 // WINDOW)


def test_document_whose_run_is_gone_is_opened_again() -> None:
    """Somebody purged it: within a day the batch has it started again, and its approval goes on."""
    with Office(clerk()).at_work() as here:
        _store(here, 3)
        _start(here)
        _open_all(here)
        (item, *_) = approvals.inbox(here.blobs)
        for instance in (item.ref.replace("/", "-"), item.approval):
            here.host.terminate(instance)
            here.host.purge(instance)
        for _ in range(24):
            here.host.advance(hours=1)
            here.deliver()
        _decide_all(here, "reject")
        assert here.host.finish(f"{BATCH}-approvals").output["counts"] == {"rejected": 3}


# ---------------------------------------------------------------- the hook in the batch


def _batch(job: dict[str, Any], **activities: Any) -> tuple[Host, Any]:
    work = {
        "unpack_batch": {"outcome": "ok", "documents": 1, "chunks": 1},
        "check_chunk": {"outcome": "ok", "counts": {"valid": 1}},
        "claim_invoices": {"outcome": "ok", "counts": {"valid": 1}},
        "write_report": {"written": []},
        "start_approvals": lambda value: {"started": f"{value['batch']}-approvals"},
    }
    ended = {"status": "completed", "counts": {"booked": 1}}
    host = Host(
        [batch.bp, chunk.bp, *APP],
        activities=work | activities,
        orchestrators={"batch_approvals": ended},
    )
    with host:
        host.start(
            "process_batch",
            {"batch": BATCH, "source": UPLOAD, **job},
            instance_id=BATCH,
        )
        return host, host.finish(BATCH)


def test_batch_that_waits_ends_with_its_decisions() -> None:
    """The approvals are a sub-orchestration of a name that can be found."""
    _, status = _batch({"approval": True, "wait": True, "sender": SUE})
    assert status.output["approvals"] == {"status": "completed", "counts": {"booked": 1}}
    assert "SubOrchestrationInstanceCompleted" in status.events


def test_batch_that_does_not_wait_ends_with_its_report() -> None:
    """The approvals are started apart from it, with who sent it in."""
    host, status = _batch({"approval": True, "sender": SUE})
    assert status.output["approvals"] == {"status": "running", "instance": f"{BATCH}-approvals"}
    assert host.calls_of("start_approvals") == [{"batch": BATCH, "sender": SUE}]


def test_batch_that_only_checks_hands_nothing_over() -> None:
    """`approval` is false, or was not thought of when the batch was started."""
    for job in ({"approval": False, "wait": True}, {}):
        host, status = _batch(job)
        assert "approvals" not in status.output
        assert host.calls_of("start_approvals") == []


def test_event_names_are_lower_case() -> None:
    """The SDK tells names apart by case, the host does not."""
    name = names.event("clerk", 3)
    assert name == "decision.clerk.3" == name.lower()
