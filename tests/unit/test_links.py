"""Signed links: what they are bound to, and what becomes of those that are not ours."""

from __future__ import annotations

import dataclasses
import string
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.access_settings import AccessSettings
from adapters.links import LinkRefused, Links
from adapters.setting_values import SettingError
from adapters.signing import BadSignature, Keys, load_keys
from stores.link_keys import LOCAL_KEY
from tests.fakes.memory_blobs import MemoryBlobs

KEY, OTHER = "k" * 32, "o" * 32
NOW = datetime(2026, 5, 1, 12, tzinfo=UTC)
LINKS = Links(Keys((KEY,)), "https://settle.example")
APPROVAL, SHA = "a" + "1" * 24, "ab" * 32
URL_SAFE = string.ascii_letters + string.digits + "-_."


def _token(links: Links = LINKS, **changes: object) -> str:
    claims: dict = {"approval": APPROVAL, "stage": "clerk", "person": "ann@example.com", "sha256": SHA}
    claims |= {"expires": NOW + timedelta(days=3)} | changes
    return links.sign(
        claims.pop("approval"), claims.pop("stage"), claims.pop("person"), claims.pop("sha256"), **claims
    )


def _refused(token: str, now: datetime = NOW, approval: str | None = None, links: Links = LINKS) -> str:
    with pytest.raises(LinkRefused) as caught:
        links.read(token, now, approval=approval)
    assert str(caught.value).endswith(".")
    return caught.value.code


def test_link_says_what_was_signed() -> None:
    """Approval, stage, person, document, purpose and end come back as they went in."""
    claims = LINKS.read(_token(purpose="answer"), NOW, approval=APPROVAL)
    said = (claims.approval, claims.stage, claims.person, claims.sha256, claims.purpose, claims.expires)
    assert said == (APPROVAL, "clerk", "ann@example.com", SHA, "answer", NOW + timedelta(days=3))


def test_link_id_is_the_same_for_the_same_link_and_differs_for_any_other() -> None:
    """A reminder sends the same link again; a link of another message is another one."""
    changes = ({}, {"stage": "head"}, {"person": "bob@example.com"}, {"sha256": "00" * 32}, {"serial": "n1"})
    ids = {LINKS.read(_token(LINKS, **change), NOW).link for change in changes}
    assert len(ids) == len(changes)
    assert LINKS.read(_token(), NOW).link in ids
    assert _token() == _token()


def test_link_ends() -> None:
    """At its last moment it is refused, a second before it counts."""
    ends = NOW + timedelta(days=3)
    assert LINKS.read(_token(), ends - timedelta(seconds=1)).stage == "clerk"
    assert _refused(_token(), ends) == "expired"


def test_link_for_another_approval_is_foreign_even_after_its_end() -> None:
    """It says nothing about whether the other one has ended."""
    assert _refused(_token(), approval="a" + "2" * 24) == "foreign"
    assert _refused(_token(), NOW + timedelta(days=9), approval="a" + "2" * 24) == "foreign"


@given(place=st.integers(0, 2000), char=st.sampled_from(URL_SAFE))
def test_link_with_any_character_changed_is_refused(place: int, char: str) -> None:
    """Payload and signature alike. (Padding bits of the last character carry nothing.)"""
    token = _token()
    place %= len(token) - 1
    if token[place] != char:
        assert _refused(token[:place] + char + token[place + 1 :]) == "bad"


@pytest.mark.parametrize("token", ["", ".", "a.b", "é", "x" * 10_000, "null", "e30.e30", ".eJw", "\0"])
def test_text_that_is_no_link_is_refused(token: str) -> None:
    """Whatever it is, there is one answer."""
    assert _refused(token) == "bad"


def test_link_of_another_key_or_purpose_is_refused() -> None:
    """A sign-in or a form token of the same key is no link."""
    assert _refused(_token(Links(Keys((OTHER,))))) == "bad"
    body = {"a": APPROVAL, "s": "s", "p": "p@x.y", "h": SHA, "u": "decide", "e": 4e9, "n": ""}
    assert _refused(LINKS.keys.sign("sign-in", body)) == "bad"
    for wrong in ({"u": "pay"}, {"a": 7}, {"e": "soon"}, {"e": 1e30}):
        assert _refused(LINKS.keys.sign("link", body | wrong)) == "bad"


def test_key_can_be_changed_while_links_are_on_their_way() -> None:
    """The old key still counts while it stands behind the new one, and no longer when it is gone."""
    old = _token()
    both = Links(Keys((OTHER, KEY)))
    assert both.read(old, NOW).stage == "clerk"
    assert _refused(_token(both)) == "bad", "new links are signed with the new key"
    assert _refused(old, links=Links(Keys((OTHER,)))) == "bad"


def test_local_runs_share_a_key_of_their_own_making() -> None:
    """Of two processes that start at once, one's is kept; it is long enough."""
    blobs, local = MemoryBlobs(), AccessSettings(development=True)
    first = load_keys(local, blobs)
    assert first == load_keys(local, blobs)
    assert len(first.secrets[0]) >= 43
    racing = MemoryBlobs()
    racing.fails = lambda verb, name: (
        racing.stored.setdefault(LOCAL_KEY, (b"w" * 43, "e", {})) and None if verb == "create" else None
    )
    assert load_keys(local, racing).secrets == ("w" * 43,)


def test_deployed_app_without_a_key_says_what_to_set() -> None:
    """It never makes one of its own."""
    blobs = MemoryBlobs()
    with pytest.raises(SettingError, match="SETTLE_LINK_KEY"):
        load_keys(AccessSettings(), blobs)
    assert blobs.stored == {}


def test_key_is_in_no_text() -> None:
    """Neither in a repr nor in an error."""
    assert KEY not in repr(LINKS) + repr(AccessSettings(link_keys=(KEY,))) + repr(LINKS.keys)
    with pytest.raises(BadSignature) as caught:
        LINKS.keys.read("link", "x.y")
    assert KEY not in repr(caught.value) + repr(caught.value.__cause__)


def test_address_of_a_page_escapes_what_it_is_given() -> None:
    """And without an address of our own it says which setting is missing."""
    assert LINKS.page("a1", "t&k") == "https://settle.example/approvals/a1?t=t%26k"
    assert LINKS.page("a1") == "https://settle.example/approvals/a1"
    with pytest.raises(SettingError, match="SETTLE_PUBLIC_URL"):
        dataclasses.replace(LINKS, base="").page("a1")
