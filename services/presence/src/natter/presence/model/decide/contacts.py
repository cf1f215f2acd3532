"""What the server itself says to a contact on the user's behalf."""

from __future__ import annotations

from .. import render
from ..effects import Broadcast, Send, Via
from ..user import User


def tell(sender: str, to: str, type: str) -> Send:
    """A subscription stanza or probe of the server's own making, to the shard of `to`."""
    return Send(Via.USER, render.presence(type, sender, to), type, sender, to)


def hide(user: User, contact: str) -> list[Broadcast]:
    """A contact who may no longer see the user sees every session leave: RFC 6121 §3.2.2 and §3.3.3."""
    return [
        Broadcast(render.presence("unavailable", session.jid), "unavailable", session.jid, (contact,))
        for session in user.available()
    ]
