"""XEP-0045 §8.2–§8.5, §9, §10.3–§10.8: roles, affiliations and their lists."""

from __future__ import annotations

import pytest

USER = "{http://jabber.org/protocol/muc#user}"
ADMIN = "{http://jabber.org/protocol/muc#admin}"


def reason(stanza) -> str:
    return stanza.findtext(f"{USER}x/{USER}item/{USER}reason") or ""


def listed(heard, who: str) -> list[dict[str, str]]:
    return [dict(i.attrib) for i in heard.one(who).iter(f"{ADMIN}item")]


def test_a_kick_in_the_order_of_the_xep(coven) -> None:
    heard = coven.admin(coven.witch, "<item nick='thirdwitch' role='none'><reason>Avaunt!</reason></item>")
    assert heard.events == ["rights_changed"]
    # XEP-0045 §8.2: the kicked one, then the moderator, then the others.
    assert [to for to, _ in heard.stanzas][:2] == [coven.hag, coven.witch]
    kicked = heard.one(coven.hag)
    assert coven.codes(kicked) == [110, 307]
    assert reason(kicked) == "Avaunt!"
    assert kicked.find(f"{USER}x/{USER}item/{USER}actor").get("nick") == "secondwitch"
    result, presence = heard.by(coven.witch)
    assert (result.get("type"), result.get("id")) == ("result", "a")
    assert coven.codes(presence) == [307]
    assert coven.item(presence)["role"] == "none"
    assert coven.say(coven.hag, "still here?").error(coven.hag) == "not-acceptable"
    assert coven.join(coven.hag, "thirdwitch").events == ["occupant_joined"]


def test_a_higher_affiliation_is_not_kicked(coven) -> None:
    assert coven.admin(coven.witch, "<item nick='firstwitch' role='none'/>").error(coven.witch) == "not-allowed"
    assert coven.admin(coven.hag, "<item nick='firstwitch' role='none'/>").error(coven.hag) == "forbidden"
    assert coven.admin(coven.witch, "<item nick='nobody' role='none'/>").error(coven.witch) == "item-not-found"


def test_an_owner_outside_may_kick(coven) -> None:
    other = "crone1@shakespeare.lit/phone"
    heard = coven.admin(other, "<item nick='thirdwitch' role='none'/>")
    assert heard.one(other).get("type") == "result"
    assert heard.statuses(coven.hag) == [110, 307]


def test_voice_is_taken_and_granted(coven) -> None:
    heard = coven.admin(
        coven.crone, "<item nick='thirdwitch' role='visitor'><reason>Not so worthy after all!</reason></item>"
    )
    for jid in (coven.witch, coven.hag):
        assert coven.item(heard.one(jid))["role"] == "visitor"
        assert reason(heard.one(jid)) == "Not so worthy after all!"
    assert heard.statuses(coven.hag) == [110]
    heard = coven.admin(coven.crone, "<item nick='thirdwitch' role='participant'/>")
    assert coven.room.shown("thirdwitch").role == "participant"
    assert coven.admin(coven.crone, "<item nick='secondwitch' role='visitor'/>").error(coven.crone) == "not-allowed"


def test_moderators_are_made_and_unmade(coven) -> None:
    heard = coven.admin(coven.witch, "<item nick='thirdwitch' role='moderator'/>")
    assert coven.item(heard.one(coven.hag))["role"] == "moderator"
    # A moderator without affiliation kicks, but makes no moderators.
    coven.join(coven.hecate, "hecate")
    assert coven.admin(coven.hag, "<item nick='hecate' role='moderator'/>").error(coven.hag) == "forbidden"
    assert coven.admin(coven.hag, "<item nick='hecate' role='none'/>").events == ["rights_changed"]
    coven.admin(coven.witch, "<item nick='thirdwitch' role='participant'/>")
    assert coven.room.shown("thirdwitch").role == "participant"


def test_a_ban(coven) -> None:
    heard = coven.admin(
        coven.witch, "<item affiliation='outcast' jid='hag66@shakespeare.lit'><reason>Treason</reason></item>"
    )
    assert heard.statuses(coven.hag) == [110, 301]
    assert coven.codes(heard.one(coven.crone)) == [301]
    assert coven.item(heard.one(coven.crone))["affiliation"] == "outcast"
    assert coven.join(coven.hag, "thirdwitch").error(coven.hag) == "forbidden"
    banned = coven.admin(coven.witch, "<item affiliation='outcast'/>", "get")
    assert listed(banned, coven.witch) == [{"affiliation": "outcast", "jid": "hag66@shakespeare.lit"}]
    coven.admin(coven.witch, "<item affiliation='none' jid='hag66@shakespeare.lit'/>")
    assert coven.join(coven.hag, "thirdwitch").events == ["occupant_joined"]


def test_who_is_not_banned(coven) -> None:
    ban = "<item affiliation='outcast' jid='{}@shakespeare.lit'/>"
    assert coven.admin(coven.witch, ban.format("crone1")).error(coven.witch) == "not-allowed"
    assert coven.admin(coven.witch, ban.format("wiccarocks")).error(coven.witch) == "conflict"
    assert coven.admin(coven.crone, ban.format("crone1")).error(coven.crone) == "conflict"
    assert coven.admin(coven.hag, ban.format("crone1")).error(coven.hag) == "forbidden"


def test_one_bad_item_spoils_the_whole_request(coven) -> None:
    heard = coven.admin(
        coven.witch,
        "<item affiliation='outcast' jid='hag66@shakespeare.lit'/>"
        "<item affiliation='outcast' jid='crone1@shakespeare.lit'/>",
    )
    assert heard.error(coven.witch) == "not-allowed"
    assert "thirdwitch" in coven.room.nicks


def test_a_domain_is_banned_and_nothing_else(coven) -> None:
    coven.join("x@evil.lit/1", "evil")
    coven.admin(coven.crone, "<item affiliation='outcast' jid='evil.lit'/>")
    assert "evil" not in coven.room.nicks
    assert coven.join("y@evil.lit/1", "y").error("y@evil.lit/1") == "forbidden"
    assert coven.admin(coven.crone, "<item affiliation='member' jid='evil.lit'/>").error(coven.crone) == "bad-request"


def test_who_is_on_a_list_stays_when_the_domain_is_banned(coven) -> None:
    # XEP-0045 §9.2: user@domain is looked for before domain; §9.1: no admin gets rid of an owner.
    coven.admin(coven.crone, "<item affiliation='member' jid='hecate@shakespeare.lit'/>")
    coven.join(coven.hecate, "hecate")
    heard = coven.admin(coven.witch, "<item affiliation='outcast' jid='shakespeare.lit'/>")
    assert heard.statuses(coven.hag) == [110, 301]
    assert list(coven.room.nicks) == ["firstwitch", "secondwitch", "hecate"]
    # What kept her in was her entry alone.
    heard = coven.admin(coven.witch, "<item affiliation='none' jid='hecate@shakespeare.lit'/>")
    assert heard.statuses(coven.hecate) == [110, 301]
    assert coven.join(coven.hecate, "hecate").error(coven.hecate) == "forbidden"


def test_a_domain_that_is_let_in_again_throws_out_nobody(coven) -> None:
    coven.configure(coven.crone, membersonly="1")
    coven.admin(coven.crone, "<item affiliation='outcast' jid='evil.lit'/>")
    assert coven.admin(coven.crone, "<item affiliation='none' jid='shakespeare.lit'/>").statuses(coven.crone) == []
    assert list(coven.room.nicks) == ["firstwitch", "secondwitch"]


def test_what_is_said_of_a_user_in_the_same_request_goes_before_its_domain(coven) -> None:
    coven.admin(
        coven.crone,
        "<item affiliation='member' jid='hag66@shakespeare.lit'/><item affiliation='outcast' jid='shakespeare.lit'/>",
    )
    assert list(coven.room.nicks) == ["firstwitch", "secondwitch", "thirdwitch"]


@pytest.mark.parametrize(
    ("items", "condition"),
    [
        ("<item affiliation='member' jid='a@b'/><item affiliation='admin' jid='A@b/c'/>", "bad-request"),
        ("<item role='visitor' nick='thirdwitch'/><item role='none' nick='thirdwitch'/>", "bad-request"),
        (
            "<item affiliation='member' jid='a@b' nick='Old'/><item affiliation='member' jid='c@b' nick='old'/>",
            "conflict",
        ),
    ],
)
def test_everybody_is_named_once(coven, items: str, condition: str) -> None:
    # Otherwise one stanza makes hundreds for everybody in the room.
    assert coven.admin(coven.crone, items).error(coven.crone) == condition


def test_many_at_once(stage) -> None:
    made = stage(affiliations_max=1000)
    made.instant()
    items = "".join(f"<item affiliation='member' jid='m{n}@b' nick='n{n}'/>" for n in range(600))
    assert made.admin(made.crone, items).one(made.crone).get("type") == "result"
    assert len(made.room.affiliations) == 601
    lists = made.admin(made.crone, "<item affiliation='member'/>" * 50, "get")
    assert len(listed(lists, made.crone)) == 600


def test_the_offending_item_comes_back_with_the_error(coven) -> None:
    # XEP-0045 §8.4.
    items = "<item nick='thirdwitch' role='visitor'/><item nick='secondwitch' role='visitor'/>"
    heard = coven.admin(coven.crone, items)
    assert heard.error(coven.crone) == "not-allowed"
    assert listed(heard, coven.crone) == [{"nick": "secondwitch", "role": "visitor"}]
    heard = coven.admin(coven.witch, "<item affiliation='none' jid='crone1@shakespeare.lit'/>")
    assert heard.error(coven.witch) == "forbidden"
    assert listed(heard, coven.witch) == [{"affiliation": "none", "jid": "crone1@shakespeare.lit"}]


def test_members_of_a_non_anonymous_room_read_all_lists(coven) -> None:
    # XEP-0045 §9.5, §10.5 and §10.8: who encrypts to everybody must know everybody.
    coven.admin(coven.crone, "<item affiliation='member' jid='hag66@shakespeare.lit'/>")
    wanted = ("owner", "admin", "member")
    for affiliation in wanted:
        assert coven.admin(coven.hag, f"<item affiliation='{affiliation}'/>", "get").error(coven.hag) == "forbidden"
    coven.configure(coven.crone, whois="anyone")
    found = [
        listed(coven.admin(coven.hag, f"<item affiliation='{affiliation}'/>", "get"), coven.hag)[0]["jid"]
        for affiliation in wanted
    ]
    assert found == ["crone1@shakespeare.lit", "wiccarocks@shakespeare.lit", "hag66@shakespeare.lit"]
    assert coven.admin(coven.hag, "<item affiliation='outcast'/>", "get").error(coven.hag) == "forbidden"
    assert coven.admin(coven.hecate, "<item affiliation='owner'/>", "get").error(coven.hecate) == "forbidden"


def test_membership(coven) -> None:
    heard = coven.admin(coven.crone, "<item affiliation='member' jid='hag66@shakespeare.lit' nick='thirdwitch'/>")
    assert coven.item(heard.one(coven.hag))["affiliation"] == "member"
    heard = coven.admin(coven.crone, "<item affiliation='none' jid='hag66@shakespeare.lit'/>")
    assert coven.item(heard.one(coven.hag)) == {"affiliation": "none", "jid": coven.hag, "role": "participant"}


def test_leaving_the_member_list_of_a_members_only_room(coven) -> None:
    coven.admin(coven.crone, "<item affiliation='member' jid='hag66@shakespeare.lit'/>")
    coven.configure(coven.crone, membersonly="1")
    heard = coven.admin(coven.crone, "<item affiliation='none' jid='hag66@shakespeare.lit'/>")
    assert heard.statuses(coven.hag) == [110, 321]
    assert len(heard.by(coven.hag)) == 1


def test_a_new_member_of_a_members_only_room_is_invited(coven) -> None:
    coven.configure(coven.crone, membersonly="1", passwordprotectedroom="1", roomsecret="cauldronburn")
    heard = coven.admin(coven.crone, "<item affiliation='member' jid='hecate@shakespeare.lit'/>")
    message = heard.one("hecate@shakespeare.lit")
    assert message.find(f"{USER}x/{USER}invite").get("from") == "crone1@shakespeare.lit"
    assert message.findtext(f"{USER}x/{USER}password") == "cauldronburn"


def test_owners_and_admins(coven) -> None:
    make = "<item affiliation='{}' jid='{}'/>"
    assert coven.admin(coven.witch, make.format("admin", "x@y")).error(coven.witch) == "forbidden"
    heard = coven.admin(coven.crone, make.format("owner", "hag66@shakespeare.lit/pda"))
    assert coven.item(heard.one(coven.hag)) == {"affiliation": "owner", "jid": coven.hag, "role": "moderator"}
    heard = coven.admin(coven.hag, make.format("admin", "crone1@shakespeare.lit"))
    assert coven.item(heard.one(coven.crone))["affiliation"] == "admin"
    assert coven.admin(coven.hag, make.format("none", "hag66@shakespeare.lit")).error(coven.hag) == "conflict"


def test_two_owners_cannot_remove_each_other_at_once(coven) -> None:
    coven.admin(coven.crone, "<item affiliation='owner' jid='hag66@shakespeare.lit'/>")
    both = (
        "<item affiliation='none' jid='hag66@shakespeare.lit'/><item affiliation='none' jid='crone1@shakespeare.lit'/>"
    )
    assert coven.admin(coven.crone, both).error(coven.crone) == "conflict"


def test_lists_of_roles(coven) -> None:
    heard = coven.admin(coven.crone, "<item role='moderator'/>", "get")
    assert [i["nick"] for i in listed(heard, coven.crone)] == ["firstwitch", "secondwitch"]
    (voice,) = listed(coven.admin(coven.crone, "<item role='participant'/>", "get"), coven.crone)
    assert voice == {"affiliation": "none", "jid": coven.hag, "nick": "thirdwitch", "role": "participant"}
    assert coven.admin(coven.hag, "<item role='moderator'/>", "get").error(coven.hag) == "forbidden"
    assert coven.admin(coven.hag, "<item affiliation='owner'/>", "get").error(coven.hag) == "forbidden"
    (owner,) = listed(coven.admin(coven.crone, "<item affiliation='owner'/>", "get"), coven.crone)
    assert owner == {"affiliation": "owner", "jid": "crone1@shakespeare.lit"}


@pytest.mark.parametrize(
    "items",
    [
        "",
        "<item nick='thirdwitch' role='none' affiliation='outcast'/>",
        "<item nick='thirdwitch' role='king'/>",
        "<item nick='thirdwitch'/>",
        "<item role='none'/>",
        "<item affiliation='member'/>",
        "<item nick='thirdwitch' role='none'/><item affiliation='member' jid='a@b'/>",
    ],
)
def test_malformed_requests(coven, items: str) -> None:
    assert coven.admin(coven.crone, items).error(coven.crone) == "bad-request"


def test_limits(stage) -> None:
    made = stage(affiliations_max=2, reason_bytes_max=64)
    made.instant()
    made.admin(made.crone, "<item affiliation='member' jid='a@b'/>")
    assert made.admin(made.crone, "<item affiliation='member' jid='c@b'/>").error(made.crone) == "resource-constraint"
    long = f"<item affiliation='none' jid='a@b'><reason>{'x' * 65}</reason></item>"
    assert made.admin(made.crone, long).error(made.crone) == "policy-violation"
    assert made.admin(made.crone, "<item affiliation='member' jid='@'/>").error(made.crone) == "jid-malformed"


def test_kicking_the_last_one_ends_a_temporary_room(coven) -> None:
    for who in (coven.crone, coven.witch):
        coven.send(f"<presence from='{who}' to='{coven.room.jid}/x' type='unavailable'/>")
    heard = coven.admin(coven.crone, "<item nick='thirdwitch' role='none'/>")
    assert heard.events == ["rights_changed", "room_destroyed"]
