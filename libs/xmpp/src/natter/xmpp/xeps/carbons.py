"""XEP-0280: Message Carbons.  Which messages the other clients of an account get too, and the copies."""

from __future__ import annotations

from typing import Final

from .. import ns
from ..element import attr_escape
from ..spec import Xep
from ..traits import Trait
from . import forward, hints

NS = ns.CARBONS

XEP = Xep(
    280,
    "Message Carbons",
    version="1.0.1",
    status="complete",
    features=(NS,),
    note="private messages in rooms are copied to all clients of who says them",
)

ENABLE: Final = f"{{{NS}}}enable"
DISABLE: Final = f"{{{NS}}}disable"
_PRIVATE: Final = int(Trait.PRIVATE)
# XEP-0280 §6.1: invitations and payloads of instant messaging (XEP-0184, 0085, 0333), whatever the type.
_MESSAGING: Final = int(
    Trait.CONFERENCE | Trait.MUC_USER | Trait.RECEIPT | Trait.RECEIPT_REQUEST | Trait.CHAT_STATE | Trait.MARKER
)
# Likewise, of type normal: a body, and what follows up a message or stands for it.
_CONVERSATION: Final = _MESSAGING | int(
    Trait.BODY | Trait.CORRECTION | Trait.ENCRYPTED | Trait.RETRACTION | Trait.REACTION
)


def eligible(type: str, traits: int, to: str) -> bool:
    """Whether a message is copied, apart from who has sent it."""
    # XEP-0280 §8: the author does not want it.
    if traits & _PRIVATE or not hints.may_copy(traits, to):
        return False
    match type:
        case "groupchat":
            # XEP-0280 §6.1: the room sees to it.
            return False
        case "chat" | "error":
            # XEP-0280 §6.1: an error in response to what was copied. It need not say what that was (§9.3).
            return True
        case "headline":
            return bool(traits & _MESSAGING)
        case _:
            # RFC 6121 §5.2.2: what is not known is normal.
            return bool(traits & _CONVERSATION)


def received(message: bytes, type: str, account: str, to: str) -> bytes:
    """The copy of a message that another client of `account` has got, for its client `to`."""
    return _copy(b"received", message, type, account, to)


def sent(message: bytes, type: str, account: str, to: str) -> bytes:
    """The copy of a message that another client of `account` has sent, for its client `to`."""
    return _copy(b"sent", message, type, account, to)


def _copy(way: bytes, message: bytes, type: str, account: str, to: str) -> bytes:
    # XEP-0280 §7 and §8: the same type, from the bare JID, to the full JID.
    kind = f" type='{attr_escape(type)}'" if type else ""
    head = f"<message from='{attr_escape(account)}' to='{attr_escape(to)}'{kind}>".encode()
    return b"%b<%b xmlns='%b'>%b</%b></message>" % (head, way, NS.encode(), forward.forwarded(message), way)
