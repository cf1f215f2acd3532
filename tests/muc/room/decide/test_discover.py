"""XEP-0045 §6.4, §6.5: what a room says of itself."""

from __future__ import annotations

from natter.xmpp.xeps import disco, extended_disco

INFO = "http://jabber.org/protocol/disco#info"
ITEMS = "http://jabber.org/protocol/disco#items"


def ask(stage, who: str, namespace: str, node: str = ""):
    at = f" node='{node}'" if node else ""
    return stage.send(f"<iq from='{who}' id='d' to='{stage.room.jid}' type='get'><query xmlns='{namespace}'{at}/></iq>")


def info(stage, who: str) -> disco.Info:
    return disco.parse_info(ask(stage, who, INFO).one(who)[0])


def test_features_follow_the_configuration(coven) -> None:
    told = info(coven, coven.hecate)
    assert told.identities == (disco.Identity("conference", "text", name="coven"),)
    assert {
        "http://jabber.org/protocol/muc",
        "http://jabber.org/protocol/muc#stable_id",
        "urn:xmpp:occupant-id:0",
        "muc_public",
        "muc_temporary",
        "muc_open",
        "muc_unmoderated",
        "muc_semianonymous",
        "muc_unsecured",
    } <= set(told.features)
    coven.configure(
        coven.crone,
        roomname="A Dark Cave",
        publicroom="0",
        persistentroom="1",
        membersonly="1",
        moderatedroom="1",
        whois="anyone",
        passwordprotectedroom="1",
        roomsecret="x",
    )
    told = info(coven, coven.hecate)
    assert told.identities[0].name == "A Dark Cave"
    assert {
        "muc_hidden",
        "muc_persistent",
        "muc_membersonly",
        "muc_moderated",
        "muc_nonanonymous",
        "muc_passwordprotected",
    } <= set(told.features)


def test_the_form_tells_more_but_not_the_subject_of_a_closed_room(coven) -> None:
    coven.send(
        f"<message from='{coven.crone}' to='{coven.room.jid}' type='groupchat'><subject>Spells</subject></message>"
    )
    facts = extended_disco.facts(info(coven, coven.hecate).forms, "http://jabber.org/protocol/muc#roominfo")
    assert facts["muc#roominfo_occupants"] == ("3",)
    assert facts["muc#roominfo_subject"] == ("Spells",)
    coven.configure(coven.crone, passwordprotectedroom="1", roomsecret="x")
    facts = extended_disco.facts(info(coven, coven.hecate).forms, "http://jabber.org/protocol/muc#roominfo")
    assert "muc#roominfo_subject" not in facts


def test_occupants_are_shown_where_they_are_no_secret(coven) -> None:
    def items(who: str) -> list[str]:
        return [i.jid.partition("/")[2] for i in disco.parse_items(ask(coven, who, ITEMS).one(who)[0])]

    assert items(coven.hecate) == ["firstwitch", "secondwitch", "thirdwitch"]
    coven.configure(coven.crone, publicroom="0")
    assert items(coven.hecate) == []
    assert len(items(coven.crone)) == 3


def test_nodes(coven) -> None:
    mine = disco.parse_info(ask(coven, coven.hag, INFO, "x-roomuser-item").one(coven.hag)[0])
    assert mine == disco.Info((), node="x-roomuser-item")
    traffic = "http://jabber.org/protocol/muc#traffic"
    assert ask(coven, coven.hag, INFO, traffic).error(coven.hag) == "service-unavailable"
    assert ask(coven, coven.hag, INFO, "other").error(coven.hag) == "item-not-found"
    assert ask(coven, coven.hag, ITEMS, "other").error(coven.hag) == "item-not-found"


def test_a_room_that_is_not_there(stage) -> None:
    made = stage()
    assert ask(made, made.hag, INFO).error(made.hag) == "item-not-found"
    made.join(made.crone, "firstwitch")
    assert ask(made, made.hag, INFO).error(made.hag) == "item-not-found"
    assert ask(made, made.crone, INFO).one(made.crone).get("type") == "result"
