"""XEP-0297: the forwarded stanza keeps its namespace, and has the time before it."""

from __future__ import annotations

from natter.xmpp.element import parse_document
from natter.xmpp.xeps import forward

MESSAGE = b"<message from='juliet@capulet.lit/orchard' to='romeo@montague.lit' type='chat'><body>Yet I</body></message>"


def test_the_namespace_is_said() -> None:
    root = parse_document(forward.forwarded(MESSAGE))
    assert [child.tag for child in root] == ["{jabber:client}message"]
    assert root[0].findtext("{jabber:client}body") == "Yet I"


def test_the_time_comes_first() -> None:
    root = parse_document(forward.forwarded(MESSAGE, 1_278_803_305_000_000))
    assert [child.tag for child in root] == ["{urn:xmpp:delay}delay", "{jabber:client}message"]
    assert root[0].attrib == {"stamp": "2010-07-10T23:08:25.000Z"}
