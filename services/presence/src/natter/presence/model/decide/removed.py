"""The account is gone: the user leaves, his contacts are told, and nothing is left of the roster."""

from __future__ import annotations

from typing import Final

from natter.proto.v1 import bus_pb2

from .. import render
from ..effects import NOTHING, Broadcast, Command, Decision, Effect, Policy
from ..events import RosterForgotten
from ..user import Change, LogoutForgotten, SessionEnded, User
from .contacts import tell
from .leaving import leave

# What the account service says, and what the worker says when all that followed is stored.
REMOVED: Final = "account-removed"
TOLD: Final = "account-removed-told"


def removed(user: User, command: Command, policy: Policy) -> Decision | None:
    """The removal of the account, `frame.sequence` in JOURNALS, at `frame.accepted_us`."""
    frame = command.frame
    if frame.kind != bus_pb2.KIND_PRESENCE or frame.type != REMOVED:
        return None
    forgotten = user.roster.forgotten
    if frame.sequence <= forgotten.removal:
        # Said before. Worked on again, its telling may not have been finished.
        again = command.applied and frame.sequence == forgotten.removal
        return Decision(effects=tuple(_again(user))) if again else NOTHING
    local = [contact for contact in user.roster.contacts.values() if policy.is_local(contact.jid)]
    # RFC 6121 §2.5.2: as if the user had removed every item: both subscriptions end, a request that waits is refused.
    unsubscribe = tuple(c.jid for c in local if c.state.to or c.state.pending_out)
    unsubscribed = tuple(c.jid for c in local if c.state.from_ or c.state.pending_in)
    changes: list[Change] = [LogoutForgotten()]
    effects: list[Effect] = []
    for session in user.sessions.values():
        # XEP-0077 §3.2: every session ends; whoever saw it sees it leave, rooms too.
        effects += leave(user, session, render.presence("unavailable", session.jid), policy, gone=True)
        changes.append(SessionEnded(session.jid))
    effects += _tell(user, unsubscribe, unsubscribed)
    event = RosterForgotten(frame.sequence, frame.accepted_us, unsubscribe, unsubscribed)
    return Decision((event,), tuple(changes), tuple(effects))


def told(user: User, command: Command, policy: Policy) -> Decision | None:
    """Everybody has been told: the names are forgotten, too."""
    frame = command.frame
    if frame.kind != bus_pb2.KIND_PRESENCE or frame.type != TOLD:
        return None
    forgotten = user.roster.forgotten
    if frame.sequence != forgotten.removal or not (forgotten.unsubscribe or forgotten.unsubscribed):
        return NOTHING
    return Decision((RosterForgotten(forgotten.removal, forgotten.time_us),))


def _tell(user: User, unsubscribe: tuple[str, ...], unsubscribed: tuple[str, ...]) -> list[Effect]:
    effects: list[Effect] = [tell(user.jid, jid, "unsubscribe") for jid in unsubscribe]
    effects += [tell(user.jid, jid, "unsubscribed") for jid in unsubscribed]
    return effects


def _again(user: User) -> list[Effect]:
    forgotten, contacts = user.roster.forgotten, user.roster.contacts
    # Whom the next user of this name knows by now has nothing to do with the one before.
    unsubscribe = tuple(jid for jid in forgotten.unsubscribe if jid not in contacts)
    unsubscribed = tuple(jid for jid in forgotten.unsubscribed if jid not in contacts)
    hidden: list[Effect] = [
        Broadcast(render.presence("unavailable", session.jid), "unavailable", session.jid, unsubscribed)
        for session in user.available()
        if session.since_us <= forgotten.time_us
    ]
    return [*hidden, *_tell(user, unsubscribe, unsubscribed)]
