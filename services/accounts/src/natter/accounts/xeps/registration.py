"""XEP-0077: In-Band Registration.  What a logged-in user may ask about the own account, and the answers."""

from __future__ import annotations

from dataclasses import dataclass

from natter.proto.v1 import bus_pb2
from natter.xmpp import jid
from natter.xmpp.element import Element, parse
from natter.xmpp.errors import error_reply, result_reply
from natter.xmpp.xeps import registration


@dataclass(frozen=True, slots=True)
class Show:
    """What is on file?"""


@dataclass(frozen=True, slots=True)
class ChangePassword:
    """Let this be my password."""

    password: str


@dataclass(frozen=True, slots=True)
class Remove:
    """Close my account."""


Command = Show | ChangePassword | Remove


class Refused(Exception):
    """Answered as a stanza error with this condition."""

    def __init__(self, condition: str, text: str = "") -> None:
        super().__init__(condition)
        self.condition = condition
        self.text = text


def read(frame: bus_pb2.Frame, *, changes_allowed: bool) -> Command:
    """The request in an IQ get or set of namespace jabber:iq:register. Raises Refused."""
    sender = jid.parse(frame.sender)
    if frame.to and frame.to not in (sender.domain, sender.bare):
        # XEP-0077 §3.2: others' accounts are not the sender's to cancel.
        raise Refused("forbidden")
    if frame.type == "get":
        return Show()
    try:
        request = registration.parse(query_of(frame.stanza))
    except (ValueError, SyntaxError) as error:
        raise Refused("bad-request") from error
    if not changes_allowed:
        # XEP-0077 §3.2, §3.3: no sender is allowed to do it in-band.
        raise Refused("not-allowed")
    if request.remove:
        return Remove()
    # XEP-0077 §3.3: both fields; an empty password never replaces one.
    if request.username is None or not request.password:
        raise Refused("bad-request", "a password change names the user and the new password")
    if not names_own_account(request.username, sender):
        raise Refused("forbidden")
    return ChangePassword(request.password)


def names_own_account(username: str, sender: jid.JID) -> bool:
    """Clients write the localpart; some the bare JID, as one example of the XEP does."""
    try:
        name = jid.parse(username) if "@" in username else jid.JID(jid.username(username), sender.domain)
    except jid.JIDError:
        return False
    return (name.local, name.domain) == (sender.local, sender.domain)


def query_of(stanza: bytes) -> Element:
    """The IQ's payload. ValueError if it has none."""
    for child in parse(stanza):
        if child.tag == f"{{{registration.NS}}}query":
            return child
    raise ValueError("no query")


def done(frame: bus_pb2.Frame, *children: Element) -> bytes:
    """The IQ result."""
    # RFC 6120 §8.1.2.1: a request without 'to' is answered without 'from'.
    return result_reply(frame.id, frame.sender, frame.to or None, *children)


def on_file(frame: bus_pb2.Frame) -> bytes:
    """The IQ result that says which account exists."""
    # XEP-0077 §3.1: <registered/>, the username, an empty password.
    return done(frame, registration.registered_query(jid.parse(frame.sender).local))


def refusal(frame: bus_pb2.Frame, condition: str, text: str = "") -> bytes:
    """The IQ error. XEP-0077 §3.3: without the request, which has the password in it."""
    return error_reply(frame.stanza, condition, sender=frame.to or None, to=frame.sender, text=text)
