"""Rendering is a function of before, event and after: the same every time, whoever does it."""

from __future__ import annotations

from natter.muc.room import snapshot
from natter.muc.room.evolve import evolve
from natter.muc.room.render import render
from natter.muc.room.request import IQ
from natter.muc.room.state import Room
from natter.proto.v1 import room_pb2


def shapes(outputs) -> list[tuple[bytes, tuple[str, ...]]]:
    return [(o.stanza, tuple(t.jid for t in o.to)) for o in outputs]


def test_another_holder_renders_the_same(stage) -> None:
    made = stage()
    made.coven()
    made.say(made.hag, "hello")
    made.admin(made.crone, "<item nick='thirdwitch' role='none'><reason>x</reason></item>")
    made.configure(made.crone, whois="anyone", membersonly="1")
    made.owner(made.crone, "<destroy/>")
    from natter.muc.room import dispatch

    here, there = Room(made.room.jid), Room(made.room.jid)
    seen = 0
    for request in made.requests:
        for event in dispatch.decide(here, request, made.limits).events:
            again = room_pb2.RoomEvent.FromString(event.SerializeToString())
            there = snapshot.decode(snapshot.encode(there))
            after_here, after_there = evolve(here, event), evolve(there, again)
            assert shapes(render(here, event, after_here)) == shapes(render(there, again, after_there))
            here, there = after_here, after_there
            seen += 1
    assert seen == len(made.requests) + 1


def test_an_answer_is_part_of_the_event(coven) -> None:
    heard = coven.admin(coven.crone, "<item affiliation='member' jid='a@b'/>")
    (event,) = heard.decision.events
    (output,) = [o for o in render(coven.room, event, coven.room) if o.kind == IQ]
    assert output.stanza == f"<iq from='{coven.room.jid}' id='a' type='result'/>".encode()


def test_unknown_events_and_unknown_people_are_silent() -> None:
    room = Room("r@h")
    assert render(room, room_pb2.RoomEvent(), room) == []
    for kind in ("occupant_left", "nickname_changed", "presence_changed"):
        event = room_pb2.RoomEvent()
        getattr(event, kind).nick = "nobody"
        assert render(room, event, evolve(room, event)) == []
