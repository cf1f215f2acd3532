"""XEP-0352: Client State Indication.  What a client that nobody looks at need not be woken for."""

from __future__ import annotations

from typing import Final

from lxml.etree import XMLSyntaxError

from .. import ns
from ..element import Element, parse, start_tag
from ..spec import Xep

NS = ns.CLIENT_STATE

XEP = Xep(
    352,
    "Client State Indication",
    version="1.0.0",
    status="complete",
    note="presence and chat states wait, the last of each is sent; under stream management all are, together",
)

FEATURE: Final = f"<csi xmlns='{NS}'/>"
ACTIVE: Final = f"{{{NS}}}active"
INACTIVE: Final = f"{{{NS}}}inactive"
NONZAS: Final = frozenset((ACTIVE, INACTIVE))

# Waits, and makes nothing before it superfluous.
KEEP: Final = ""
_STATES: Final = f"{{{ns.CHAT_STATES}}}"
# What may stand beside a chat state that stands alone.
_BESIDE: Final = frozenset(
    (
        f"{{{ns.CLIENT}}}thread",
        f"{{{ns.STANZA_IDS}}}origin-id",
        f"{{{ns.STANZA_IDS}}}stanza-id",
        f"{{{ns.OCCUPANT_ID}}}occupant-id",
        f"{{{ns.MUC_USER}}}x",
        f"{{{ns.DELAY}}}delay",
    )
)
_HINTS: Final = f"{{{ns.HINTS}}}"
_COPIES: Final = (f"{{{ns.CARBONS}}}received", f"{{{ns.CARBONS}}}sent")
_FORWARDED: Final = f"{{{ns.FORWARD}}}forwarded/{{{ns.CLIENT}}}message"
_MUC: Final = f"{{{ns.MUC_USER}}}"


def waits(stanza: bytes) -> str | None:
    """Whether a stanza can wait until its client is active: None if not, else a key.

    Of stanzas with the same key only the last one matters, unless it is KEEP.
    """
    # XEP-0352 §3.2: presence, chat states, notifications. Whatever is not known to be like these is important.
    try:
        if stanza.startswith(b"<presence"):
            return _presence(stanza)
        # Nearly all of what is said has a body: then there is nothing to find out.
        if stanza.startswith(b"<message") and (b"<body" not in stanza or b"headline" in stanza):
            return _message(parse(stanza))
    except (XMLSyntaxError, ValueError):
        # Several at once.
        pass
    return None


def _presence(stanza: bytes) -> str | None:
    _, attributes = start_tag(stanza)
    type = attributes.get(b"type", b"''")[1:-1]
    # RFC 6121 §3: who asks for something waits for an answer.
    if type not in (b"", b"unavailable"):
        return None
    if ns.MUC_USER.encode() in stanza and _about_oneself(parse(stanza)):
        return None
    return f"presence {attributes.get(b'from', b'')[1:-1].decode()}"


def _about_oneself(presence: Element) -> bool:
    # XEP-0045 §7.2.2, §9.1, §10.9: that one is in, or is not any more.
    codes = {status.get("code") for status in presence.iterfind(f"{_MUC}x/{_MUC}status")}
    return "110" in codes or presence.find(f"{_MUC}x/{_MUC}destroy") is not None


def _message(message: Element) -> str | None:
    conversation = ""
    for copy in message:
        inner = copy.find(_FORWARDED) if copy.tag in _COPIES else None
        if inner is not None:
            # What another device was told or has said: in which conversation?
            conversation = f"{copy.tag} {inner.get('to', '')}"
            message = inner
            break
    type = message.get("type", "")
    if type == "headline":
        # RFC 6121 §5.2.2: a notification, of which each may say something of its own.
        return KEEP
    children = [child.tag for child in message if isinstance(child.tag, str)]
    states = any(tag.startswith(_STATES) for tag in children)
    beside = all(tag.startswith((_STATES, _HINTS)) or tag in _BESIDE for tag in children)
    if type == "error" or not states or not beside or _invites(message):
        return None
    return f"state {message.get('from', '')} {conversation}"


def _invites(message: Element) -> bool:
    # XEP-0045 §7.5: <x/> is empty in a private message, and anything else in what a room has to say.
    x = message.find(f"{_MUC}x")
    return x is not None and len(x) > 0
