"""Which frames have to do with a message, and which only look like it."""

from __future__ import annotations

from typing import Any

import pytest
from natter.accounts.where.sighting import Role, Sighting, condition, found_by, messages_in, role, same
from natter.bus.api import Dated, Entry
from natter.bus.series import sizes
from natter.proto.v1.bus_pb2 import KIND_MESSAGE, KIND_PRESENCE, Envelope, Frame

SAID = Frame(
    kind=KIND_MESSAGE,
    type="chat",
    sender="alice@localhost/a",
    to="bob@localhost/b",
    id="m1",
    session="sa",
    inbound=7,
    accepted_us=1000,
    stanza=b"<message id='m1'><body>x</body></message>",
)
CAUSES = {("lane.0", 5, 16)}


def seen(log: str, source: str = "lane.0", **changes: Any) -> Sighting:
    frame = Frame()
    frame.CopyFrom(SAID)
    for name, value in changes.items():
        frame.ClearField(name)
        if isinstance(value, list):
            getattr(frame, name).extend(value)
        else:
            setattr(frame, name, value)
    return Sighting(log, 5, 1, 2000, source, frame)


def derived(source: str = "lane.0", sequence: int = 5, index: int = 16, **changes: Any) -> Sighting:
    return seen("deliver.g1", source, session="", inbound=0, sequence=sequence, index=index, **changes)


@pytest.mark.parametrize(
    ("one", "expected"),
    [
        (seen("lane.0"), Role.SAID),
        (seen("lane.3", returned=1), Role.SAID),
        (seen("archive.0"), Role.KEPT),
        (seen("shard.room.2"), Role.HANDED),
        (seen("deliver.g1"), Role.SENT),
        (seen("lane.0", inbound=8), None),
        (seen("lane.0", session="sb"), None),
        (seen("deliver.g1", accepted_us=1001), None),
        (derived(type="error", sessions=["sa"]), Role.BOUNCE),
        (derived(index=17), Role.COPY),
        # A carbon of an error is a carbon.
        (derived(index=17, type="error"), Role.COPY),
        (derived(sequence=6, type="error", sessions=["sa"]), None),
        (derived(index=32), None),
        (derived("archive.0", 3, 0, type="error", sessions=["sa"]), Role.BOUNCE),
        (derived("archive.0", 3, 0, type="error", sessions=["sb"]), None),
        (derived("room.2", 3, 0, type="error", sessions=["sa"]), Role.BOUNCE),
        (derived("room.2", 3, 0, sender="bob@localhost/al", type="groupchat"), Role.SHARED),
        (derived("room.2", 3, 0, sender="other@localhost/al", type="groupchat"), None),
        (derived("room.2", 3, 0, sender="bob@localhost/al", id="m2"), None),
    ],
)
def test_roles(one: Sighting, expected: Role | None) -> None:
    assert role(SAID, one, CAUSES) is expected


def test_a_service_has_no_session() -> None:
    assert not same(Frame(accepted_us=1), Frame(accepted_us=1))


def test_places_and_causes() -> None:
    assert seen("lane.0").place == "lane.0/5"
    assert seen("lane.0").cause == ("lane.0", 5, 16)
    # What was passed on says where it came from.
    assert seen("deliver.g1", sequence=9, index=35).cause == ("lane.0", 9, 32)


def test_how_an_id_names_a_message() -> None:
    ids = b"<origin-id xmlns='urn:xmpp:sid:0' id='o'/><stanza-id xmlns='urn:xmpp:sid:0' by='den@x' id='r'/>"
    frame = Frame(
        id="m", stanza_id="s", stanza=b"<message id='m'><body>b</body>" + ids + b"<x xmlns='y' id='z'/></message>"
    )
    assert [found_by(frame, id) for id in "sorm"] == ["stanza-id", "origin-id", "stanza-id", "id"]
    # What stands in the text, or in a child that is no id.
    assert found_by(frame, "b") == found_by(frame, "z") == found_by(frame, "body") == ""


def test_a_series_is_its_messages_and_rubbish_is_nothing() -> None:
    one = b"<message id='1'><body>a</body></message>"
    raw = (
        sizes([len(one), len(one)])
        + Frame(
            kind=KIND_MESSAGE, session="sa", inbound=3, stanza=one + one.replace(b"'1'", b"'2'")
        ).SerializeToString()
    )
    envelope = Envelope(source="g1", frames=[Frame(kind=KIND_PRESENCE), Frame.FromString(raw)])
    found = list(messages_in(Dated(Entry("natter.lane.2", 9, envelope.SerializeToString()), 77)))
    assert [(s.log, s.entry, s.position, s.frame.id, s.frame.inbound) for s in found] == [
        ("lane.2", 9, 1, "1", 3),
        ("lane.2", 9, 2, "2", 4),
    ]
    assert list(messages_in(Dated(Entry("natter.lane.2", 9, b"\xff"), 77))) == []


def test_conditions_are_those_of_the_table() -> None:
    error = b"<message><error type='wait'><%b xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></message>"
    assert condition(error % b"resource-constraint") == "resource-constraint"
    assert condition(error % b"what-alice-wrote") == condition(b"<message/>") == ""
