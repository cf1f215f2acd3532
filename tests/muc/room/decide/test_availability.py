"""XEP-0045 §7.7: presence of an occupant."""

from __future__ import annotations

from lxml import etree


def test_show_and_status_are_passed_on_with_role_and_affiliation(coven) -> None:
    heard = coven.send(
        f"<presence from='{coven.witch}' id='kr7v143h' to='{coven.room.jid}/secondwitch'>"
        "<show>xa</show><status>gone where the goblins go</status>"
        "<c xmlns='http://jabber.org/protocol/caps' hash='sha-1' node='n' ver='v'/></presence>"
    )
    for jid in (coven.crone, coven.witch, coven.hag):
        got = heard.one(jid)
        assert got.findtext("{jabber:client}show") == "xa"
        assert got.findtext("{jabber:client}status") == "gone where the goblins go"
        assert got.find("{http://jabber.org/protocol/caps}c") is not None
        assert coven.item(got)["role"] == "moderator"
    assert heard.statuses(coven.witch) == [110]
    # Who comes later sees it as well.
    late = coven.join(coven.hecate, "hecate").by(coven.hecate)[1]
    assert late.findtext("{jabber:client}show") == "xa"


def test_forged_parts_are_not_reflected(coven) -> None:
    heard = coven.send(
        f"<presence from='{coven.hag}' to='{coven.room.jid}/thirdwitch'>"
        "<x xmlns='http://jabber.org/protocol/muc#user'><item affiliation='owner' role='moderator'/></x>"
        "<occupant-id xmlns='urn:xmpp:occupant-id:0' id='stolen'/></presence>"
    )
    got = heard.one(coven.crone)
    assert len(got.findall("{http://jabber.org/protocol/muc#user}x")) == 1
    assert coven.item(got)["affiliation"] == "none"
    assert b"stolen" not in etree.tostring(got)


def test_too_much_is_refused(coven) -> None:
    heard = coven.send(
        f"<presence from='{coven.hag}' to='{coven.room.jid}/thirdwitch'><status>{'x' * 5000}</status></presence>"
    )
    assert heard.error(coven.hag) == "policy-violation"
    assert not heard.events


def test_probes_and_subscriptions_are_nothing_to_a_room(coven) -> None:
    for type in ("probe", "subscribe", "unsubscribed"):
        heard = coven.send(f"<presence from='{coven.hecate}' to='{coven.room.jid}/thirdwitch' type='{type}'/>")
        assert not heard.stanzas
