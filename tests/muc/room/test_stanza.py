"""Bytes in, bytes out: what is not touched stays as it was."""

from __future__ import annotations

import pytest
from lxml import etree
from natter.muc.room import stanza
from natter.muc.room.request import Cause
from natter.xmpp.element import parse
from natter.xmpp.traits import traits_of

ROOM = "coven@chat.shakespeare.lit"


def cleaned(xml: str) -> bytes:
    return stanza.clean(xml.encode(), int(traits_of(child.tag for child in parse(xml.encode()))), ROOM)


def test_readdressing_keeps_the_rest_byte_for_byte() -> None:
    said = (
        b"<message to='r@h' xml:lang=\"de\" id='a&apos;/>' from=\"a@b/c\" xmlns:x='urn:x' x:y='&#10;' type='groupchat'>"
        b"<body>a &lt;b> ]]&gt; <![CDATA[<&>]]></body><x:z/></message>"
    )
    after = stanza.readdress(said, "r@h/it's", b"<more/>")
    assert after == (
        b"<message xml:lang=\"de\" id='a&apos;/>' xmlns:x='urn:x' x:y='&#10;' type='groupchat' from='r@h/it&apos;s'>"
        b"<body>a &lt;b> ]]&gt; <![CDATA[<&>]]></body><x:z/><more/></message>"
    )
    assert stanza.readdress(b"<iq to='a' type='get'/>", "r@h") == b"<iq type='get' from='r@h'/>"


def test_attributes_with_slashes_and_brackets_do_not_end_the_tag() -> None:
    parts = stanza.split(b"<iq id='a>b/>' to=\"x'y\" ><q/></iq>")
    assert parts.name == b"iq"
    assert parts.attributes == ((b"id", b"'a>b/>'"), (b"to", b'"x\'y"'))
    assert parts.inner == b"<q/>"
    assert stanza.split(b"<presence/>").inner == b""
    with pytest.raises(ValueError, match="element"):
        stanza.split(b"no")


@pytest.mark.parametrize(
    "forged",
    [
        "<x xmlns='http://jabber.org/protocol/muc#user'><item role='moderator'/></x>",
        "<m:x xmlns:m='http://jabber.org/protocol/muc#user'/>",
        "<x xmlns='http://jabber.org/protocol/muc#&#x75;ser'/>",
        "<occupant-id xmlns='urn:xmpp:occupant-id:0' id='somebody else'/>",
        f"<stanza-id xmlns='urn:xmpp:sid:0' by='{ROOM}' id='1'/>",
        "<stanza-id xmlns='urn:xmpp:sid:0' by='COVEN@chat.shakespeare.lit' id='1'/>",
        f"<delay xmlns='urn:xmpp:delay' from='{ROOM}' stamp='2002-10-13T23:58:37Z'/>",
        f"<delay xmlns='urn:xmpp:delay' from='{ROOM}/firstwitch' stamp='2002-10-13T23:58:37Z'/>",
        "<delay xmlns='urn:xmpp:delay' from='shakespeare.lit' stamp='2002-10-13T23:58:37Z'/>",
        "<x xmlns='jabber:x:delay' from='chat.shakespeare.lit' stamp='20021013T23:58:37'/>",
    ],
)
def test_what_only_a_server_says_is_removed_wherever_it_stands(forged: str) -> None:
    after = cleaned(f"<message from='a@b/c'>{forged}<body>x</body>{forged}tail{forged}</message>")
    assert [etree.QName(c).localname for c in parse(after)] == ["body"]
    assert b"tail" in after


@pytest.mark.parametrize(
    "honest",
    [
        "<delay xmlns='urn:xmpp:delay' from='crone1@shakespeare.lit/desktop' stamp='2004-09-29T01:54:37Z'/>",
        "<stanza-id xmlns='urn:xmpp:sid:0' by='other@chat.shakespeare.lit' id='1'/>",
        "<origin-id xmlns='urn:xmpp:sid:0' id='1'/>",
        "<x xmlns='jabber:x:oob'><url>http://a/</url></x>",
    ],
)
def test_what_others_may_say_stays(honest: str) -> None:
    after = cleaned(f"<message from='a@b/c'>{honest}<body>x</body></message>")
    assert len(parse(after)) == 2


def test_nobody_pretends_that_a_moderator_took_something_back() -> None:
    moderated = f"<moderated xmlns='urn:xmpp:message-moderate:1' by='{ROOM}/firstwitch'/>"
    retract = f"<retract xmlns='urn:xmpp:message-retract:1' id='1'>{moderated}<reason>x</reason>{moderated}</retract>"
    (element,) = parse(cleaned(f"<message from='a@b/c'>{retract}</message>"))
    assert [etree.QName(c).localname for c in element] == ["reason"]


def test_an_own_presence_is_taken_apart() -> None:
    xml = b"<presence from='a@b/c' to='r@h/n' id='1' xml:lang='en'><x xmlns='http://jabber.org/protocol/muc'/><show>xa</show></presence>"
    traits = int(traits_of(child.tag for child in parse(xml)))
    attributes, payload = stanza.own_presence(xml, traits, ROOM)
    assert (attributes.replace(b'"', b"'"), payload) == (b" xml:lang='en'", b"<show>xa</show>")


def test_ids_follow_from_the_cause_and_the_room() -> None:
    one = stanza.stanza_id(ROOM, Cause("lane.1", 7, 16), 1)
    assert one == stanza.stanza_id(ROOM, Cause("lane.1", 7, 16), 2)
    assert one != stanza.stanza_id(ROOM, Cause("lane.1", 7, 32), 1)
    assert one != stanza.stanza_id("other@h", Cause("lane.1", 7, 16), 1)
    assert len(one) == 24
