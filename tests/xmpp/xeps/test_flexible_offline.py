"""XEP-0013: the shapes of its examples."""

from __future__ import annotations

import pytest
from natter.xmpp.element import Element, parse
from natter.xmpp.xeps import data_forms, disco, flexible_offline
from natter.xmpp.xeps.flexible_offline import NODES_MAX, NS, Wish, parse_wish


def offline(inside: str) -> Element:
    return parse(f"<iq><offline xmlns='{NS}'>{inside}</offline></iq>".encode())[0]


NODE = "2003-02-27T22:52:37.225Z"


@pytest.mark.parametrize(
    ("type", "inside", "wish"),
    [
        ("get", f"<item action='view' node='{NODE}'/>", Wish((NODE,))),
        ("set", f"<item action='remove' node='a'/><item action='remove' node='{NODE}'/>", Wish(("a", NODE))),
        ("get", "<fetch/>", Wish(everything=True)),
        ("set", "<purge/>", Wish(everything=True)),
    ],
)
def test_what_is_asked_for(type: str, inside: str, wish: Wish) -> None:
    assert parse_wish(offline(inside), type) == wish


@pytest.mark.parametrize(
    ("type", "inside"),
    [
        ("get", ""),
        ("get", "<purge/>"),
        ("set", "<fetch/>"),
        ("get", "<item action='remove' node='a'/>"),
        ("set", "<item node='a'/>"),
        ("set", "<purge/><item action='remove' node='a'/>"),
        ("get", "<item action='view' node='a'/>" * (NODES_MAX + 1)),
    ],
)
def test_what_is_not(type: str, inside: str) -> None:
    with pytest.raises(ValueError, match="not a request"):
        parse_wish(offline(inside), type)


def test_the_number_of_messages() -> None:
    info = disco.parse_info(flexible_offline.count(66))
    assert (info.node, info.features, info.identities) == (NS, (NS,), (disco.Identity("automation", "message-list"),))
    form = data_forms.find(flexible_offline.count(66))
    assert form is not None and form.form_type == NS and form.value("number_of_messages") == "66"


def test_headers_and_messages() -> None:
    query = flexible_offline.headers("romeo@montague.net", [(NODE, "juliet@capulet.com/balcony")])
    assert query.get("node") == NS
    assert disco.parse_items(query) == (disco.Item("romeo@montague.net", NODE, "juliet@capulet.com/balcony"),)
    said = parse(flexible_offline.noted(b"<message from='a@b'><body>hi</body></message>", NODE))
    assert said.find(f"{{{NS}}}offline/{{{NS}}}item").get("node") == NODE
    assert said.findtext("{jabber:client}body") == "hi"
