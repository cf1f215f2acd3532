"""Mediated invitations, their declines, and what else is sent to a room without being for all. XEP-0045 §7.8.2."""

from __future__ import annotations

from dataclasses import replace

from natter.proto.v1 import room_pb2
from natter.xmpp import ns
from natter.xmpp.jid import JIDError, bare_of, normalise
from natter.xmpp.traits import Trait
from natter.xmpp.xeps.muc import Affiliation, Invite, parse_decline, parse_invites

from ..events import event
from ..refusal import refusal
from ..render_message import decline as decline_message
from ..render_message import invitation
from ..request import NOTHING, Decision, Limits, Output, Refused, Request
from ..rights import leads
from ..state import Occupant, Room
from . import message


def decide(room: Room, request: Request, limits: Limits) -> Decision:
    """A message to the room that is not of type groupchat."""
    x = request.element().find(f"{{{ns.MUC_USER}}}x") if request.traits & Trait.MUC_USER else None
    if x is not None:
        declined = parse_decline(x)
        if declined is not None:
            return _decline(room, request, declined)
        invites = parse_invites(x)
        if invites:
            return _invite(room, request, message.speaker(room, request), invites, limits)
    message.speaker(room, request)
    if request.type == "headline":
        return NOTHING
    # XEP-0045 §17.2: improperly typed.
    raise Refused("bad-request", "Messages to a room are of type groupchat.")


def _invite(room: Room, request: Request, sender: Occupant, invites: tuple[Invite, ...], limits: Limits) -> Decision:
    if len(invites) > limits.invites_max:
        raise Refused("policy-violation", f"At most {limits.invites_max} people are invited at once.")
    affiliation = room.affiliation(sender.bare)
    # XEP-0045 §9.5: in a members-only room inviting makes members, which is for admins unless the room says otherwise.
    may = leads(affiliation) or (room.config.members_invite and affiliation is Affiliation.MEMBER)
    if room.config.members_only and not may:
        raise Refused("forbidden", "Only admins invite to this room.")
    added: list[room_pb2.AffiliationChange] = []
    outputs: list[Output] = []
    for invite in invites:
        to = _jid(invite.peer)
        if len(invite.reason.encode()) > limits.reason_bytes_max:
            raise Refused("policy-violation", f"A reason has at most {limits.reason_bytes_max} bytes.")
        if room.config.members_only and room.affiliation(bare_of(to)) is Affiliation.NONE:
            # The event that makes the member sends the invitation.
            change = room_pb2.AffiliationChange(jid=bare_of(to), affiliation=Affiliation.MEMBER, reason=invite.reason)
            added.append(change)
            continue
        sent = invitation(room, sender.bare, to, invite, request.id)
        # Nobody learns whether an account exists: not there and not existing look the same.
        missing = refusal(request, Refused("service-unavailable", "Nobody is there to be invited."))
        outputs.append(replace(sent, otherwise=missing, speaker=sender.bare))
    if not added:
        return Decision(outputs=tuple(outputs))
    if len(room.affiliations) + len(added) > limits.affiliations_max:
        raise Refused("resource-constraint", "The room's lists are full.")
    made = event(request)
    made.rights_changed.actor = sender.nick
    made.rights_changed.affiliations.extend(added)
    return Decision((made,), tuple(outputs))


def _decline(room: Room, request: Request, declined: Invite) -> Decision:
    # Only to occupants: a room carries no messages between strangers.
    inviters = room.of_bare(bare_of(_jid(declined.peer)))
    if not inviters:
        raise Refused("item-not-found")
    return Decision(
        outputs=tuple(
            replace(decline_message(room, request.bare, inviter.jid, declined.reason, request.id), speaker=request.bare)
            for inviter in inviters
        )
    )


def _jid(text: str) -> str:
    try:
        found = normalise(text)
    except JIDError:
        raise Refused("jid-malformed") from None
    if "@" not in found:
        raise Refused("jid-malformed")
    return found
