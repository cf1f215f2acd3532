"""What is sent because of an event. A function of the room before it, the event, and the room after it: repeatable."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any, Final

from natter.proto.v1 import room_pb2
from natter.xmpp.element import attr_escape
from natter.xmpp.xeps.muc import Affiliation, Destroy, Invite, Role, Status

from . import render_message as messages
from . import render_presence as presences
from .render_presence import About, about
from .request import IQ, Address, Output
from .state import Occupant, Room

Event = room_pb2.RoomEvent


def render(before: Room, event: Event, after: Room) -> list[Output]:
    """The outputs of an event, in the order in which they are to be sent."""
    kind = event.WhichOneof("event")
    draw = _RENDERERS.get(kind) if kind is not None else None
    return list(draw(before, event, after)) if draw is not None else []


def _answer(room: Room, event: Event) -> Iterator[Output]:
    if not event.HasField("answer"):
        return
    to = event.answer
    head = f"<iq from='{attr_escape(room.jid)}' id='{attr_escape(to.id)}' type='result'".encode()
    stanza = head + (b">" + to.payload + b"</iq>" if to.payload else b"/>")
    yield Output(IQ, stanza, room.jid, (Address(to.to, to.session),), type="result", id=to.id)


def _joined(before: Room, event: Event, after: Room) -> Iterator[Output]:
    joined = event.occupant_joined
    newcomer = after.occupants[joined.jid]
    # XEP-0045 §7.1: others' presence, self-presence, history, subject; then what happens from now on.
    yield from presences.standing(after, newcomer)
    own = [Status.NON_ANONYMOUS] if after.config.jids_public else []
    own += [Status.LOGGING_ENABLED] if joined.logged else []
    own += [Status.CREATED] if joined.created else []
    own += [Status.NICK_ASSIGNED] if joined.nick_changed else []
    what = About(
        affiliation=after.affiliation(newcomer.bare), role=newcomer.role, own_statuses=tuple(own), id=joined.id
    )
    yield presences.to_self(after, newcomer, what)
    yield from messages.history(before, newcomer, joined.history, event.time_us)
    yield messages.subject(after, newcomer)
    known = before.shown(joined.nick)
    # XEP-0045 §7.2.1: who was in already gets everything again; the others only hear of it if something is new.
    if known is None or (known.payload, known.attributes, known.role, known.jid) != (
        newcomer.payload,
        newcomer.attributes,
        newcomer.role,
        newcomer.jid,
    ):
        yield from presences.to_others(after, newcomer, about(after, newcomer), after.occupants.values())


def _left(before: Room, event: Event, after: Room) -> Iterator[Output]:
    left = event.occupant_left
    occupant = before.occupants.get(left.jid) or before.shown(left.nick)
    if occupant is None:
        return
    what = About(
        affiliation=before.affiliation(occupant.bare), role=Role.NONE, gone=True, statuses=tuple(left.statuses)
    )
    leaving = _saying(occupant, left.presence)
    # XEP-0045 §7.14: first to whoever leaves, then to those who remain.
    yield presences.to_self(before, leaving, what)
    remaining = after.shown(left.nick)
    if remaining is None:
        yield from presences.to_others(before, leaving, what, after.occupants.values())
    elif before.shown(left.nick) is occupant:
        # XEP-0045 §7.2.8: another session of theirs is still in: it is seen instead.
        yield from presences.to_all(after, remaining, about(after, remaining), after.occupants.values())


def _saying(occupant: Occupant, presence: room_pb2.OccupantPresence) -> Occupant:
    return Occupant(
        occupant.nick,
        occupant.jid,
        occupant.session,
        occupant.role,
        occupant.occupant_id,
        presence.attributes,
        presence.payload,
    )


def _renamed(before: Room, event: Event, after: Room) -> Iterator[Output]:
    change = event.nickname_changed
    old, new = before.shown(change.nick), after.shown(change.new_nick)
    if old is None or new is None:
        return
    # XEP-0045 §7.6: unavailable from the old nickname with 303 and the new one, then available from the new.
    gone = About(
        affiliation=before.affiliation(old.bare),
        role=old.role,
        gone=True,
        statuses=(Status.NEW_NICK,),
        new_nick=change.new_nick,
    )
    yield from presences.to_all(before, _saying(old, room_pb2.OccupantPresence()), gone, before.occupants.values())
    own = (Status.NICK_ASSIGNED,) if change.nick_changed else ()
    here = About(affiliation=after.affiliation(new.bare), role=new.role, own_statuses=own)
    yield from presences.to_all(after, new, here, after.occupants.values())


def _presence(before: Room, event: Event, after: Room) -> Iterator[Output]:
    changed = event.presence_changed
    occupant = after.occupants.get(changed.jid) or after.shown(changed.nick)
    if occupant is not None:
        yield from presences.to_all(after, occupant, about(after, occupant), after.occupants.values())


def _said(before: Room, event: Event, after: Room) -> Iterator[Output]:
    said = event.message_sent
    yield messages.groupchat(after, said.nick, said.stanza, said.id, said.traits)


def _subject(before: Room, event: Event, after: Room) -> Iterator[Output]:
    changed = event.subject_changed
    yield messages.groupchat(after, changed.nick, changed.stanza, changed.id, 0)


def _rights(before: Room, event: Event, after: Room) -> Iterator[Output]:
    rights = event.rights_changed
    yield from _standing(before, after, event, rights.occupants, rights.actor)
    inviter = after.shown(rights.actor)
    inside = {occupant.bare for occupant in before.occupants.values()}
    for change in rights.affiliations:
        known = before.affiliation(change.jid)
        if change.affiliation == known or "@" not in change.jid or change.jid in inside:
            continue
        if change.affiliation == Affiliation.MEMBER and known is Affiliation.NONE and after.config.members_only:
            # XEP-0045 §9.5: who becomes a member of a members-only room is invited.
            by = inviter.bare if inviter is not None else after.jid
            yield messages.invitation(after, by, change.jid, Invite(change.jid, change.reason))
        elif change.affiliation != Affiliation.OUTCAST:
            # XEP-0045 §18.1 (MAY). Not of a ban: a room is no way to molest whoever never entered it.
            yield messages.affiliation_changed(after, change.jid, Affiliation(change.affiliation))


def _standing(
    before: Room, after: Room, event: Event, changes: Iterable[room_pb2.OccupantChange], actor: str
) -> Iterator[Output]:
    """Roles that changed, and occupants who were removed."""
    gone: list[tuple[Occupant, About]] = []
    for change in changes:
        for occupant in before.named(change.nick) if change.role == Role.NONE else ():
            what = About(
                affiliation=after.affiliation(occupant.bare),
                role=Role.NONE,
                gone=True,
                statuses=tuple(change.statuses),
                actor=actor,
                reason=change.reason,
            )
            gone.append((_saying(occupant, room_pb2.OccupantPresence()), what))
    # XEP-0045 §8.2: first who is removed, then who removed them, then the others.
    for occupant, what in gone:
        yield presences.to_self(before, occupant, what)
    yield from _answer(after, event)
    audience = after.occupants.values()
    for occupant, what in gone:
        if before.nicks[occupant.nick][-1] == occupant.jid:
            yield from presences.to_others(after, occupant, what, audience)
    for change in changes:
        changed = after.shown(change.nick)
        if changed is not None and change.role != Role.NONE:
            what = About(
                affiliation=after.affiliation(changed.bare),
                role=changed.role,
                statuses=tuple(change.statuses),
                actor=actor if change.reason else "",
                reason=change.reason,
            )
            yield from presences.to_all(after, changed, what, audience)
            shown = before.shown(change.nick)
            if shown is not None:
                yield from _hidden(before, shown, after, changed)


def _config(before: Room, event: Event, after: Room) -> Iterator[Output]:
    changed = event.config_changed
    yield from _standing(before, after, event, changed.occupants, "")
    yield from _broadcast(before, after, {change.nick for change in changed.occupants})
    if changed.statuses:
        yield messages.configured(after, tuple(changed.statuses), f"config-{event.time_us}")


def _broadcast(before: Room, after: Room, told: set[str]) -> Iterator[Output]:
    """Roles that the configuration hides or shows from now on. XEP-0045 §7.2.2, muc#roomconfig_presencebroadcast."""
    if before.config.silent_roles == after.config.silent_roles:
        return
    for occupant in after.people():
        if occupant.nick in told:
            continue
        if occupant.role in before.config.silent_roles and occupant.role not in after.config.silent_roles:
            yield from presences.to_others(after, occupant, about(after, occupant), after.occupants.values())
        yield from _hidden(before, occupant, after, occupant)


def _hidden(before: Room, shown: Occupant, after: Room, now: Occupant) -> Iterator[Output]:
    """For the others, somebody is gone whose presence is not broadcast any more."""
    if shown.role in before.config.silent_roles or now.role not in after.config.silent_roles:
        return
    what = About(affiliation=after.affiliation(now.bare), role=Role.NONE, gone=True)
    audience = [o for o in after.occupants.values() if o.nick != now.nick]
    yield from presences.to_others(before, _saying(shown, room_pb2.OccupantPresence()), what, audience)


def _moderated(before: Room, event: Event, after: Room) -> Iterator[Output]:
    moderated = event.message_moderated
    # XEP-0425 §3.1: everybody is told, then the moderator is answered.
    yield messages.groupchat(after, "", moderated.stanza, moderated.id, 0)
    yield from _answer(after, event)


def _voice(before: Room, event: Event, after: Room) -> Iterator[Output]:
    asker = after.occupants.get(event.voice_requested.jid)
    moderators = tuple(o for o in after.occupants.values() if o.role is Role.MODERATOR)
    if asker is not None and moderators:
        yield messages.voice_request(after, asker, moderators, f"voice-{event.time_us}")


def _registering(before: Room, event: Event, after: Room) -> Iterator[Output]:
    asked = event.registration_requested
    yield from _answer(after, event)
    admins = tuple(Address(jid) for jid in after.admins())
    yield messages.registration_request(after, asked.jid, asked.nick, admins, f"registration-{event.time_us}")


def _card(before: Room, event: Event, after: Room) -> Iterator[Output]:
    # XEP-0486 §3.2: everybody is told that there is something to look at.
    yield from _answer(after, event)
    yield messages.configured(after, (int(Status.CONFIGURATION_CHANGED),), f"card-{event.time_us}")


def _hat(before: Room, event: Event, after: Room) -> Iterator[Output]:
    uri = event.hat_changed.uri
    yield from _answer(after, event)
    # XEP-0317 §3.2: the list of hats is part of what the room is; who wears the hat is seen with it anew.
    yield messages.configured(after, (int(Status.CONFIGURATION_CHANGED),), f"hat-{event.time_us}")
    yield from _worn(after, {jid for jid, uris in before.worn.items() if uri in uris})


def _assigned(before: Room, event: Event, after: Room) -> Iterator[Output]:
    yield from _answer(after, event)
    yield from _worn(after, {event.hat_assigned.jid})


def _worn(after: Room, wearers: set[str]) -> Iterator[Output]:
    for occupant in after.people():
        if occupant.bare in wearers:
            yield from presences.to_all(after, occupant, about(after, occupant), after.occupants.values())


def _destroyed(before: Room, event: Event, after: Room) -> Iterator[Output]:
    end = event.room_destroyed
    destroy = Destroy(end.alternate, end.reason, end.password)
    # XEP-0045 §10.9: one presence to each occupant, about itself; then the owner is answered.
    for occupant in before.occupants.values():
        yield presences.destroyed(before, occupant, destroy)
    yield from _answer(before, event)


_RENDERERS: Final[dict[str, Callable[[Room, Any, Room], Iterator[Output]]]] = {
    "occupant_joined": _joined,
    "occupant_left": _left,
    "nickname_changed": _renamed,
    "presence_changed": _presence,
    "message_sent": _said,
    "subject_changed": _subject,
    "rights_changed": _rights,
    "config_changed": _config,
    "room_destroyed": _destroyed,
    "voice_requested": _voice,
    "registration_requested": _registering,
    "message_moderated": _moderated,
    "card_changed": _card,
    "hat_changed": _hat,
    "hat_assigned": _assigned,
}
