"""XEP-0280: Message Carbons.  Which messages the other clients of an account get too, and the copies."""

from __future__ import annotations

from typing import Final

from .. import ns
from ..element import attr_escape
from ..spec import Xep
from ..traits import Trait
from . import forward, hints

NS = ns.CARBONS

XEP = Xep(280, "Message Carbons", version="1.0.1", status="partial", features=(NS,), note="no copies of errors")

ENABLE: Final = f"{{{NS}}}enable"
DISABLE: Final = f"{{{NS}}}disable"
_PRIVATE: Final = int(Trait.PRIVATE)
# XEP-0280 §6.1: a body, invitations, payloads of instant messaging (XEP-0184, 0085, 0333), what follows up a message.
_CONVERSATION: Final = int(
    Trait.BODY
    | Trait.CONFERENCE
    | Trait.MUC_USER
    | Trait.RECEIPT
    | Trait.RECEIPT_REQUEST
    | Trait.CHAT_STATE
    | Trait.MARKER
    | Trait.CORRECTION
    | Trait.ENCRYPTED
    | Trait.RETRACTION
    | Trait.REACTION
)


def eligible(type: str, traits: int, to: str) -> bool:
    """Whether a message is copied, apart from who has sent it."""
    # XEP-0280 §8: the author does not want it.
    if traits & _PRIVATE or not hints.may_copy(traits, to):
        return False
    # XEP-0280 §6.1: invitations are copied whatever their type.
    if type in ("error", "groupchat", "headline"):
        return False
    return type == "chat" or bool(traits & _CONVERSATION)


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
