"""XEP-0045 §7.2 and §10.1: entering a room and making one."""

from __future__ import annotations

import pytest
from lxml import etree

DELAY = "{urn:xmpp:delay}delay"


def test_creating_a_room(stage) -> None:
    made = stage()
    heard = made.join(made.crone, "firstwitch")
    assert heard.events == ["room_created", "occupant_joined"]
    presence, subject = heard.by(made.crone)
    assert presence.get("from") == "coven@chat.shakespeare.lit/firstwitch"
    assert made.item(presence)["affiliation"] == "owner"
    assert made.item(presence)["role"] == "moderator"
    assert made.codes(presence) == [110, 170, 201]
    assert subject.find("{jabber:client}subject") is not None


def test_a_locked_room_does_not_exist_for_others(stage) -> None:
    made = stage()
    made.join(made.crone, "firstwitch")
    assert made.join(made.hag, "thirdwitch").error(made.hag) == "item-not-found"
    assert made.say(made.hag, "x").error(made.hag) == "item-not-found"
    made.owner(made.crone, "<x xmlns='jabber:x:data' type='submit'/>")
    assert made.join(made.hag, "thirdwitch").events == ["occupant_joined"]


def test_room_creation_may_be_refused(stage) -> None:
    made = stage()
    made.may_create = False
    assert made.join(made.hag, "thirdwitch").error(made.hag) == "not-allowed"


def test_the_order_of_events_on_entering(coven) -> None:
    coven.say(coven.hag, "Thrice the brinded cat hath mew'd.")
    coven.send(
        f"<message from='{coven.crone}' to='{coven.room.jid}' type='groupchat'><subject>Fire Burn</subject></message>"
    )
    got = coven.join(coven.hecate, "hecate").by(coven.hecate)
    assert [etree.QName(s).localname for s in got] == ["presence"] * 4 + ["message"] * 2
    # XEP-0045 §7.2.2: the others first, then oneself with 110.
    assert [s.get("from", "").partition("/")[2] for s in got[:4]] == [
        "firstwitch",
        "secondwitch",
        "thirdwitch",
        "hecate",
    ]
    assert [coven.codes(s) for s in got[:4]] == [[], [], [], [110, 170]]
    history, subject = got[4:]
    assert history.findtext("{jabber:client}body") == "Thrice the brinded cat hath mew'd."
    delay = history.find(DELAY)
    assert delay is not None
    assert delay.get("from") == coven.room.jid
    assert history.get("id") == "m"
    assert subject.findtext("{jabber:client}subject") == "Fire Burn"
    assert subject.find(DELAY) is not None
    assert subject.find("{jabber:client}body") is None


def test_everybody_hears_of_a_newcomer_and_only_some_learn_the_jid(coven) -> None:
    heard = coven.join(coven.hecate, "hecate")
    assert coven.item(heard.one(coven.crone))["jid"] == coven.hecate
    assert coven.item(heard.one(coven.witch))["jid"] == coven.hecate
    # XEP-0045 §7.2.4: semi-anonymous: moderators only.
    assert "jid" not in coven.item(heard.one(coven.hag))
    assert all("jid" not in coven.item(p) for p in heard.by(coven.hecate)[:3])


def test_a_non_anonymous_room_warns_and_shows_jids(coven) -> None:
    coven.configure(coven.crone, whois="anyone")
    heard = coven.join(coven.hecate, "hecate")
    *others, own, _ = heard.by(coven.hecate)
    assert coven.codes(own) == [100, 110, 170]
    assert coven.item(others[0])["jid"] == coven.crone
    assert coven.item(heard.one(coven.hag))["jid"] == coven.hecate


def test_passwords(coven) -> None:
    coven.configure(coven.crone, passwordprotectedroom="1", roomsecret="cauldronburn")
    heard = coven.join(coven.hecate, "hecate")
    assert heard.error(coven.hecate) == "not-authorized"
    error = heard.one(coven.hecate).find("{jabber:client}error")
    assert error is not None
    assert (error.get("by"), error.get("type")) == (coven.room.jid, "auth")
    assert heard.one(coven.hecate).get("from") == "coven@chat.shakespeare.lit/hecate"
    wrong = coven.join(coven.hecate, "hecate", x="<password>frogs</password>")
    assert wrong.error(coven.hecate) == "not-authorized"
    right = coven.join(coven.hecate, "hecate", x="<password>cauldronburn</password>")
    assert right.events == ["occupant_joined"]
    # The password is nobody else's business.
    assert b"cauldronburn" not in b"".join(etree.tostring(s) for _, s in right.stanzas)


def test_members_only_banned_and_full(coven) -> None:
    coven.admin(coven.crone, "<item affiliation='outcast' jid='hag66@shakespeare.lit'/>")
    assert coven.join(coven.hag, "thirdwitch").error(coven.hag) == "forbidden"
    coven.configure(coven.crone, membersonly="1")
    assert coven.join(coven.hecate, "hecate").error(coven.hecate) == "registration-required"
    coven.admin(coven.crone, "<item affiliation='member' jid='hecate@shakespeare.lit'/>")
    heard = coven.join(coven.hecate, "hecate")
    assert coven.item(heard.by(coven.hecate)[2]) == {
        "affiliation": "member",
        "jid": coven.hecate,
        "role": "participant",
    }


def test_a_full_room_lets_admins_in(stage) -> None:
    made = stage(occupants_max=2)
    made.instant()
    made.join(made.hag, "thirdwitch")
    heard = made.join(made.hecate, "hecate")
    assert heard.error(made.hecate) == "service-unavailable"
    error = heard.one(made.hecate).find("{jabber:client}error")
    assert error is not None
    assert error.get("type") == "wait"
    made.admin(made.crone, "<item affiliation='admin' jid='wiccarocks@shakespeare.lit'/>")
    assert made.join(made.witch, "secondwitch").events == ["occupant_joined"]


@pytest.mark.parametrize("nick", ["firstwitch", "FirstWitch", "ｆirstwitch"])
def test_a_nickname_in_use_is_refused(coven, nick: str) -> None:
    assert coven.join(coven.hecate, nick).error(coven.hecate) == "conflict"


PHONE = "hag66@shakespeare.lit/phone"


def test_another_resource_shares_the_nickname(coven) -> None:
    heard = coven.join(PHONE, "thirdwitch", "<show>away</show>")
    assert [str(p.get("from")).partition("/")[2] for p in heard.by(PHONE) if p.tag.endswith("presence")] == [
        "firstwitch",
        "secondwitch",
        "thirdwitch",
    ]
    assert coven.codes(heard.by(PHONE)[2]) == [110, 170]
    # The other session hears that it is about itself; the others see the newer presence, once.
    assert heard.statuses(coven.hag) == [110]
    assert coven.item(heard.one(coven.crone))["jid"] == PHONE
    assert heard.one(coven.witch).findtext("{jabber:client}show") == "away"
    assert len(coven.room.nicks) == 3
    for who in (PHONE, coven.hag):
        said = coven.say(who, "twice")
        assert {m.get("from") for m in said.by(PHONE)} == {f"{coven.room.jid}/thirdwitch"}
        assert len(said.stanzas) == 4


def test_the_nickname_stays_until_its_last_session_leaves(coven) -> None:
    coven.join(PHONE, "thirdwitch", "<show>away</show>")
    heard = coven.send(f"<presence from='{PHONE}' to='{coven.room.jid}/thirdwitch' type='unavailable'/>")
    assert heard.one(PHONE).get("type") == "unavailable"
    assert heard.one(coven.crone).get("type") is None
    assert coven.item(heard.one(coven.crone))["jid"] == coven.hag
    assert heard.statuses(coven.hag) == [110]
    heard = coven.send(f"<presence from='{coven.hag}' to='{coven.room.jid}/thirdwitch' type='unavailable'/>")
    assert heard.one(coven.crone).get("type") == "unavailable"


def test_a_session_that_is_not_shown_leaves_quietly(coven) -> None:
    coven.join(PHONE, "thirdwitch")
    heard = coven.send(f"<presence from='{coven.hag}' to='{coven.room.jid}/thirdwitch' type='unavailable'/>")
    assert [to for to, _ in heard.stanzas] == [coven.hag]


def test_roles_nicknames_and_kicks_are_of_all_sessions(coven) -> None:
    coven.join(PHONE, "thirdwitch")
    coven.admin(coven.crone, "<item nick='thirdwitch' role='visitor'/>")
    assert {o.role for o in coven.room.named("thirdwitch")} == {"visitor"}
    heard = coven.send(f"<presence from='{PHONE}' to='{coven.room.jid}/oldhag'/>")
    assert [coven.codes(p) for p in heard.by(coven.hag)] == [[110, 303], [110]]
    assert [coven.codes(p) for p in heard.by(coven.witch)] == [[303], []]
    assert {o.jid for o in coven.room.named("oldhag")} == {PHONE, coven.hag}
    heard = coven.admin(coven.crone, "<item nick='oldhag' role='none'/>")
    assert heard.statuses(PHONE) == heard.statuses(coven.hag) == [110, 307]
    assert len(heard.by(coven.witch)) == 1
    assert "oldhag" not in coven.room.nicks


def test_a_session_joins_as_the_nickname_is_written_already(coven) -> None:
    heard = coven.join(PHONE, "ThirdWitch")
    assert coven.codes(heard.by(PHONE)[2]) == [110, 170, 210]
    assert set(coven.room.nicks) == {"firstwitch", "secondwitch", "thirdwitch"}


def test_who_is_in_already_gets_everything_again(coven) -> None:
    coven.say(coven.crone, "hello")
    heard = coven.join(coven.hag, "thirdwitch")
    assert len(heard.by(coven.hag)) == 5
    # Nothing new for the others.
    assert not heard.by(coven.crone)
    changed = coven.join(coven.hag, "thirdwitch", "<show>dnd</show>")
    assert changed.one(coven.crone).findtext("{jabber:client}show") == "dnd"
    moved = coven.join(coven.hag, "crone no 3")
    assert moved.events == ["nickname_changed", "occupant_joined"]
    assert len(coven.room.occupants) == 3


def test_a_new_session_takes_its_place(coven) -> None:
    heard = coven.join(coven.hag, "thirdwitch", session="another")
    assert coven.room.shown("thirdwitch").session == "another"
    assert len(heard.by(coven.hag)) == 4


def test_nicknames_are_trimmed_and_that_is_said(coven) -> None:
    heard = coven.join(coven.hecate, "the  hecate ")
    own = heard.by(coven.hecate)[3]
    assert own.get("from") == "coven@chat.shakespeare.lit/the hecate"
    assert coven.codes(own) == [110, 170, 210]


def test_without_nickname_and_with_too_long_ones(coven) -> None:
    heard = coven.send(
        f"<presence from='{coven.hecate}' to='{coven.room.jid}'><x xmlns='http://jabber.org/protocol/muc'/></presence>"
    )
    assert heard.error(coven.hecate) == "jid-malformed"
    assert coven.join(coven.hecate, "x" * 129).error(coven.hecate) == "not-acceptable"


def test_groupchat_1_0_is_told_that_it_is_not_in(coven) -> None:
    heard = coven.send(f"<presence from='{coven.hecate}' to='{coven.room.jid}/hecate'/>")
    answer = heard.one(coven.hecate)
    assert answer.get("type") == "unavailable"
    assert coven.codes(answer) == [110, 307, 333]
    assert not heard.events


def test_occupant_ids_are_stable_per_user_and_room(coven, stage) -> None:
    first = coven.room.shown("thirdwitch").occupant_id
    coven.send(f"<presence from='{coven.hag}' to='{coven.room.jid}/thirdwitch' type='unavailable'/>")
    coven.join("hag66@shakespeare.lit/phone", "other")
    assert coven.room.shown("other").occupant_id == first
    assert first != coven.room.shown("firstwitch").occupant_id
    assert "hag66" not in first


HISTORY = [
    ("", 5),
    ("<history maxstanzas='2'/>", 2),
    ("<history maxstanzas='0'/>", 0),
    ("<history maxchars='0'/>", 0),
    ("<history maxchars='65000'/>", 5),
    ("<history seconds='3'/>", 3),
    ("<history since='1970-01-01T00:00:00Z'/>", 5),
    ("<history since='2100-01-01T00:00:00Z'/>", 0),
    ("<history maxstanzas='4' seconds='3'/>", 3),
    ("<history maxstanzas='many'/>", 5),
]


@pytest.mark.parametrize(("wish", "count"), HISTORY)
def test_the_history_that_was_asked_for(coven, wish: str, count: int) -> None:
    for number in range(5):
        coven.say(coven.crone, f"word {number}")
    got = [s for s in coven.join(coven.hecate, "hecate", x=wish).by(coven.hecate) if s.find(DELAY) is not None]
    assert [s.findtext("{jabber:client}body") for s in got] == [f"word {n}" for n in range(5 - count, 5)]


def test_history_by_characters_is_whole_stanzas(coven) -> None:
    for number in range(5):
        coven.say(coven.crone, f"word {number}")
    sizes = [len(s.stanza) + len(" ") for s in coven.room.history]
    heard = coven.join(coven.hecate, "hecate", x=f"<history maxchars='{sizes[0] * 2 + 250}'/>")
    got = [s for s in heard.by(coven.hecate) if s.find(DELAY) is not None]
    assert 1 <= len(got) <= 2
    assert got[-1].findtext("{jabber:client}body") == "word 4"


def test_who_asks_for_no_history_gets_what_the_room_thinks_right(coven) -> None:
    coven.configure(coven.crone, **{"muc#maxhistoryfetch": "10", "muc#roomconfig_defaulthistorymessages": "2"})
    for number in range(5):
        coven.say(coven.hag, f"word {number}")

    def repeated(x: str) -> list[str | None]:
        got = coven.join(coven.hecate, "hecate", x=x).by(coven.hecate)
        coven.send(f"<presence from='{coven.hecate}' to='{coven.room.jid}/hecate' type='unavailable'/>")
        return [s.findtext("{jabber:client}body") for s in got if s.find(DELAY) is not None and s.find("*") is not None]

    assert repeated("") == ["word 3", "word 4"]
    assert repeated("<history maxstanzas='4'/>") == [f"word {n}" for n in range(1, 5)]
    assert repeated("<history maxstanzas='100'/>") == [f"word {n}" for n in range(5)]
    assert repeated("<history seconds='10000'/>") == [f"word {n}" for n in range(5)]


def test_who_enters_is_told_that_others_can_read_what_is_said(stage) -> None:
    # XEP-0045 §7.2.12 and XEP-0313 §6.1.2: the archive of a room that everybody may enter is for everybody.
    made = stage()
    made.instant()
    assert 170 in made.codes(made.join(made.hag, "thirdwitch").by(made.hag)[1])
    for private in ({"passwordprotectedroom": "1", "roomsecret": "x"}, {"membersonly": "1"}, {"enablearchiving": "0"}):
        closed = stage()
        closed.instant()
        closed.admin(closed.crone, "<item affiliation='member' jid='hag66@shakespeare.lit'/>")
        closed.configure(closed.crone, **private)
        own = closed.join(closed.hag, "thirdwitch", x="<password>x</password>").by(closed.hag)[1]
        assert closed.codes(own) == [110]
    nowhere = stage(archive=False)
    assert 170 not in nowhere.codes(nowhere.join(nowhere.crone, "firstwitch").by(nowhere.crone)[0])
