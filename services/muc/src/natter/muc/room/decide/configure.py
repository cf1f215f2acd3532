"""The owner's form: asking for it, submitting it, cancelling it. XEP-0045 §10.1 and §10.2."""

from __future__ import annotations

from dataclasses import replace

from natter.proto.v1 import room_pb2
from natter.xmpp import ns
from natter.xmpp.jid import JIDError, normalise
from natter.xmpp.xeps import data_forms, muc
from natter.xmpp.xeps.muc import Affiliation, Role, Status

from .. import form as forms
from ..answer import result
from ..events import answered, event
from ..evolve import evolve
from ..request import Decision, Limits, Refused, Request
from ..snapshot import config_to
from ..state import Config, Room
from . import leave, rights
from .archive import is_logged


def decide(room: Room, request: Request, limits: Limits) -> Decision:
    """An IQ with a muc#owner query."""
    # XEP-0045 §10.2: owners only.
    if room.affiliation(request.bare) is not Affiliation.OWNER:
        raise Refused("forbidden")
    try:
        query = request.element().find(f"{{{ns.MUC_OWNER}}}query")
        asked = muc.parse_owner(query) if query is not None else None
    except ValueError:
        raise Refused("bad-request") from None
    if request.type == "get":
        offered = data_forms.render(forms.offered(room, limits))
        return Decision(outputs=(result(request, muc.owner_query(offered)),))
    match asked:
        case muc.Destroy():
            return _destroy(room, request, asked, limits)
        case data_forms.Form(kind="submit"):
            return _submit(room, request, asked, limits)
        case data_forms.Form(kind="cancel"):
            return _cancel(room, request)
        case _:
            raise Refused("bad-request")


def _submit(room: Room, request: Request, form: data_forms.Form, limits: Limits) -> Decision:
    # XEP-0045 §10.1.2: an empty form accepts what is; fields that are left out stay as they are.
    config, items = forms.submitted(room, form, limits) if form.fields else (room.config, [])
    events = []
    step = room
    if items:
        # XEP-0045 §10.2: full lists of admins and owners. They are who they are before non-members have to leave.
        lists = event(request)
        rights.affiliations(room, request, items, limits, lists)
        events.append(lists)
        step = evolve(room, lists)
    made = answered(request)
    changed = made.config_changed
    changed.config.CopyFrom(config_to(config))
    if not room.locked:
        changed.statuses.extend(_statuses(room.config, config, limits))
    changed.occupants.extend(_consequences(step, config))
    return Decision(leave.deserted(room, request, [*events, made]))


def _statuses(before: Config, after: Config, limits: Limits) -> list[int]:
    """What the occupants are told. XEP-0045 §10.2.1."""
    if before == after:
        return []
    statuses = []
    if before.jids_public != after.jids_public:
        privacy = Status.NOW_NON_ANONYMOUS if after.jids_public else Status.NOW_SEMI_ANONYMOUS
        statuses.append(int(privacy))
    if is_logged(before, limits) != is_logged(after, limits):
        statuses.insert(0, int(Status.LOGGING_ENABLED if is_logged(after, limits) else Status.LOGGING_DISABLED))
    others = [name for name in Config.__slots__ if name != "jids_public"]
    if any(getattr(before, name) != getattr(after, name) for name in others):
        statuses.insert(0, int(Status.CONFIGURATION_CHANGED))
    return statuses


def _consequences(room: Room, config: Config) -> list[room_pb2.OccupantChange]:
    changes = []
    for occupant in room.people():
        affiliation = room.affiliation(occupant.bare)
        # XEP-0045 §10.2: who is no member leaves a room that becomes members-only: 322.
        if config.members_only and affiliation is Affiliation.NONE:
            statuses = [int(Status.MEMBERS_ONLY)]
            changes.append(room_pb2.OccupantChange(nick=occupant.nick, role=Role.NONE, statuses=statuses))
        elif room.config.moderated and not config.moderated and occupant.role is Role.VISITOR:
            # XEP-0045 §5.1.2: there are no visitors by default in an unmoderated room.
            changes.append(room_pb2.OccupantChange(nick=occupant.nick, role=Role.PARTICIPANT))
    return changes


def _cancel(room: Room, request: Request) -> Decision:
    # XEP-0045 §10.1.3: cancelling the initial configuration destroys the room; a later one stays as it was (§10.2).
    if not room.locked:
        return Decision(outputs=(result(request),))
    made = answered(request)
    made.room_destroyed.SetInParent()
    return Decision((made,))


def _destroy(room: Room, request: Request, destroy: muc.Destroy, limits: Limits) -> Decision:
    if len(destroy.reason.encode()) > limits.reason_bytes_max:
        raise Refused("policy-violation", f"A reason has at most {limits.reason_bytes_max} bytes.")
    try:
        # Clients of everybody in the room will go there.
        destroy = replace(destroy, alternate=normalise(destroy.alternate) if destroy.alternate else "")
    except JIDError:
        raise Refused("jid-malformed") from None
    made = answered(request)
    made.room_destroyed.reason = destroy.reason
    made.room_destroyed.alternate = destroy.alternate
    made.room_destroyed.password = destroy.password[: limits.password_bytes_max]
    if not room.locked:
        made.room_destroyed.tombstone_seconds = limits.tombstone_seconds
    return Decision((made,))
