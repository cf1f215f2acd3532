"""Stanzas as bytes: start tag rewritten, server-owned children removed, others appended. Unparsed where possible."""

from __future__ import annotations

import re
from dataclasses import dataclass
from hashlib import blake2b
from typing import Final

from natter.xmpp import ns
from natter.xmpp.element import Element, attr_escape, parse, render
from natter.xmpp.jid import JIDError, domain_of, normalise
from natter.xmpp.traits import Trait
from natter.xmpp.xeps import hats, moderation, retraction

from . import archive_id
from .request import Cause, Request
from .state import Room

_START: Final = re.compile(rb"<([^\s/>]+)((?:[^>'\"/]|'[^']*'|\"[^\"]*\")*)(/?)>")
_ATTRIBUTE: Final = re.compile(rb"\s+([^\s=]+)\s*=\s*('[^']*'|\"[^\"]*\")")
_ADDRESSING: Final = frozenset((b"from", b"to"))
_OWN: Final = frozenset((b"from", b"to", b"id", b"type"))

# Children that only a server or a room may write: without one of them there is nothing to remove.
_SUSPECT: Final = int(
    Trait.MUC_USER | Trait.OCCUPANT_ID | Trait.STANZA_ID | Trait.DELAY | Trait.MUC_JOIN | Trait.HATS | Trait.RETRACTION
)

# What is worth repeating to those who come later.
_LASTING: Final = int(Trait.BODY | Trait.ENCRYPTED | Trait.STORE)
_FLEETING: Final = int(Trait.NO_STORE | Trait.NO_PERMANENT_STORE)

_ALWAYS: Final = frozenset(
    (f"{{{ns.MUC_USER}}}x", f"{{{ns.OCCUPANT_ID}}}occupant-id", f"{{{ns.MUC}}}x", f"{{{hats.NS}}}hats")
)
_RETRACT: Final = f"{{{retraction.NS}}}retract"
_MODERATED: Final = f"{{{moderation.NS}}}moderated"
# Children that are forged exactly when this attribute names the room, its host or the domain.
_BY: Final = {
    f"{{{ns.STANZA_IDS}}}stanza-id": "by",
    f"{{{ns.DELAY}}}delay": "from",
    "{jabber:x:delay}x": "from",
}


@dataclass(frozen=True, slots=True)
class Parts:
    """A stanza taken apart: raw attributes (values with their quotes) and the raw content between the tags."""

    name: bytes
    attributes: tuple[tuple[bytes, bytes], ...]
    inner: bytes

    def without(self, names: frozenset[bytes]) -> bytes:
        """The attributes but these, as they are written in a start tag."""
        return b"".join(b" %b=%b" % pair for pair in self.attributes if pair[0] not in names)


def split(stanza: bytes) -> Parts:
    """Take a stanza apart. ValueError when it is none."""
    match = _START.match(stanza)
    if match is None:
        raise ValueError("not an element")
    attributes = tuple(_ATTRIBUTE.findall(match[2]))
    inner = b"" if match[3] else stanza[match.end() : stanza.rindex(b"</")]
    return Parts(match[1], attributes, inner)


def clean(stanza: bytes, traits: int, room: str) -> bytes:
    """`stanza` without what only a server may say, however often and wherever it stands among its children."""
    if not traits & _SUSPECT:
        return stanza
    element = parse(stanza)
    own = _own_names(room)
    for child in list(element):
        if _forged(child, own):
            remove(element, child)
        elif child.tag == _RETRACT:
            # XEP-0425 §5: that a moderator has taken something back is said by the room only.
            for inner in child.findall(_MODERATED):
                remove(child, inner)
    return render(element)


def _own_names(room: str) -> frozenset[str]:
    host = domain_of(room)
    return frozenset((room, host, host.partition(".")[2]))


def _forged(child: Element, own: frozenset[str]) -> bool:
    if child.tag in _ALWAYS:
        return True
    attribute = _BY.get(child.tag)
    if attribute is None:
        return False
    try:
        return normalise(child.get(attribute, "")).partition("/")[0] in own
    except JIDError:
        # Whatever it means, it is nothing that we said; a delay without `from` neither.
        return False


def remove(parent: Element, child: Element) -> None:
    """Take a child away, the text behind it stays."""
    tail = child.tail
    if tail:
        before = child.getprevious()
        if before is not None:
            before.tail = (before.tail or "") + tail
        else:
            parent.text = (parent.text or "") + tail
    parent.remove(child)


def readdress(stanza: bytes, sender: str, extra: bytes = b"") -> bytes:
    """`stanza` from `sender`, without `to`, everything else untouched, and `extra` behind its children."""
    parts = split(stanza)
    head = b"<%b%b from='%b'" % (parts.name, parts.without(_ADDRESSING), attr_escape(sender).encode())
    if not parts.inner and not extra:
        return head + b"/>"
    return b"%b>%b%b</%b>" % (head, parts.inner, extra, parts.name)


def append(stanza: bytes, extra: bytes) -> bytes:
    """A stanza with `extra` behind its children. It has children already, or is closed by its start tag."""
    end = stanza.rfind(b"</")
    if end < 0:
        name = stanza[1:].split(None, 1)[0].rstrip(b"/>")
        return b"%b>%b</%b>" % (stanza.removesuffix(b"/>"), extra, name)
    return stanza[:end] + extra + stanza[end:]


def own_presence(stanza: bytes, traits: int, room: str) -> tuple[bytes, bytes]:
    """What an occupant says of itself: attributes beyond from, to, id, type, and the content; forged parts removed."""
    parts = split(clean(stanza, traits, room))
    return parts.without(_OWN), parts.inner


def without_status(payload: bytes) -> bytes:
    """The content of a presence without what it says in words."""
    if b"status" not in payload:
        return payload
    element = parse(b"<presence>%b</presence>" % payload)
    for child in element.findall(f"{{{ns.CLIENT}}}status"):
        remove(element, child)
    return split(render(element)).inner


def is_lasting(traits: int) -> bool:
    """Whether a message is worth repeating to those who come later: words, or what somebody asked to be kept."""
    return bool(traits & _LASTING) and not traits & _FLEETING


def room_id(room: Room, request: Request, archived: int) -> str:
    """The <stanza-id/> of a message: its archive id, or of a passing one an id that no archive has."""
    id = archive_id.encode(room.secret, archived) if archived else stanza_id(room.jid, request.cause, request.now_us)
    return f"<stanza-id xmlns='{ns.STANZA_IDS}' by='{attr_escape(room.jid)}' id='{id}'/>"


def stanza_id(room: str, cause: Cause, now_us: int) -> str:
    """The room's id of a message (XEP-0359): the same whenever the same cause is worked on again. 24 digits, opaque."""
    known = f"{cause.source}/{cause.sequence}/{cause.index}/{cause.accepted_us}" if cause.sequence else f"@{now_us}"
    return blake2b(f"{known}/{room}".encode(), digest_size=12).hexdigest()
