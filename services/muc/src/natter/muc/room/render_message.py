"""Messages of a room: what an occupant said, discussion history, the subject, configuration notices, invitations."""

from __future__ import annotations

from collections.abc import Iterator

from natter.proto.v1 import room_pb2
from natter.xmpp import ns
from natter.xmpp.element import attr_escape, render
from natter.xmpp.traits import Trait
from natter.xmpp.xeps import date_time, muc

from .render_presence import occupant_jid
from .request import MESSAGE, Address, Everyone, Output
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
    if wish.HasField("stanzas_max"):
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


def _out_of_room(room: Room, to: str, x: bytes, id: str) -> Output:
    name = f" id='{attr_escape(id)}'" if id else ""
    head = f"<message from='{attr_escape(room.jid)}'{name}>".encode()
    return Output(MESSAGE, head + x + b"</message>", room.jid, (Address(to),), id=id, traits=int(Trait.MUC_USER))
