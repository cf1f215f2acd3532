"""What of a room lasts where no words do."""

from __future__ import annotations

from natter.muc.room.evolve import fold
from natter.muc.room.lasting import lasting, settled
from natter.muc.room.state import Room
from natter.proto.v1 import room_pb2
from natter.xmpp.xeps.muc import Affiliation

CANARY = "canary"


def events(stage) -> list[room_pb2.RoomEvent]:
    """Everything that can happen in a room, with a canary wherever somebody may put words."""
    made = stage()
    found: list[room_pb2.RoomEvent] = []
    play = made.play

    def played(request):
        heard = play(request)
        found.extend(heard.decision.events)
        return heard

    made.play = played
    made.coven()
    made.send(f"<presence from='{made.hag}' to='{made.room.jid}/{CANARY}1'><status>{CANARY}</status></presence>")
    made.say(made.hag, CANARY)
    made.send(
        f"<message from='{made.crone}' to='{made.room.jid}' type='groupchat'><subject>{CANARY}</subject></message>"
    )
    made.admin(made.crone, f"<item affiliation='outcast' jid='x@y'><reason>{CANARY}</reason></item>")
    made.admin(made.crone, f"<item nick='{CANARY}1' role='none'><reason>{CANARY}</reason></item>")
    made.join(made.hecate, f"{CANARY}2", f"<status>{CANARY}</status>")
    made.configure(made.crone, roomname="Den", moderatedroom="1", persistentroom="1")
    made.send(
        f"<presence from='{made.hecate}' to='{made.room.jid}/{CANARY}2' type='unavailable'>"
        f"<status>{CANARY}</status></presence>"
    )
    return found


def test_what_lasts_has_no_words_and_nobody_in_it(stage) -> None:
    played = events(stage)
    assert sum(CANARY.encode() in event.SerializeToString() for event in played) >= 7
    left = [kept for event in played if (kept := lasting(event)) is not None]
    assert all(CANARY.encode() not in event.SerializeToString() for event in left)
    assert {event.WhichOneof("event") for event in left} == {"room_created", "config_changed", "rights_changed"}
    whole, lost = fold(Room("coven@chat.shakespeare.lit"), played), fold(Room("coven@chat.shakespeare.lit"), left)
    assert (lost.config, lost.secret, lost.locked) == (whole.config, whole.secret, False)
    assert lost.affiliation("x@y") is Affiliation.OUTCAST
    assert {jid: a.affiliation for jid, a in lost.affiliations.items()} == {
        jid: a.affiliation for jid, a in whole.affiliations.items()
    }
    assert not lost.occupants and not lost.history and lost.subject is None


def test_a_settled_room_is_what_is_left_when_everything_else_is_gone(stage) -> None:
    room = fold(Room("coven@chat.shakespeare.lit"), events(stage))
    assert room.occupants and room.history and room.subject
    left = settled(room)
    assert left.config == room.config and left.affiliations.keys() == room.affiliations.keys()
    assert not (left.occupants or left.nicks or left.nick_keys or left.history or left.history_bytes or left.subject)
    assert all(not known.reason for known in left.affiliations.values())


def test_an_end_is_kept_without_its_reason() -> None:
    event = room_pb2.RoomEvent(time_us=1)
    event.answer.to = "a@b/c"
    event.room_destroyed.reason, event.room_destroyed.alternate = CANARY, "other@h"
    event.room_destroyed.password, event.room_destroyed.tombstone_seconds = CANARY, 9
    kept = lasting(event)
    assert kept is not None and not kept.HasField("answer")
    assert kept.room_destroyed == room_pb2.RoomDestroyed(alternate="other@h", tombstone_seconds=9)
    assert event.room_destroyed.reason == CANARY
