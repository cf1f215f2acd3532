"""XEP-0424: shapes."""

from __future__ import annotations

from natter.xmpp.element import parse
from natter.xmpp.xeps import retraction


def test_which_message_is_taken_back() -> None:
    message = "<message><retract xmlns='urn:xmpp:message-retract:1' id='stanza-id-1'/></message>"
    assert retraction.find(parse(message.encode())) == "stanza-id-1"
    assert retraction.find(parse(b"<message><body/></message>")) == ""


def test_what_stands_in_its_place() -> None:
    tombstone = retraction.retracted(1_569_020_972_000_000, id="retract-message-1")
    when = "stamp='2019-09-20T23:09:32.000Z'"
    assert tombstone == f"<retracted xmlns='{retraction.NS}' {when} id='retract-message-1'></retracted>"
