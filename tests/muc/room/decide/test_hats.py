"""XEP-0317: hats are made, worn and taken away, by those who may, and forged by nobody."""

from __future__ import annotations

from natter.muc.room import snapshot
from natter.muc.room.decide import hats as verb
from natter.xmpp.xeps import data_forms, disco, extended_disco

COMMAND = "{http://jabber.org/protocol/commands}command"
HAT = "http://tech.example.edu/hats#TeacherAssistant"
WORN = "{urn:xmpp:hats:0}hats/{urn:xmpp:hats:0}hat"


def command(stage, who: str, name: str, *, action: str = "execute", **fields: str):
    values = "".join(f"<field var='hats#{k}'><value>{v}</value></field>" for k, v in fields.items())
    form = f"<x xmlns='jabber:x:data' type='submit'>{values}</x>" if fields else ""
    node = f"node='urn:xmpp:hats:commands:{name}' action='{action}'"
    element = f"<command xmlns='http://jabber.org/protocol/commands' {node}>{form}</command>"
    return stage.send(f"<iq from='{who}' id='c' to='{stage.room.jid}' type='set'>{element}</iq>")


def done(heard, who: str):
    element = heard.by(who)[0].find(COMMAND)
    assert element is not None
    return element


def test_a_hat_is_made_worn_seen_and_destroyed(coven) -> None:
    asked = done(command(coven, coven.witch, "create"), coven.witch)
    assert asked.get("status") == "executing"
    form = data_forms.find(asked)
    assert [f.var for f in form.fields[1:]] == ["hats#title", "hats#uri", "hats#hue"]
    heard = command(coven, coven.witch, "create", title="Assistant", uri=HAT, hue="327.2")
    assert done(heard, coven.witch).get("status") == "completed"
    assert coven.codes(heard.one(coven.hag)) == [104]
    options = data_forms.find(done(command(coven, coven.crone, "assign"), coven.crone)).get("hats#uri").options
    assert options == ((HAT, "Assistant"),)

    heard = command(coven, coven.crone, "assign", jid="hag66@shakespeare.lit/pda", uri=HAT)
    assert done(heard, coven.crone).get("status") == "completed"
    assert heard.one(coven.witch).find(WORN).get("title") == "Assistant"
    assert coven.codes(heard.one(coven.hag)) == [110]
    joined = coven.join(coven.hecate, "hecate")
    shown = [p for p in joined.by(coven.hecate) if p.get("from", "").endswith("/thirdwitch")]
    assert shown[0].find(WORN).get("uri") == HAT
    assert snapshot.decode(snapshot.encode(coven.room)) == coven.room
    table = data_forms.find(done(command(coven, coven.crone, "list-assigned"), coven.crone))
    assert [f.value for f in table.items[0]] == ["hag66@shakespeare.lit", HAT, "Assistant", "327.2"]

    heard = command(coven, coven.crone, "create", title="Helper", uri=HAT)
    changed = [p for p in heard.by(coven.witch) if p.tag.endswith("presence")]
    assert changed[0].find(WORN).get("title") == "Helper"
    heard = command(coven, coven.crone, "unassign", jid="hag66@shakespeare.lit", uri=HAT)
    assert heard.one(coven.witch).find(WORN) is None
    command(coven, coven.crone, "assign", jid="hag66@shakespeare.lit", uri=HAT)
    command(coven, coven.crone, "destroy", uri=HAT)
    assert (coven.room.hats, coven.room.worn) == ({}, {})


def test_what_the_room_says_of_its_hats(coven) -> None:
    command(coven, coven.crone, "create", title="Assistant", uri=HAT)
    table = data_forms.find(done(command(coven, coven.hecate, "list"), coven.hecate))
    assert [f.value for f in table.items[0]] == ["Assistant", HAT, ""]
    query = "<query xmlns='http://jabber.org/protocol/disco#info'/>"
    told = disco.parse_info(
        coven.send(f"<iq from='{coven.hag}' id='d' to='{coven.room.jid}' type='get'>{query}</iq>").one(coven.hag)[0]
    )
    assert "urn:xmpp:hats:0" in told.features
    assert extended_disco.facts(told.forms, "http://jabber.org/protocol/muc#roominfo")["hats#hash"]
    query = "<query xmlns='http://jabber.org/protocol/disco#items' node='http://jabber.org/protocol/commands'/>"
    heard = coven.send(f"<iq from='{coven.hag}' id='d' to='{coven.room.jid}' type='get'>{query}</iq>")
    assert len(disco.parse_items(heard.one(coven.hag)[0])) == 6


def test_nobody_forges_a_hat(coven) -> None:
    forged = "<hats xmlns='urn:xmpp:hats&#58;0'><hat title='King' uri='x'/></hats>"
    heard = coven.send(f"<presence from='{coven.hag}' to='{coven.room.jid}/thirdwitch'>{forged}</presence>")
    assert heard.one(coven.crone).find(WORN) is None


def test_what_is_refused(coven, monkeypatch) -> None:
    assert command(coven, coven.hag, "create", title="x", uri="y").error(coven.hag) == "forbidden"
    assert command(coven, coven.crone, "dance").error(coven.crone) == "item-not-found"
    assert command(coven, coven.crone, "create", title="x").error(coven.crone) == "bad-request"
    assert command(coven, coven.crone, "assign", jid="a@b", uri="none").error(coven.crone) == "item-not-found"
    assert command(coven, coven.crone, "destroy", uri="none").error(coven.crone) == "item-not-found"
    command(coven, coven.crone, "create", title="x", uri="y")
    assert command(coven, coven.crone, "assign", jid="@", uri="y").error(coven.crone) == "jid-malformed"
    assert command(coven, coven.crone, "unassign", jid="a@b", uri="y").error(coven.crone) == "item-not-found"
    monkeypatch.setattr(verb, "HATS_MAX", 1)
    monkeypatch.setattr(verb, "WORN_MAX", 0)
    assert command(coven, coven.crone, "create", title="x", uri="z").error(coven.crone) == "resource-constraint"
    assert command(coven, coven.crone, "assign", jid="a@b", uri="y").error(coven.crone) == "resource-constraint"
    assert done(command(coven, coven.crone, "create", action="cancel"), coven.crone).get("status") == "canceled"
