"""XEP-0249: Direct MUC Invitations.  A message that asks somebody into a room, without the room's help."""

from __future__ import annotations

from dataclasses import dataclass

from .. import ns
from ..element import E, Element
from ..spec import Xep

NS = ns.CONFERENCE

XEP = Xep(249, "Direct MUC Invitations", version="1.2", status="complete", features=(NS,), note="passed through")


@dataclass(frozen=True, slots=True)
class Invitation:
    """`thread` of a one-to-one chat that goes on in the room; None where it is no continuation."""

    jid: str
    password: str = ""
    reason: str = ""
    thread: str | None = None


def x(invitation: Invitation) -> Element:
    """The <x/> of the message."""
    continued = invitation.thread is not None
    return E(
        f"{{{NS}}}x",
        {
            "jid": invitation.jid,
            "password": invitation.password or None,
            "reason": invitation.reason or None,
            "continue": "true" if continued else None,
            "thread": invitation.thread or None,
        },
    )


def find(message: Element) -> Invitation | None:
    """The invitation in a message; None without one, or without a room."""
    element = message.find(f"{{{NS}}}x")
    if element is None or not element.get("jid"):
        return None
    continued = element.get("continue") in ("true", "1")
    return Invitation(
        element.get("jid", ""),
        element.get("password", ""),
        element.get("reason", ""),
        element.get("thread", "") if continued else None,
    )
