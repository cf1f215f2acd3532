"""XEP-0237: Roster Versioning.  A client that knows an older version gets only what changed since."""

from __future__ import annotations

from natter.xmpp.element import parse

from ..model import render
from ..model.decide.items import interested
from ..model.decide.reply import result
from ..model.effects import Command, Decision, Policy, ToSessions
from ..model.roster import Roster, changes_since
from ..model.user import User


def get(user: User, command: Command, policy: Policy) -> Decision | None:
    """A roster get with `ver`; without one it is a plain get."""
    frame = command.frame
    if frame.payload != render.ROSTER_QUERY or frame.type != "get":
        return None
    query = parse(frame.stanza).find(render.ROSTER_QUERY)
    version = None if query is None else query.get("ver")
    if version is None:
        return None
    roster = user.roster
    changed = missed(roster, version)
    if changed is None:
        return interested(user, frame, policy, (result(frame, render.whole(roster, roster.version)),))
    # XEP-0237 §2.2: an empty result, then a push for each item that changed, in the order of the changes.
    pushes = (
        ToSessions(render.push(roster, jid), (frame.session,), to=frame.sender, kind=frame.kind, type="set")
        for jid in changed
    )
    return interested(user, frame, policy, (result(frame), *pushes))


def missed(roster: Roster, version: str) -> list[str] | None:
    """The contacts to push to a client that has `version`; None: send the whole roster."""
    # XEP-0237 §2.2: "" asks for the whole; so does a version that we never gave.
    if not (version.isascii() and version.isdigit() and len(version) <= 20):
        return None
    changed = changes_since(roster, int(version))
    # XEP-0237 §2.2: the whole roster where that is less than the pushes.
    if changed is not None and len(changed) > 1 and len(changed) >= len(roster.contacts):
        return None
    return changed
