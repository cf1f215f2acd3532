"""Folding is total, deciding again decides nothing, and the indexes of the state agree with each other."""

from __future__ import annotations

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from natter.muc.room import dispatch, snapshot
from natter.muc.room.evolve import evolve, fold
from natter.muc.room.nickname import stored_key
from natter.muc.room.render import render
from natter.muc.room.state import HISTORY_BYTES_MAX, HISTORY_STANZAS_MAX, Room
from natter.proto.v1 import room_pb2
from natter.xmpp.traits import Trait

NAMES = ("a", "B", "b", "c c")
JIDS = tuple(f"{user}@d/{resource}" for user in ("u", "v", "w") for resource in ("1", "2"))


def consistent(room: Room) -> None:
    sessions = [(nick, jid) for nick, jids in room.nicks.items() for jid in jids]
    assert sorted(sessions) == sorted((o.nick, o.jid) for o in room.occupants.values())
    assert all(jid == o.jid for jid, o in room.occupants.items())
    assert {stored_key(nick): nick for nick in room.nicks} == dict(room.nick_keys)
    for nick in room.nicks:
        # Several sessions under one nickname are one user's.
        assert len({o.bare for o in room.named(nick)}) == 1
    assert room.history_bytes == sum(len(said.stanza) for said in room.history)
    assert len(room.history) <= HISTORY_STANZAS_MAX
    assert room.history_bytes <= HISTORY_BYTES_MAX


@st.composite
def events(draw: st.DrawFn) -> room_pb2.RoomEvent:
    event = room_pb2.RoomEvent(
        source=draw(st.sampled_from(("lane.0", "lane.1"))), sequence=draw(st.integers(0, 9)), time_us=1
    )
    nick, other = draw(st.sampled_from(NAMES)), draw(st.sampled_from(NAMES))
    role = draw(st.sampled_from(("moderator", "participant", "visitor")))
    match draw(st.integers(0, 9)):
        case 0:
            event.room_created.creator = "u@d"
        case 1 | 2:
            event.occupant_joined.nick, event.occupant_joined.jid = nick, draw(st.sampled_from(JIDS))
            event.occupant_joined.role = role
        case 3:
            event.occupant_left.nick = nick
            event.occupant_left.jid = draw(st.sampled_from(("", *JIDS)))
        case 4:
            event.nickname_changed.nick, event.nickname_changed.new_nick = nick, other
            event.nickname_changed.jid = draw(st.sampled_from(("", *JIDS)))
        case 5:
            event.presence_changed.nick = nick
            event.presence_changed.jid = draw(st.sampled_from(("", *JIDS)))
        case 6:
            event.message_sent.stanza = b"<message>%b</message>" % (b"x" * draw(st.integers(1, 100_000)))
            event.message_sent.traits = int(Trait.BODY)
        case 7:
            event.subject_changed.text, event.subject_changed.stanza = "s", b"<message><subject>s</subject></message>"
        case 8:
            event.rights_changed.affiliations.add(jid="u@d", affiliation=draw(st.sampled_from(("none", "outcast"))))
            event.rights_changed.occupants.add(nick=nick, role=draw(st.sampled_from(("none", role))))
        case 9:
            event.room_destroyed.SetInParent()
    return event


@settings(max_examples=300, deadline=None)
@given(st.lists(events(), max_size=25))
def test_any_events_in_any_order_give_a_consistent_room(happened: list[room_pb2.RoomEvent]) -> None:
    room = Room("r@h")
    for event in happened:
        after = evolve(room, event)
        render(room, event, after)
        room = after
        consistent(room)
    assert snapshot.decode(snapshot.encode(room)) == room
    assert fold(Room("r@h"), happened) == room


def test_an_unknown_event_changes_nothing_but_is_applied() -> None:
    event = room_pb2.RoomEvent(source="lane.0", sequence=4, index=1)
    room = evolve(Room("r@h"), event)
    assert room.applied == {"lane.0": (4, 1, 0)}
    assert not room.exists
    assert evolve(room, room_pb2.RoomEvent(source="lane.0", sequence=3)).applied == {"lane.0": (4, 1, 0)}


VERBS = st.sampled_from(
    (
        "join 0 a", "join 1 a", "join 1 b", "join 2 c", "leave 0", "leave 1", "say 0", "say 1", "say 2", "nick 1 a",
        "nick 1 d", "show 0", "topic 0", "topic 1", "submit 0", "cancel 0", "moderated 0", "members 0", "kick 0 b",
        "kick 1 a", "ban 0 1", "member 0 1", "admin 0 2", "owner 0 2", "resign 0", "destroy 0", "invite 0", "voice 0 b",
        "phone 1 b", "hangup 1", "register 1 b", "register 2 c", "unregister 1", "ask 1", "ask 2", "approve 0 2",
        "hide 0",
    )
)  # fmt: skip


def submit(kind: str, **fields: str) -> str:
    values = "".join(f"<field var='muc#{name}'><value>{value}</value></field>" for name, value in fields.items())
    form_type = f"<field var='FORM_TYPE'><value>http://jabber.org/protocol/muc#{kind}</value></field>"
    return f"<x xmlns='jabber:x:data' type='submit'>{form_type}{values}</x>"


def play(stage, verb: str):
    people = (stage.crone, stage.witch, stage.hag)
    name, *rest = verb.split()
    who = people[int(rest[0])]
    room = stage.room.jid
    match name:
        case "join":
            return stage.join(who, rest[1])
        case "leave":
            return stage.send(f"<presence from='{who}' to='{room}/x' type='unavailable'/>")
        case "say":
            return stage.say(who, "hello")
        case "nick":
            return stage.send(f"<presence from='{who}' to='{room}/{rest[1]}'/>")
        case "show":
            present = stage.room.occupant(who)
            nick = present.nick if present is not None else "nobody"
            return stage.send(f"<presence from='{who}' to='{room}/{nick}'><show>xa</show></presence>")
        case "topic":
            return stage.send(f"<message from='{who}' to='{room}' type='groupchat'><subject>s</subject></message>")
        case "submit" | "cancel":
            return stage.owner(who, f"<x xmlns='jabber:x:data' type='{name}'/>")
        case "moderated":
            return stage.configure(who, moderatedroom="1")
        case "members":
            return stage.configure(who, membersonly="1")
        case "kick":
            return stage.admin(who, f"<item nick='{rest[1]}' role='none'/>")
        case "phone" | "hangup":
            phone = who.partition("/")[0] + "/phone"
            if name == "phone":
                return stage.join(phone, rest[1])
            return stage.send(f"<presence from='{phone}' to='{room}/x' type='unavailable'/>")
        case "register" | "unregister":
            form = submit("register", register_roomnick=rest[1]) if name == "register" else "<remove/>"
            query = f"<query xmlns='jabber:iq:register'>{form}</query>"
            return stage.send(f"<iq from='{who}' id='r' to='{room}' type='set'>{query}</iq>")
        case "ask":
            return stage.send(f"<message from='{who}' to='{room}'>{submit('request', role='participant')}</message>")
        case "approve":
            answer = submit("register", jid=people[int(rest[1])].partition("/")[0], register_allow="1")
            return stage.send(f"<message from='{who}' to='{room}'>{answer}</message>")
        case "hide":
            return stage.configure(who, presencebroadcast="moderator")
        case "voice":
            return stage.admin(who, f"<item nick='{rest[1]}' role='visitor'/>")
        case "ban" | "member" | "admin" | "owner":
            jid = people[int(rest[1])].partition("/")[0]
            affiliation = "outcast" if name == "ban" else name
            return stage.admin(who, f"<item jid='{jid}' affiliation='{affiliation}'/>")
        case "resign":
            return stage.admin(who, f"<item jid='{who.partition('/')[0]}' affiliation='none'/>")
        case "destroy":
            return stage.owner(who, "<destroy><reason>end</reason></destroy>")
        case _:
            x = "<x xmlns='http://jabber.org/protocol/muc#user'><invite to='new@shakespeare.lit'/></x>"
            return stage.send(f"<message from='{who}' to='{room}'>{x}</message>")


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(VERBS, max_size=14))
def test_deciding_again_on_the_result_gives_no_event(stage, verbs: list[str]) -> None:
    made = stage()
    for verb in ["join 0 a", "submit 0", *verbs]:
        heard = play(made, verb)
        consistent(made.room)
        request = made.requests[-1]
        again = dispatch.decide(made.room, request, made.limits)
        assert not again.events, (verb, heard.events)
        # XEP-0045 §10: every room has an owner.
        assert made.room.owners() or not made.room.exists
    for request in made.requests:
        assert not dispatch.decide(made.room, request, made.limits).events


def test_history_keeps_words_and_forgets_the_oldest(coven) -> None:
    for number in range(HISTORY_STANZAS_MAX + 5):
        coven.say(coven.hag, f"word {number}")
    assert len(coven.room.history) == HISTORY_STANZAS_MAX
    assert b"word 5<" in coven.room.history[0].stanza
    before = coven.room.history
    coven.send(
        f"<message from='{coven.hag}' to='{coven.room.jid}' type='groupchat'>"
        "<composing xmlns='http://jabber.org/protocol/chatstates'/></message>"
    )
    coven.say(coven.hag, "not this", "<no-store xmlns='urn:xmpp:hints'/>")
    assert coven.room.history == before


def test_a_destroyed_room_remembers_what_it_applied(coven) -> None:
    coven.owner(coven.crone, "<destroy/>")
    assert not coven.room.exists
    assert coven.room.applied["lane.0"].sequence > 0
    assert coven.room.occupants == {}
