"""What goes over the wire: roster items, pushes, small presence stanzas."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from natter.xmpp import ns
from natter.xmpp.element import attr_escape, insert_to, parse, render
from natter.xmpp.xeps import delay

from .events import Contact
from .roster import Roster

ROSTER_QUERY: Final = f"{{{ns.ROSTER}}}query"
ROSTER_ITEM: Final = f"{{{ns.ROSTER}}}item"
ROSTER_GROUP: Final = f"{{{ns.ROSTER}}}group"


def item(contact: Contact) -> bytes:
    """The <item/> of a contact, RFC 6121 §2.1.2."""
    head = f"<item jid='{attr_escape(contact.jid)}' subscription='{contact.state.subscription}'"
    if contact.name:
        head += f" name='{attr_escape(contact.name)}'"
    if contact.state.pending_out:
        head += " ask='subscribe'"
    if contact.approved:
        head += " approved='true'"
    if not contact.groups:
        return f"{head}/>".encode()
    groups = "".join(f"<group>{attr_escape(group)}</group>" for group in contact.groups)
    return f"{head}>{groups}</item>".encode()


def query(items: Iterable[bytes], version: int | None) -> bytes:
    """The <query/> with items; `version` None leaves `ver` out (XEP-0237 §2.2)."""
    ver = b"" if version is None else b" ver='%d'" % version
    return b"<query xmlns='jabber:iq:roster'%b>%b</query>" % (ver, b"".join(items))


def whole(roster: Roster, version: int | None) -> bytes:
    """The whole roster as clients see it."""
    return query((item(contact) for contact in roster.contacts.values() if contact.listed), version)


def push(roster: Roster, jid: str, version: int | None = None) -> bytes:
    """A roster push of the item as it stands, without `to`: RFC 6121 §2.1.6. `version` instead of the item's own."""
    contact = roster.contacts.get(jid)
    if contact is not None and contact.listed:
        body = item(contact)
    else:
        body = f"<item jid='{attr_escape(jid)}' subscription='remove'/>".encode()
    at = roster.changed_at.get(jid, roster.version) if version is None else version
    # RFC 6121 §2.1.6: no `from`, the push comes from the user's own account.
    return b"<iq type='set' id='push-%x'>%b</iq>" % (at, query((body,), at))


def result(id: str, to: str, sender: str, payload: bytes = b"") -> bytes:
    """An IQ result. `sender` "": the request had no `to`, and the answer has no `from` (RFC 6120 §8.1.2.1)."""
    origin = f" from='{attr_escape(sender)}'" if sender else ""
    head = f"<iq type='result' id='{attr_escape(id)}'{origin} to='{attr_escape(to)}'".encode()
    return b"%b>%b</iq>" % (head, payload) if payload else head + b"/>"


def presence(type: str, sender: str, to: str = "") -> bytes:
    """A presence without children; `to` "": it is a broadcast's shared stanza."""
    target = f" to='{attr_escape(to)}'" if to else ""
    return f"<presence{target} from='{attr_escape(sender)}' type='{type}'/>".encode()


def readdressed(stanza: bytes, sender: str, to: str) -> bytes:
    """The same stanza with other addresses."""
    element = parse(stanza)
    element.set("from", sender)
    element.set("to", to)
    return render(element)


def delayed(stanza: bytes, by: str, time_us: int, to: str) -> bytes:
    """A stored presence, which has no `to`, sent now to `to` with the time it was stored (XEP-0203 §4)."""
    element = parse(stanza)
    element.append(delay.delay(by, time_us))
    return insert_to(render(element), to)
