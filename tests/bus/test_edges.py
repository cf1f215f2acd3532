"""Edges: what follows from the list, and that it covers what there is."""

from __future__ import annotations

import pytest
from natter.bus import subjects
from natter.bus.edges import EDGES, Edges, inbox, permissions, publishes, stream_names, subscribes
from natter.bus.pattern import matches

BY_NAME = {e.service: e for e in EDGES}


def may(service: str, subject: str) -> bool:
    """Whether NATS lets it publish there."""
    return any(matches(allowed, subject) for allowed in publishes(BY_NAME[service], stream_names()))


def test_names_are_used_once() -> None:
    assert len(BY_NAME) == len(EDGES)


def test_only_who_owns_a_thing_writes_it() -> None:
    owners = {
        subjects.lane(0): {"gateway", "presence"},
        subjects.journal("account", "alice"): {"accounts"},
        subjects.journal("roster", "alice@localhost"): {"presence"},
        subjects.journal("room", "den@conference.localhost"): {"muc"},
        subjects.facts("gateway-1"): {"gateway", "router", "muc"},
        subjects.availability(3, "bob@localhost/x"): {"presence"},
        subjects.shard("account", 0): {"router"},
        subjects.kv_key("secrets", "fakes"): {"accounts"},
        subjects.kv_key(subjects.CHECKPOINTS, "x"): {"gateway"},
        subjects.rpc("accounts", "remove"): {"operator"},
        subjects.rpc("muc", "destroy"): {"operator"},
        subjects.chapter("den@conference.localhost", "0badcafe", 7): {"muc"},
        subjects.shard("room", 0): {"router", "presence", "muc"},
        "$JS.API.STREAM.UPDATE.LANES": {"router"},
    }
    for subject, wanted in owners.items():
        assert {e.service for e in EDGES if may(e.service, subject)} == wanted, subject


@pytest.mark.parametrize("edges", EDGES, ids=lambda e: e.service)
def test_nobody_deletes_a_js_stream_or_hears_what_is_not_meant_for_it(edges: Edges) -> None:
    for verb in ("DELETE", "RESTORE", "SNAPSHOT", "MSG.DELETE"):
        assert not may(edges.service, f"$JS.API.STREAM.{verb}.JOURNALS")
    heard = subscribes(edges)
    assert heard[0] == f"_INBOX.{edges.service}.>"
    assert not any(matches(h, s) for h in heard for s in ("natter.lane.0", "natter.deliver.x", "_INBOX.other.1"))


def test_answers_are_allowed_to_who_serves_only() -> None:
    assert {e.service for e in EDGES if "allow_responses" in permissions(e)} == {"accounts", "archive", "muc"}


def test_inboxes_of_users_are_apart() -> None:
    assert inbox("") == "_INBOX"
    assert inbox("gateway") == "_INBOX.gateway"
