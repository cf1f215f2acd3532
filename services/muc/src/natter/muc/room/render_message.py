"""Messages of a room: what an occupant said, discussion history, the subject, configuration notices, invitations."""

from __future__ import annotations

from collections.abc import Iterator

from natter.proto.v1 import room_pb2
from natter.xmpp import ns
from natter.xmpp.element import attr_escape, render
from natter.xmpp.traits import Trait
from natter.xmpp.xeps import date_time, muc
from natter.xmpp.xeps.data_forms import Field, Form, boolean_field, form_type
from natter.xmpp.xeps.data_forms import render as form_element

from .render_presence import occupant_jid
from .request import MESSAGE, Address, Everyone, Output, Target
from .stanza import append
from .state import Occupant, Room, Said


def groupchat(room: Room, nick: str, stanza: bytes, id: str, traits: int) -> Output:
    """One stanza for all occupants, the sender too."""
    return Output(
        MESSAGE,
        stanza,
        occupant_jid(room, nick) if nick else room.jid,
        Everyone(room.occupants),
        type="groupchat",
        id=id,
        traits=traits,
    )


def delayed(stanza: bytes, room: str, time_us: int) -> bytes:
    """A stored message with the room's stamp on it."""
    # XEP-0045 §7.2.13: 'from' is the room itself.
    stamp = date_time.render(time_us)
    return append(stanza, f"<delay xmlns='{ns.DELAY}' from='{attr_escape(room)}' stamp='{stamp}'/>".encode())


def history(room: Room, occupant: Occupant, wish: room_pb2.HistoryRequest, now_us: int) -> Iterator[Output]:
    """The discussion history that a newcomer gets: the least that meets the room's limits and the wish."""
    chosen = [delayed(said.stanza, room.jid, said.time_us) for said in _wanted(room, wish, now_us)]
    # XEP-0045 §7.2.14: whole stanzas, the newest, whose characters do not exceed the limit.
    if wish.HasField("chars_max"):
        left = wish.chars_max
        first = len(chosen)
        while first and (left := left - len(chosen[first - 1].decode(errors="replace"))) >= 0:
            first -= 1
        chosen = chosen[first:]
    for stanza in chosen:
        yield Output(MESSAGE, stanza, room.jid, (occupant,), type="groupchat", traits=int(Trait.BODY | Trait.DELAY))


def _wanted(room: Room, wish: room_pb2.HistoryRequest, now_us: int) -> tuple[Said, ...]:
    count = room.config.history_stanzas_max
    if not wish.ListFields():
        # XEP-0045 §7.2.13: who says nothing gets what the room thinks right.
        count = max(0, count - room.config.history_stanzas_held_back)
    elif wish.HasField("stanzas_max"):
        count = min(count, wish.stanzas_max)
    since_us = wish.since_us if wish.HasField("since_us") else 0
    if wish.HasField("seconds_max"):
        since_us = max(since_us, now_us - wish.seconds_max * 1_000_000)
    said = room.history[-count:] if count else ()
    return tuple(s for s in said if s.time_us >= since_us) if since_us else said


def subject(room: Room, occupant: Occupant) -> Output:
    """The subject as a newcomer gets it, after the history; empty where none was ever set."""
    # XEP-0045 §7.2.15: <subject/> without body; stamped with the time of the change.
    if room.subject is None:
        stanza = f"<message from='{attr_escape(room.jid)}' type='groupchat'><subject/></message>".encode()
    else:
        stanza = delayed(room.subject.stanza, room.jid, room.subject.time_us)
    return Output(MESSAGE, stanza, room.jid, (occupant,), type="groupchat", traits=int(Trait.SUBJECT))


def configured(room: Room, statuses: tuple[int, ...], id: str) -> Output:
    """The notice that the configuration has changed. XEP-0045 §10.2.1."""
    x = render(muc.user_x(statuses=statuses))
    head = f"<message from='{attr_escape(room.jid)}' id='{attr_escape(id)}' type='groupchat'>".encode()
    return groupchat(room, "", head + x + b"</message>", id, int(Trait.MUC_USER))


def invitation(room: Room, inviter: str, invitee: str, invite: muc.Invite, id: str = "") -> Output:
    """A mediated invitation on its way to the invitee. XEP-0045 §7.8.2."""
    x = muc.invitation(muc.Invite(inviter, invite.reason, invite.thread), password=room.config.password)
    return _out_of_room(room, invitee, render(x), id)


def decline(room: Room, invitee: str, inviter: str, reason: str, id: str = "") -> Output:
    """The decline of an invitation on its way to the inviter."""
    return _out_of_room(room, inviter, render(muc.declined(muc.Invite(invitee, reason))), id)


def voice_request(room: Room, asker: Occupant, moderators: tuple[Occupant, ...], id: str) -> Output:
    """A request for voice as moderators get it. XEP-0045 §8.6."""
    form = Form(
        "form",
        (
            form_type(ns.MUC_REQUEST),
            Field("muc#role", ("participant",), "list-single", "Requested Role", options=(("participant", "Voice"),)),
            Field("muc#jid", (asker.jid,), "jid-single", "User ID"),
            Field("muc#roomnick", (asker.nick,), "text-single", "Room Nickname"),
            boolean_field("muc#request_allow", False, "Grant Voice to This Person?"),
        ),
        title="Voice request",
        instructions=("To grant voice, tick the box and submit the form. To skip this request, cancel it.",),
    )
    return _form(room, form, moderators, id)


def registration_request(room: Room, jid: str, nick: str, admins: tuple[Target, ...], id: str) -> Output:
    """A request to be registered as admins get it. XEP-0045 §9.9."""
    form = Form(
        "form",
        (
            form_type(ns.MUC_REGISTER),
            Field("muc#jid", (jid,), "jid-single", "User ID"),
            Field("muc#register_roomnick", (nick,), "text-single", "Desired Nickname"),
            boolean_field("muc#register_allow", False, "Allow This Person to Register with the Room?"),
        ),
        title="Registration request",
        instructions=("To approve, tick the box and submit the form. To skip this request, cancel it.",),
    )
    return _form(room, form, admins, id)


def _form(room: Room, form: Form, to: tuple[Target, ...], id: str) -> Output:
    head = f"<message from='{attr_escape(room.jid)}' id='{attr_escape(id)}'>".encode()
    return Output(MESSAGE, head + render(form_element(form)) + b"</message>", room.jid, to, id=id)


def affiliation_changed(room: Room, jid: str, affiliation: muc.Affiliation) -> Output:
    """Told to somebody whose affiliation changed while they were not in the room. XEP-0045 §18.1: 101."""
    item = muc.Item(affiliation, muc.Role.NONE, jid)
    return _out_of_room(room, jid, render(muc.user_x(item, statuses=(muc.Status.AFFILIATION_CHANGED,))), "")


def _out_of_room(room: Room, to: str, x: bytes, id: str) -> Output:
    name = f" id='{attr_escape(id)}'" if id else ""
    head = f"<message from='{attr_escape(room.jid)}'{name}>".encode()
    return Output(MESSAGE, head + x + b"</message>", room.jid, (Address(to),), id=id, traits=int(Trait.MUC_USER))
