"""XEP-0045 §7.4: a message to everybody."""

from __future__ import annotations

from lxml import etree


def test_it_is_reflected_to_all_with_its_id(coven) -> None:
    heard = coven.send(
        f"<message from='{coven.hag}' id='hysf1v37' to='{coven.room.jid}' type='groupchat'>"
        "<body>Harpier cries: 'tis time, 'tis time.</body><active xmlns='http://jabber.org/protocol/chatstates'/></message>"
    )
    assert heard.events == ["message_sent"]
    ids = set()
    for jid in (coven.crone, coven.witch, coven.hag):
        got = heard.one(jid)
        assert dict(got.attrib) | {"to": jid} == {
            "to": jid,
            "from": f"{coven.room.jid}/thirdwitch",
            "id": "hysf1v37",
            "type": "groupchat",
        }
        assert got.findtext("{jabber:client}body") == "Harpier cries: 'tis time, 'tis time."
        assert got.find("{http://jabber.org/protocol/chatstates}active") is not None
        (id,) = got.findall("{urn:xmpp:sid:0}stanza-id")
        assert id.get("by") == coven.room.jid
        ids.add(id.get("id"))
        assert got.find("{urn:xmpp:occupant-id:0}occupant-id") is not None
    assert len(ids) == 1


def test_one_stanza_is_rendered_for_all(coven) -> None:
    from natter.muc.room import dispatch
    from natter.muc.room.evolve import evolve
    from natter.muc.room.render import render

    request = coven.request(
        f"<message from='{coven.hag}' to='{coven.room.jid}' type='groupchat'><body>x</body></message>"
    )
    (event,) = dispatch.decide(coven.room, request, coven.limits).events
    (output,) = render(coven.room, event, evolve(coven.room, event))
    assert len(output.to) == 3
    assert output.stanza is event.message_sent.stanza or output.stanza == event.message_sent.stanza


def test_strangers_and_visitors_are_refused(coven) -> None:
    assert coven.say(coven.hecate, "x").error(coven.hecate) == "not-acceptable"
    coven.admin(coven.crone, "<item nick='thirdwitch' role='visitor'/>")
    heard = coven.say(coven.hag, "x")
    assert heard.error(coven.hag) == "forbidden"
    assert heard.one(coven.hag).get("from") == coven.room.jid


def test_a_session_that_has_not_entered_does_not_speak_for_its_predecessor(coven) -> None:
    heard = coven.send(
        f"<message from='{coven.hag}' to='{coven.room.jid}' type='groupchat'><body>x</body></message>", session="new"
    )
    assert heard.error(coven.hag) == "not-acceptable"


def test_forged_parts_are_replaced(coven) -> None:
    heard = coven.say(
        coven.hag,
        "x",
        f"<stanza-id xmlns='urn:xmpp:sid:0' by='{coven.room.jid}' id='forged'/>"
        "<occupant-id xmlns='urn:xmpp:occupant-id:0' id='forged'/>"
        "<x xmlns='http://jabber.org/protocol/muc#user'><status code='104'/></x>",
    )
    got = etree.tostring(heard.one(coven.crone))
    assert b"forged" not in got
    assert b"muc#user" not in got
    assert got.count(b"<stanza-id") == 1


def test_subject_with_body_is_a_message(coven) -> None:
    for extra in ("<body>b</body>", "<thread>t</thread>"):
        heard = coven.send(
            f"<message from='{coven.hag}' to='{coven.room.jid}' type='groupchat'><subject>s</subject>{extra}</message>"
        )
        assert heard.events == ["message_sent"]
