"""XEP-0045 §7.10, §7.12 and §9.9: registering with a room, and nicknames that are reserved."""

from __future__ import annotations

import pytest
from natter.xmpp.xeps import data_forms, disco

REGISTER = "{jabber:iq:register}"
MUC_REGISTER = "http://jabber.org/protocol/muc#register"
HECATE = "hecate@shakespeare.lit"


def iq(stage, who: str, inner: str = "", type: str = "set"):
    query = f"<query xmlns='jabber:iq:register'>{inner}</query>"
    return stage.send(f"<iq from='{who}' id='r' to='{stage.room.jid}' type='{type}'>{query}</iq>")


def form(**fields: str) -> str:
    inner = "".join(f"<field var='{name.replace('__', '#')}'><value>{v}</value></field>" for name, v in fields.items())
    kind = f"<field var='FORM_TYPE'><value>{MUC_REGISTER}</value></field>"
    return f"<x xmlns='jabber:x:data' type='submit'>{kind}{inner}</x>"


def register(stage, who: str, nick: str):
    return iq(stage, who, form(muc__register_roomnick=nick))


def approve(stage, who: str, jid: str, allow: str = "1"):
    answer = form(muc__jid=jid, muc__register_allow=allow)
    return stage.send(f"<message from='{who}' id='a' to='{stage.room.jid}'>{answer}</message>")


def test_requirements_then_the_form(coven) -> None:
    query = iq(coven, coven.hag, type="get").one(coven.hag)[0]
    assert query.find(f"{REGISTER}registered") is None
    assert data_forms.find(query).get("muc#register_roomnick").required
    heard = register(coven, coven.hag, "thirdwitch")
    assert heard.by(coven.hag)[0].get("type") == "result"
    assert coven.item(heard.one(coven.crone)) == {"affiliation": "member", "jid": coven.hag, "role": "participant"}
    query = iq(coven, coven.hag, type="get").one(coven.hag)[0]
    assert query.find(f"{REGISTER}registered") is not None
    assert query.findtext(f"{REGISTER}username") == "thirdwitch"


def test_a_reserved_nickname_is_kept_for_its_owner(coven) -> None:
    register(coven, coven.hag, "thirdwitch")
    coven.send(f"<presence from='{coven.hag}' to='{coven.room.jid}/thirdwitch' type='unavailable'/>")
    assert coven.join(coven.hecate, "ThirdWitch").error(coven.hecate) == "conflict"
    coven.join(coven.hecate, "hecate")
    renamed = coven.send(f"<presence from='{coven.hecate}' to='{coven.room.jid}/thirdwitch'/>")
    assert renamed.error(coven.hecate) == "conflict"
    assert register(coven, coven.hecate, "thirdwitch").error(coven.hecate) == "conflict"
    assert coven.join(coven.hag, "thirdwitch").events == ["occupant_joined"]
    assert coven.join(coven.hag, "another").events == ["nickname_changed", "occupant_joined"]


def test_the_reserved_nickname_is_discovered(coven) -> None:
    register(coven, coven.hag, "thirdwitch")
    query = "<query xmlns='http://jabber.org/protocol/disco#info' node='x-roomuser-item'/>"
    heard = coven.send(f"<iq from='{coven.hag}' id='n' to='{coven.room.jid}' type='get'>{query}</iq>")
    assert disco.parse_info(heard.one(coven.hag)[0]).identities[0].name == "thirdwitch"


def test_nobody_registers_another_ones_nickname_or_none(coven) -> None:
    assert register(coven, coven.hecate, "firstwitch").error(coven.hecate) == "conflict"
    for inner in ("", form(), "<x xmlns='jabber:x:data' type='submit'/>", "<x xmlns='jabber:x:data' type='wish'/>"):
        assert iq(coven, coven.hecate, inner).error(coven.hecate) == "bad-request", inner
    assert register(coven, coven.hecate, "x" * 129).error(coven.hecate) == "not-acceptable"


def test_outcasts_and_closed_rooms(coven) -> None:
    coven.admin(coven.crone, f"<item affiliation='outcast' jid='{HECATE}'/>")
    assert iq(coven, coven.hecate, type="get").error(coven.hecate) == "not-allowed"
    closed = "<field var='{urn:natter:muc}registration'><value>closed</value></field>"
    coven.owner(coven.crone, f"<x xmlns='jabber:x:data' type='submit'>{closed}</x>")
    assert register(coven, coven.hag, "thirdwitch").error(coven.hag) == "not-allowed"
    assert register(coven, coven.witch, "secondwitch").events == ["rights_changed"]


@pytest.mark.parametrize("kind", ["membersonly", "moderatedroom"])
def test_admins_approve_where_membership_is_worth_something(coven, kind: str) -> None:
    coven.configure(coven.crone, **{kind: "1"})
    heard = register(coven, coven.hecate, "hecate")
    assert heard.by(coven.hecate)[0].get("type") == "result"
    assert {to for to, _ in heard.stanzas} == {coven.hecate, "crone1@shakespeare.lit", "wiccarocks@shakespeare.lit"}
    asked = data_forms.find(heard.one("crone1@shakespeare.lit"))
    assert (asked.form_type, asked.value("muc#jid")) == (MUC_REGISTER, HECATE)
    assert asked.value("muc#register_roomnick") == "hecate"
    assert coven.room.affiliation(HECATE) == "none"
    coven.join(coven.hag, "thirdwitch")
    assert approve(coven, coven.hag, HECATE).error(coven.hag) == "forbidden"
    approve(coven, coven.witch, HECATE)
    assert (coven.room.affiliations[HECATE].affiliation, coven.room.affiliations[HECATE].nick) == ("member", "hecate")
    assert not coven.room.registrations
    assert approve(coven, coven.witch, HECATE).error(coven.witch) == "item-not-found"


def test_a_request_is_turned_down(coven) -> None:
    coven.configure(coven.crone, membersonly="1")
    register(coven, coven.hecate, "hecate")
    assert approve(coven, coven.crone, HECATE, "0").events == ["registration_refused"]
    assert coven.room.affiliation(HECATE) == "none"
    assert not coven.room.registrations


def test_registrations_are_limited(stage) -> None:
    made = stage(registrations_max=1)
    made.coven()
    made.configure(made.crone, moderatedroom="1")
    register(made, made.hecate, "hecate")
    assert register(made, "a@b/c", "a").error("a@b/c") == "resource-constraint"
    assert register(made, made.hecate, "other").events == ["registration_requested"]
    assert made.room.registrations == {HECATE: "other"}


def test_a_registration_is_cancelled(coven) -> None:
    assert iq(coven, coven.hag, "<remove/>").error(coven.hag) == "registration-required"
    register(coven, coven.hag, "thirdwitch")
    heard = iq(coven, coven.hag, "<remove/>")
    assert coven.item(heard.one(coven.crone))["affiliation"] == "none"
    assert coven.room.reserved == {}
    register(coven, coven.witch, "secondwitch")
    iq(coven, coven.witch, "<remove/>")
    assert coven.room.affiliation("wiccarocks@shakespeare.lit") == "admin"
    assert coven.room.reserved == {}


def test_a_ban_takes_the_nickname_and_admins_give_and_take_one(coven) -> None:
    bare = "hag66@shakespeare.lit"
    coven.admin(coven.crone, f"<item affiliation='member' jid='{bare}' nick='thirdwitch'/>")
    assert coven.room.reserved == {"thirdwitch": bare}
    coven.admin(coven.crone, f"<item affiliation='member' jid='{bare}'/>")
    assert coven.room.reserved == {"thirdwitch": bare}
    coven.admin(coven.crone, f"<item affiliation='member' jid='{bare}' nick=''/>")
    assert coven.room.reserved == {}
    coven.admin(coven.crone, f"<item affiliation='member' jid='{bare}' nick='thirdwitch'/>")
    coven.admin(coven.crone, f"<item affiliation='outcast' jid='{bare}'/>")
    assert coven.room.reserved == {}


def test_a_room_that_locks_nicknames(coven) -> None:
    register(coven, coven.hag, "thirdwitch")
    lock = "<field var='{urn:natter:muc}nicks_locked'><value>1</value></field>"
    coven.owner(coven.crone, f"<x xmlns='jabber:x:data' type='submit'>{lock}</x>")
    heard = coven.send(f"<presence from='{coven.hag}' to='{coven.room.jid}/oldhag'/>")
    assert heard.error(coven.hag) == "not-acceptable"
    coven.send(f"<presence from='{coven.hag}' to='{coven.room.jid}/thirdwitch' type='unavailable'/>")
    heard = coven.join(coven.hag, "oldhag")
    own = [p for p in heard.by(coven.hag) if p.get("from") == f"{coven.room.jid}/thirdwitch"]
    assert coven.codes(own[0]) == [110, 170, 210]


def test_a_room_that_is_not_there(stage) -> None:
    made = stage()
    assert iq(made, made.hag, type="get").error(made.hag) == "item-not-found"
