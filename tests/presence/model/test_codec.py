"""Journal entries, snapshots and records survive the way through bytes."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from natter.presence.model import codec
from natter.presence.model.codec import Cause, Folded
from natter.presence.model.events import Contact, ContactChanged, ContactRemoved, RosterEvent
from natter.presence.model.roster import EMPTY, Roster, evolve, version_of
from natter.presence.model.subscription import State
from natter.presence.model.user import Logout, Session
from natter.proto.v1 import bus_pb2, roster_pb2

CONTACTS = st.builds(
    Contact,
    jid=st.sampled_from(["a@x", "b@x", "c@x"]),
    name=st.text(max_size=5),
    groups=st.lists(st.text(min_size=1, max_size=3), max_size=3, unique=True).map(tuple),
    state=st.sampled_from(State),
    listed=st.booleans(),
    approved=st.booleans(),
    request=st.binary(max_size=5),
)
EVENTS = st.one_of(st.builds(ContactChanged, CONTACTS), st.builds(ContactRemoved, st.sampled_from(["a@x", "b@x"])))


@given(st.lists(st.lists(EVENTS, min_size=1, max_size=4), max_size=6), st.integers(0, 6))
def test_a_journal_read_back_is_the_fold_of_its_events(entries: list[list[RosterEvent]], snapshot_after: int) -> None:
    roster, folded = EMPTY, Folded()
    for revision, events in enumerate(entries, 10):
        causes = [Cause("user.1", revision, index) for index in range(len(events))]
        payload = codec.encode(map(codec.write, events, causes))
        folded = codec.fold(folded, revision, payload)
        for index, event in enumerate(events):
            roster = evolve(roster, event, version_of(revision, index))
        assert folded.applied == {"user.1": causes[-1].key}
        if revision == 10 + snapshot_after:
            folded = codec.decode_snapshot(codec.encode_snapshot(folded))
    assert folded.roster == roster
    assert list(folded.roster.changed_at) == list(roster.changed_at)
    assert folded.revision == (len(entries) + 9 if entries else 0)


def test_an_event_of_a_newer_natter_is_passed_over() -> None:
    entry = roster_pb2.RosterEvents(events=[roster_pb2.RosterEvent(source="user.0", sequence=3)]).SerializeToString()
    folded = codec.fold(Folded(), 1, entry)
    assert folded.roster == EMPTY
    assert folded.applied == {"user.0": Cause("user.0", 3, 0).key}


def test_the_log_of_another_shard_number_replaces_the_watermark() -> None:
    first = codec.encode([codec.write(ContactRemoved("a@x"), Cause("user.0", 9, 0))])
    second = codec.encode([codec.write(ContactRemoved("a@x"), Cause("user.3", 2, 0))])
    folded = codec.fold(codec.fold(Folded(), 1, first), 2, second)
    assert folded.applied == {"user.3": Cause("user.3", 2, 0).key}


def test_known_changes_do_not_fill_a_snapshot() -> None:
    roster = Roster(changed_at={"x" * 2000 + str(n): n for n in range(100)}, version=99)
    read = codec.decode_snapshot(codec.encode_snapshot(Folded(roster, 7)))
    assert read.roster == Roster(version=99, known_since=99)


def test_a_session_survives_and_is_an_availability_record() -> None:
    session = Session("a@x/r", "s1", b"<presence/>", -3, ("room@conference.x/n",), True, 55)
    payload = codec.encode_session(session)
    assert codec.decode_session(payload) == session
    record = bus_pb2.AvailabilityRecord.FromString(payload)
    assert (record.jid, record.stanza, record.priority, record.since_us) == ("a@x/r", b"<presence/>", -3, 55)


def test_a_logout_survives() -> None:
    assert codec.decode_logout(codec.encode_logout("a@x", Logout(9, b"<presence/>"))) == Logout(9, b"<presence/>")
