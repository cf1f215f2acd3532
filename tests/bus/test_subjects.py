"""Names on the bus."""

from __future__ import annotations

import re

from hypothesis import given
from hypothesis import strategies as st
from natter.bus import subjects
from natter.bus.pattern import matches


@given(st.text())
def test_token_is_one_subject_token_and_reversible_when_short(text: str) -> None:
    token = subjects.token(text)
    assert re.fullmatch(r"[A-Z0-9]+", token)
    if len(text.encode()) <= 64:
        assert subjects.untoken(token) == text
    else:
        assert subjects.untoken(token) is None


@given(st.text(), st.text())
def test_tokens_of_different_texts_differ(one: str, other: str) -> None:
    assert (subjects.token(one) == subjects.token(other)) == (one == other)


def test_every_subject_has_its_stream() -> None:
    specs = {spec.name: spec for spec in subjects.streams()}
    wanted = {
        subjects.lane(3): subjects.LANES,
        subjects.deliver("gateway-1-ab"): subjects.DELIVERIES,
        subjects.shard("user", 7): subjects.SHARDS,
        subjects.journal("room", "a@b"): subjects.JOURNALS,
        subjects.availability(1, "a@b/c"): subjects.AVAILABILITY,
        subjects.facts("gateway-1"): subjects.FACTS,
        subjects.kv_key(subjects.SESSIONS, "a.b"): subjects.kv_stream(subjects.SESSIONS),
    }
    for subject, stream in wanted.items():
        owners = [name for name, spec in specs.items() if any(matches(p, subject) for p in spec.subjects)]
        assert owners == [stream]
        if not subject.startswith("$KV."):
            assert subjects.stream_of(subject) == stream
    assert not any(matches(p, subjects.rpc("a", "b")) for spec in specs.values() for p in spec.subjects)


def test_shard_never_changes() -> None:
    jids = ("alice@localhost", "bob@localhost", "room@conference.localhost")
    assert [subjects.shard_of(jid, 8) for jid in jids] == [1, 2, 2]


def test_limits_everywhere() -> None:
    for spec in subjects.streams():
        assert spec.bytes_max > 0
