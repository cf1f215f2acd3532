"""What goes over the wire."""

from __future__ import annotations

from natter.presence.model import render
from natter.presence.model.events import Contact
from natter.presence.model.roster import Roster
from natter.presence.model.subscription import State
from natter.xmpp.element import parse

ANNE = Contact("anne@x", "A & 'B' <C>", ("Friends", "<&>"), State.FROM_OUT, approved=True)


def test_an_item_says_everything() -> None:
    item = parse(b"<iq>" + render.query([render.item(ANNE)], 7) + b"</iq>").find(".//" + render.ROSTER_ITEM)
    assert item is not None
    assert dict(item.attrib) == {
        "jid": "anne@x",
        "name": "A & 'B' <C>",
        "subscription": "from",
        "ask": "subscribe",
        "approved": "true",
    }
    assert [group.text for group in item] == ["Friends", "<&>"]


def test_a_plain_item_is_short() -> None:
    assert render.item(Contact("b@x")) == b"<item jid='b@x' subscription='none'/>"


def test_the_roster_leaves_out_what_clients_do_not_see() -> None:
    roster = Roster({"a@x": Contact("a@x"), "b@x": Contact("b@x", listed=False, state=State.NONE_IN)})
    assert (
        render.whole(roster, None) == b"<query xmlns='jabber:iq:roster'><item jid='a@x' subscription='none'/></query>"
    )
    assert b" ver='0'" in render.whole(roster, 0)


def test_a_push_has_the_version_of_its_item() -> None:
    roster = Roster({"a@x": Contact("a@x")}, version=300, changed_at={"b@x": 299, "a@x": 300})
    assert render.push(roster, "a@x") == (
        b"<iq type='set' id='push-12c'><query xmlns='jabber:iq:roster' ver='300'>"
        b"<item jid='a@x' subscription='none'/></query></iq>"
    )
    assert b"ver='299'><item jid='b@x' subscription='remove'/>" in render.push(roster, "b@x")


def test_a_result_has_from_only_where_the_request_had_to() -> None:
    assert render.result("1", "a@x/r", "") == b"<iq type='result' id='1' to='a@x/r'/>"
    assert b" from='a@x'" in render.result("1", "a@x/r", "a@x", b"<query/>")


def test_other_addresses() -> None:
    stanza = render.readdressed(
        b"<presence from='a@x/r' to='b@x/q' type='subscribe'><status>hi</status></presence>", "a@x", "b@x"
    )
    element = parse(stanza)
    assert (element.get("from"), element.get("to"), element.findtext("{*}status")) == ("a@x", "b@x", "hi")


def test_a_delayed_presence_says_since_when() -> None:
    stanza = render.delayed(b"<presence from='a@x/r'><show>away</show></presence>", "a@x/r", 1_000_000, "b@x")
    element = parse(stanza)
    delay = element.find("{urn:xmpp:delay}delay")
    assert delay is not None
    assert delay.get("stamp", "").startswith("1970-01-01T00:00:01")
    assert delay.get("from") == "a@x/r"
    assert element.get("to") == "b@x"
