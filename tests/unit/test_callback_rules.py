"""Callbacks without storage and host: signature, keys, ids, pauses, and when an end is looked for."""

from __future__ import annotations

import base64
import hashlib
import hmac
from datetime import UTC, datetime, timedelta

import pytest

from adapters.callback_settings import read_callbacks
from adapters.setting_values import SettingError
from invoicing.callbacks.pauses import FIRST, LONGEST, PATIENCE, SPREAD, pause_before
from invoicing.callbacks.signature import fault, signed_headers
from invoicing.callbacks.subscriptions import TICK, asked_again, is_due, parse_id, round_of, subscription_id
from invoicing.records.callbacks import Subscription

NOW = datetime(2026, 5, 4, 12, tzinfo=UTC)
BATCH = "b" + "1" * 24
URL = "https://hooks.example.com/x?sig=hush"
OLD, NEW = b"o" * 32, b"n" * 32
BODY = b'{"status":"completed"}'


def _setting(key: bytes) -> str:
    return "whsec_" + base64.b64encode(key).decode()


# ---------------------------------------------------------------- signature


def test_signature_is_that_of_the_published_example() -> None:
    """The example of the libraries of Standard Webhooks: other receivers compute the same."""
    key = base64.b64decode("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
    at = datetime.fromtimestamp(1614265330, UTC)
    headers = signed_headers([key], "msg_p5jXN8AQM9LWM0D4loKWxJek", at, b'{"test": 2432232314}')
    assert headers["webhook-signature"] == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="
    assert headers["webhook-timestamp"] == "1614265330"


def test_each_key_signs_so_that_keys_can_be_changed() -> None:
    """A receiver that knows only the old key, or only the new one, finds its signature."""
    headers = signed_headers([NEW, OLD], "m1", NOW, BODY)
    told = f"m1.{int(NOW.timestamp())}.".encode() + BODY
    for key, shown in zip((NEW, OLD), headers["webhook-signature"].split(" "), strict=True):
        digest = hmac.new(key, told, hashlib.sha256).digest()
        assert shown == "v1," + base64.b64encode(digest).decode()


def _fault(**changes: object) -> str | None:
    headers = signed_headers([OLD], "m1", NOW, BODY)
    values = {
        "message": "m1",
        "seconds": headers["webhook-timestamp"],
        "signature": headers["webhook-signature"],
        "body": BODY,
        "now": NOW,
    }
    return fault([NEW, OLD], **values | changes)  # pyright: ignore[reportArgumentType]


def test_what_we_signed_is_ours() -> None:
    """Also by the older key, also minutes later, and among signatures of other kinds."""
    shown = signed_headers([OLD], "m1", NOW, BODY)["webhook-signature"]
    assert _fault() is None
    assert _fault(now=NOW + timedelta(minutes=4)) is None
    assert _fault(signature=f"v1a,xyz {shown}") is None


@pytest.mark.parametrize(
    "changes",
    [
        {"message": "m2"},
        {"body": BODY + b" "},
        {"signature": ""},
        {"signature": "v1,ü"},
        {"seconds": str(int(NOW.timestamp()) + 1)},
        {"seconds": "now"},
        {"seconds": "9" * 400},
        {"now": NOW + timedelta(minutes=6)},
        {"now": NOW - timedelta(minutes=6)},
    ],
)
def test_what_was_changed_or_is_old_is_not_ours(changes: dict[str, object]) -> None:
    """Id, time and body are signed together."""
    assert _fault(**changes)


# ---------------------------------------------------------------- the setting


def test_keys_are_read_with_the_newest_first() -> None:
    """None is no key: nothing is sent then, and nobody may ask for it."""
    assert read_callbacks({"SETTLE_CALLBACK_KEY": f"{_setting(NEW)} {_setting(OLD)}"}).keys == (NEW, OLD)
    assert read_callbacks({}).keys == ()
    assert read_callbacks({"SETTLE_CALLBACK_KEY": "@Microsoft.KeyVault(SecretUri=x)"}).keys == ()
    assert "nnnn" not in repr(read_callbacks({"SETTLE_CALLBACK_KEY": _setting(NEW)}))


@pytest.mark.parametrize(
    "text", ["hush-hush", "whsec_", "whsec_hush!", _setting(b"short"), _setting(b"x" * 65)]
)
def test_key_that_cannot_be_used_is_refused_and_not_repeated(text: str) -> None:
    """The text says what to set."""
    with pytest.raises(SettingError, match="SETTLE_CALLBACK_KEY") as error:
        read_callbacks({"SETTLE_CALLBACK_KEY": text})
    assert "hush" not in str(error.value)


def test_more_keys_than_a_change_needs_are_refused() -> None:
    """Each makes the header longer."""
    with pytest.raises(SettingError):
        read_callbacks({"SETTLE_CALLBACK_KEY": " ".join([_setting(NEW)] * 5)})


# ---------------------------------------------------------------- ids


def test_id_says_what_is_waited_for_and_not_the_address() -> None:
    """It goes into logs and names of blobs."""
    name = subscription_id(BATCH, URL)
    parsed = parse_id(name)
    assert parsed is not None
    assert (parsed.kind, parsed.target) == ("batch", BATCH)
    assert "hush" not in name
    assert subscription_id(BATCH, URL) == name != subscription_id(BATCH, URL + "2")


@pytest.mark.parametrize(
    "text", ["", BATCH, f"{BATCH}-", f"x{BATCH[1:]}-{'0' * 16}", f"{BATCH}-{'0' * 16}/../x"]
)
def test_what_is_no_id_has_no_parts(text: str) -> None:
    """It comes from a caller."""
    assert parse_id(text) is None


def test_round_of_a_message_is_read_from_its_id() -> None:
    """Only from one of that subscription."""
    assert round_of("s", "s-12") == 12
    for other in ("s-0", "s-01", "s", "t-1", "s-1x", "s-" + "9" * 7):
        assert round_of("s", other) is None


# ---------------------------------------------------------------- rounds


def _subscription(**changes: object) -> Subscription:
    new = Subscription(id=subscription_id(BATCH, URL), kind="batch", target=BATCH, url=URL, created=NOW)
    return new.model_copy(update=changes)


@pytest.mark.parametrize(
    ("state", "runs", "fresh"),
    [
        ("waiting", True, False),
        ("sending", True, False),
        ("delivered", False, False),
        ("delivered", True, True),
        ("cancelled", False, True),
        ("gone", True, True),
        ("failed", False, True),
    ],
)
def test_asking_again_begins_a_round_only_where_there_is_something_to_tell(
    state: str, runs: bool, fresh: bool
) -> None:
    """A caller that repeats its request, having got no answer, is not told twice."""
    known = _subscription(state=state, attempts=3, error="x", status=500)
    later = NOW + timedelta(hours=1)
    after = asked_again(known, runs=runs, now=later)
    if not fresh:
        assert after == known
        return
    assert (after.state, after.round, after.attempts, after.error) == ("waiting", 2, 0, None)
    assert after.created == later
    assert after.message != known.message


# ---------------------------------------------------------------- time


def test_pauses_grow_and_differ_between_callbacks() -> None:
    """So that not all knock at a receiver that came back at the same moment."""
    pauses = [pause_before("s", failures) for failures in range(1, 60)]
    whole = [min(FIRST * 2 ** min(n, 30), LONGEST) for n in range(59)]
    assert all(want * (1 - SPREAD) <= pause <= want for pause, want in zip(pauses, whole, strict=True))
    assert pause_before("s", 3) == pause_before("s", 3) != pause_before("t", 3)
    assert sum(pauses, timedelta()) > PATIENCE, "so many tries must be enough for all the time"


def test_young_ends_are_looked_for_at_each_tick() -> None:
    """Most runs end within minutes."""
    for age in range(0, 290, 15):
        assert is_due("s", NOW, NOW + timedelta(seconds=age))


@pytest.mark.parametrize("age", [timedelta(hours=1), timedelta(days=1), timedelta(days=40)])
def test_old_ends_are_looked_for_in_turns(age: timedelta) -> None:
    """Later by a tenth of the age or ten minutes at most, and not all at the same tick."""
    pause = min(age / 20, timedelta(minutes=5))
    ticks = [NOW + age + n * TICK for n in range(80)]
    turns = {name: [is_due(name, NOW, tick) for tick in ticks] for name in ("a", "b", "c", "d", "e")}
    for looked in turns.values():
        longest = max(len(run) for run in "".join("x" if look else "." for look in looked).split("x"))
        assert (longest + 1) * TICK <= 2 * pause
        assert sum(looked) <= 80 * TICK / pause + 2
    assert len({tuple(looked) for looked in turns.values()}) > 1
