"""XEP-0045 §10.1, §10.2, §10.9: the owner's form, and the end of a room."""

from __future__ import annotations

import pytest
from natter.xmpp.xeps import data_forms

OWNER = "{http://jabber.org/protocol/muc#owner}"
USER = "{http://jabber.org/protocol/muc#user}"


def test_the_form_is_for_owners(coven) -> None:
    heard = coven.owner(coven.crone, "", "get")
    form = data_forms.find(heard.one(coven.crone).find(f"{OWNER}query"))
    assert form.kind == "form"
    assert form.form_type == "http://jabber.org/protocol/muc#roomconfig"
    assert form.value("muc#roomconfig_publicroom") == "1"
    for who in (coven.witch, coven.hag, coven.hecate):
        assert coven.owner(who, "", "get").error(who) == "forbidden"
        assert coven.configure(who, roomname="x").error(who) == "forbidden"
        assert coven.owner(who, "<destroy/>").error(who) == "forbidden"


def test_the_reserved_room_of_the_xep(stage) -> None:
    made = stage()
    made.join(made.crone, "firstwitch")
    heard = made.configure(
        made.crone,
        roomname="A Dark Cave",
        roomdesc="The place for all good witches!",
        enablelogging="0",
        changesubject="1",
        allowinvites="0",
        allowpm="anyone",
        maxusers="10",
        publicroom="0",
        persistentroom="0",
        moderatedroom="0",
        membersonly="0",
        passwordprotectedroom="1",
        roomsecret="cauldronburn",
        whois="moderators",
        **{"muc#maxhistoryfetch": "50"},
    )
    assert heard.one(made.crone).get("type") == "result"
    assert not made.room.locked
    config = made.room.config
    assert (config.name, config.password, config.occupants_max, config.history_stanzas_max) == (
        "A Dark Cave",
        "cauldronburn",
        10,
        50,
    )
    assert not config.public
    assert config.occupants_change_subject


def test_cancelling_the_first_form_destroys_the_room_and_a_later_one_does_not(stage) -> None:
    made = stage()
    made.join(made.crone, "firstwitch")
    heard = made.owner(made.crone, "<x xmlns='jabber:x:data' type='cancel'/>")
    assert heard.events == ["room_destroyed"]
    presence, result = heard.by(made.crone)
    assert presence.find(f"{USER}x/{USER}destroy") is not None
    assert result.get("type") == "result"
    made.instant()
    assert not made.owner(made.crone, "<x xmlns='jabber:x:data' type='cancel'/>").events
    assert made.room.exists


@pytest.mark.parametrize(
    ("values", "statuses"),
    [
        ({"roomname": "Cave"}, [104]),
        ({"whois": "anyone"}, [172]),
        ({"whois": "anyone", "moderatedroom": "1"}, [104, 172]),
        ({"roomname": ""}, []),
        # What anybody can read later: XEP-0045 §10.2.1.
        ({"enablearchiving": "0"}, [104, 171]),
    ],
)
def test_the_occupants_are_told(coven, values: dict[str, str], statuses: list[int]) -> None:
    heard = coven.configure(coven.crone, **values)
    notices = [s for s in heard.by(coven.hag) if s.tag == "{jabber:client}message"]
    assert [coven.codes(s) for s in notices] == ([statuses] if statuses else [])
    assert all(s.get("type") == "groupchat" for s in notices)
    assert heard.by(coven.crone)[0].get("type") == "result"


def test_becoming_semi_anonymous_is_173(coven) -> None:
    coven.configure(coven.crone, whois="anyone")
    assert coven.configure(coven.crone, whois="moderators").statuses(coven.hag) == [173]


def test_what_others_can_read_later_is_told_in_between(coven) -> None:
    coven.configure(coven.crone, enablearchiving="0")
    assert coven.configure(coven.crone, enablearchiving="1").statuses(coven.hag) == [104, 170]
    closed = coven.configure(coven.crone, passwordprotectedroom="1", roomsecret="x")
    assert closed.statuses(coven.hag) == [104, 171]


def test_becoming_members_only_removes_others_with_322(coven) -> None:
    heard = coven.configure(coven.crone, membersonly="1")
    assert heard.statuses(coven.hag) == [110, 322]
    assert set(coven.room.nicks) == {"firstwitch", "secondwitch"}


def test_visitors_get_a_voice_when_moderation_ends(coven) -> None:
    coven.configure(coven.crone, moderatedroom="1")
    coven.join(coven.hecate, "hecate")
    assert coven.room.shown("hecate").role == "visitor"
    coven.configure(coven.crone, moderatedroom="0")
    assert coven.room.shown("hecate").role == "participant"


@pytest.mark.parametrize(
    "values",
    [
        {"passwordprotectedroom": "1", "roomsecret": ""},
        {"enablelogging": "1"},
        {"persistentroom": "perhaps"},
        {"whois": "nobody"},
        {"maxusers": "7"},
        {"roomname": "x" * 1000},
        {"muc#maxhistoryfetch": "-1"},
    ],
)
def test_unacceptable_values(coven, values: dict[str, str]) -> None:
    before = coven.room.config
    assert coven.configure(coven.crone, **values).error(coven.crone) == "not-acceptable"
    assert coven.room.config == before


def test_malformed_requests(coven) -> None:
    for inner in ("", "<x xmlns='jabber:x:data' type='result'/>", "<x xmlns='jabber:x:data'/>"):
        assert coven.owner(coven.crone, inner).error(coven.crone) == "bad-request"


def test_destroying_a_room(coven) -> None:
    heard = coven.owner(
        coven.crone, "<destroy jid='heath@chat.shakespeare.lit'><reason>Macbeth doth come.</reason></destroy>"
    )
    for jid, nick in ((coven.witch, "secondwitch"), (coven.hag, "thirdwitch")):
        got = heard.one(jid)
        assert (got.get("type"), got.get("from")) == ("unavailable", f"{coven.room.jid}/{nick}")
        assert coven.item(got) == {"affiliation": "none", "role": "none"}
        destroy = got.find(f"{USER}x/{USER}destroy")
        assert destroy.get("jid") == "heath@chat.shakespeare.lit"
        assert destroy.findtext(f"{USER}reason") == "Macbeth doth come."
    assert [s.get("type") for s in heard.by(coven.crone)] == ["unavailable", "result"]
    assert not coven.room.exists
    assert coven.say(coven.crone, "x").error(coven.crone) == "item-not-found"
    too_long = f"<destroy><reason>{'x' * 2000}</reason></destroy>"
    coven.instant()
    assert coven.owner(coven.crone, too_long).error(coven.crone) == "policy-violation"
    nowhere = "<destroy jid='not a jid @@'/>"
    assert coven.owner(coven.crone, nowhere).error(coven.crone) == "jid-malformed"


def broadcast(stage, *roles: str):
    values = "".join(f"<value>{role}</value>" for role in roles)
    field = f"<field var='muc#roomconfig_presencebroadcast'>{values}</field>"
    return stage.owner(stage.crone, f"<x xmlns='jabber:x:data' type='submit'>{field}</x>")


def test_presence_of_some_roles_is_not_broadcast(coven) -> None:
    heard = broadcast(coven, "moderator")
    # Who is hidden from now on is gone for the others, and knows nothing of it.
    gone = [p for p in heard.by(coven.witch) if p.get("type") == "unavailable"]
    assert [p.get("from") for p in gone] == [f"{coven.room.jid}/thirdwitch"]
    assert not [p for p in heard.by(coven.hag) if p.tag.endswith("presence")]
    joined = coven.join(coven.hecate, "hecate")
    assert [to for to, _ in joined.stanzas] == [coven.hecate] * len(joined.stanzas)
    assert [p.get("from").partition("/")[2] for p in joined.by(coven.hecate) if p.tag.endswith("presence")] == [
        "firstwitch",
        "secondwitch",
        "hecate",
    ]
    # Words are heard all the same.
    assert len(coven.say(coven.hecate, "boo").stanzas) == 4
    shown = coven.admin(coven.crone, "<item nick='hecate' role='moderator'/>")
    assert coven.item(shown.one(coven.witch))["role"] == "moderator"
    hidden = coven.admin(coven.crone, "<item nick='hecate' role='participant'/>")
    assert hidden.one(coven.witch).get("type") == "unavailable"
    assert hidden.statuses(coven.hecate) == [110]
    left = coven.send(f"<presence from='{coven.hecate}' to='{coven.room.jid}/hecate' type='unavailable'/>")
    assert [to for to, _ in left.stanzas] == [coven.hecate]
    heard = broadcast(coven, "moderator", "participant", "visitor")
    assert heard.by(coven.witch)[0].get("from") == f"{coven.room.jid}/thirdwitch"


def test_visitors_are_kept_short(coven) -> None:
    fields = "".join(
        f"<field var='{name}'><value>0</value></field>" for name in ("allow_visitor_status", "allow_visitor_nickchange")
    )
    coven.owner(coven.crone, f"<x xmlns='jabber:x:data' type='submit'>{fields}</x>")
    coven.admin(coven.crone, "<item nick='thirdwitch' role='visitor'/>")
    to = f"from='{coven.hag}' to='{coven.room.jid}/"
    heard = coven.send(f"<presence {to}thirdwitch'><show>xa</show><status>buy this</status></presence>")
    assert heard.one(coven.crone).findtext("{jabber:client}show") == "xa"
    assert heard.one(coven.crone).find("{jabber:client}status") is None
    assert coven.send(f"<presence {to}buy this'/>").error(coven.hag) == "not-allowed"


def test_occupants_are_not_queried(coven) -> None:
    coven.owner(
        coven.crone,
        "<x xmlns='jabber:x:data' type='submit'><field var='allow_query_users'><value>0</value></field></x>",
    )
    ask = f"id='q' to='{coven.room.jid}/firstwitch' type='get'><query xmlns='jabber:iq:version'/></iq>"
    assert coven.send(f"<iq from='{coven.hag}' {ask}").error(coven.hag) == "not-allowed"
    assert coven.send(f"<iq from='{coven.witch}' {ask}").by(coven.crone)


def test_a_member_list_for_more_than_admins(coven) -> None:
    assert coven.admin(coven.hag, "<item affiliation='member'/>", "get").error(coven.hag) == "forbidden"
    coven.configure(coven.crone, getmemberlist="participant")
    assert coven.admin(coven.hag, "<item affiliation='member'/>", "get").one(coven.hag).get("type") == "result"
    assert coven.admin(coven.hag, "<item affiliation='outcast'/>", "get").error(coven.hag) == "forbidden"


def test_owners_and_admins_by_the_form(coven) -> None:
    fields = (
        "<field var='muc#roomconfig_roomowners'><value>crone1@shakespeare.lit</value>"
        "<value>hag66@shakespeare.lit</value></field><field var='muc#roomconfig_roomadmins'/>"
    )
    heard = coven.owner(coven.crone, f"<x xmlns='jabber:x:data' type='submit'>{fields}</x>")
    assert heard.events == ["rights_changed", "config_changed"]
    assert [s.get("type") for s in heard.by(coven.crone)].count("result") == 1
    assert coven.room.affiliation("hag66@shakespeare.lit") == "owner"
    assert coven.room.affiliation("wiccarocks@shakespeare.lit") == "none"
    assert coven.room.shown("thirdwitch").role == "moderator"
    nobody = "<field var='muc#roomconfig_roomowners'/>"
    heard = coven.owner(coven.crone, f"<x xmlns='jabber:x:data' type='submit'>{nobody}</x>")
    assert heard.error(coven.crone) == "conflict"


def test_a_tombstone_keeps_the_name_for_the_owners(stage) -> None:
    made = stage(tombstone_seconds=60)
    made.coven()
    made.owner(made.crone, "<destroy jid='heath@chat.shakespeare.lit'><reason>Macbeth doth come.</reason></destroy>")
    heard = made.join(made.hag, "thirdwitch")
    assert heard.error(made.hag) == "gone"
    gone = heard.one(made.hag).find("{jabber:client}error")[0]
    assert gone.text == "xmpp:heath@chat.shakespeare.lit?join"
    assert made.join(made.crone, "firstwitch").events == ["room_created", "occupant_joined"]
    made.owner(made.crone, "<x xmlns='jabber:x:data' type='submit'/>")
    made.owner(made.crone, "<destroy/>")
    made.now_us += 61_000_000
    assert made.join(made.hag, "thirdwitch").events == ["room_created", "occupant_joined"]
