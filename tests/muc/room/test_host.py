"""XEP-0045 §6.1–§6.3: what the conference host says."""

from __future__ import annotations

from lxml import etree
from natter.muc.room import host
from natter.muc.room.request import IQ, MESSAGE, PRESENCE, Request
from natter.xmpp.element import parse
from natter.xmpp.xeps import disco

ROOMS = [disco.Item(f"r{n:03}@conference.localhost", name=f"Room {n}") for n in range(450)]
ITEMS = "{http://jabber.org/protocol/disco#items}query"


def ask(payload: str, kind: int = IQ, type: str = "get"):
    stanza = f"<iq id='1'>{payload}</iq>".encode()
    name = parse(stanza)[0].tag if payload else ""
    request = Request(
        kind=kind, type=type, sender="a@b/c", to="conference.localhost", id="1", payload=name, stanza=stanza,
        session="s", now_us=1, fresh=b"0123456789abcdef",
    )  # fmt: skip
    return host.decide(request, ROOMS)


def answer(payload: str, **more) -> etree._Element:
    (output,) = ask(payload, **more).outputs
    return parse(output.stanza)


def condition(element: etree._Element) -> str:
    assert element.get("type") == "error"
    return etree.QName(element[0][0]).localname


def test_it_is_a_chat_service() -> None:
    told = disco.parse_info(answer("<query xmlns='http://jabber.org/protocol/disco#info'/>")[0])
    assert told.identities[0].category == "conference"
    assert "http://jabber.org/protocol/muc" in told.features
    assert "http://jabber.org/protocol/rsm" in told.features


def test_rooms_come_in_pages() -> None:
    query = answer("<query xmlns='http://jabber.org/protocol/disco#items'/>")[0]
    assert len(disco.parse_items(query)) == host.PAGE_ROOMS_MAX
    rsm = "{http://jabber.org/protocol/rsm}"
    assert query.findtext(f"{rsm}set/{rsm}count") == "450"
    after = ROOMS[9].jid
    query = answer(
        f"<query xmlns='http://jabber.org/protocol/disco#items'>"
        f"<set xmlns='http://jabber.org/protocol/rsm'><max>2</max><after>{after}</after></set></query>"
    )[0]
    assert [i.jid for i in disco.parse_items(query)] == [ROOMS[10].jid, ROOMS[11].jid]


def test_a_name_for_a_new_room() -> None:
    unique = "<unique xmlns='http://jabber.org/protocol/muc#unique'/>"
    assert len(answer(unique)[0].text or "") == 16


def test_what_is_refused() -> None:
    bad = "<query xmlns='http://jabber.org/protocol/disco#items'><set xmlns='http://jabber.org/protocol/rsm'>{}</set></query>"
    assert condition(answer(bad.format("<after>no such room</after>"))) == "item-not-found"
    assert condition(answer(bad.format("<max>many</max>"))) == "bad-request"
    assert condition(answer("<query xmlns='jabber:iq:register'/>", type="set")) == "service-unavailable"
    assert condition(answer("<query xmlns='jabber:iq:version'/>")) == "service-unavailable"
    assert condition(answer("<body/>", kind=MESSAGE, type="chat")) == "service-unavailable"
    for node in ("info", "items"):
        query = f"<query xmlns='http://jabber.org/protocol/disco#{node}' node='x'/>"
        assert condition(answer(query)) == "item-not-found"


def test_ping_and_silence() -> None:
    assert answer("<ping xmlns='urn:xmpp:ping'/>").get("type") == "result"
    assert not ask("<query xmlns='jabber:iq:version'/>", type="result").outputs
    assert not ask("<x/>", kind=PRESENCE, type="").outputs
    assert not ask("<x/>", kind=MESSAGE, type="error").outputs
