"""XEP-0030: the examples of §3 and §4, both ways."""

from __future__ import annotations

from natter.xmpp.element import parse as element
from natter.xmpp.element import render
from natter.xmpp.xeps import disco, extended_disco
from natter.xmpp.xeps.disco import Identity, Info, Item

INFO = b"""<iq><query xmlns='http://jabber.org/protocol/disco#info'>
<identity category='conference' type='text' name='Play-Specific Chatrooms'/>
<identity category='directory' type='chatroom' name='Play-Specific Chatrooms' xml:lang='en'/>
<feature var='http://jabber.org/protocol/disco#info'/><feature var='http://jabber.org/protocol/disco#items'/>
<feature var='http://jabber.org/protocol/muc'/></query></iq>"""

ITEMS = b"""<iq><query xmlns='http://jabber.org/protocol/disco#items' node='music'>
<item jid='people.shakespeare.lit' name='Directory of Characters'/>
<item jid='catalog.shakespeare.lit' node='books' name='Books'/></query></iq>"""


def test_info() -> None:
    info = disco.parse_info(element(INFO)[0])
    assert info.identities == (
        Identity("conference", "text", name="Play-Specific Chatrooms"),
        Identity("directory", "chatroom", "en", "Play-Specific Chatrooms"),
    )
    assert info.features[-1] == "http://jabber.org/protocol/muc"
    assert disco.parse_info(disco.info_query(info)) == info


def test_features_stand_once_and_in_order() -> None:
    query = disco.info_query(Info((Identity("server", "im"),), ("b", "a", "b"), node="n"))
    assert render(query) == (
        b'<query xmlns="http://jabber.org/protocol/disco#info" node="n"><identity category="server" type="im"/>'
        b'<feature var="a"/><feature var="b"/></query>'
    )


def test_items() -> None:
    items = disco.parse_items(element(ITEMS)[0])
    assert items == (
        Item("people.shakespeare.lit", name="Directory of Characters"),
        Item("catalog.shakespeare.lit", "books", "Books"),
    )
    query = disco.items_query(items, node="music", children=[disco.items_query(())])
    assert (query.get("node"), len(query)) == ("music", 3)
    assert disco.parse_items(query) == items


def test_an_extension_travels_with_the_info() -> None:
    form = extended_disco.extension("urn:test", {"x": ["1"]})
    info = Info((Identity("server", "im"),), (), (form,))
    assert disco.parse_info(disco.info_query(info)) == info
