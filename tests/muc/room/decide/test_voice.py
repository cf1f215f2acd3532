"""XEP-0045 §7.13 and §8.6: asking for voice and getting it."""

from __future__ import annotations

import pytest
from natter.muc.room import evolve, snapshot
from natter.xmpp.xeps import data_forms


def form(**fields: str) -> str:
    inner = "".join(f"<field var='muc#{name}'><value>{value}</value></field>" for name, value in fields.items())
    kind = "<field var='FORM_TYPE'><value>http://jabber.org/protocol/muc#request</value></field>"
    return f"<x xmlns='jabber:x:data' type='submit'>{kind}{inner}</x>"


@pytest.fixture
def moderated(coven):
    """A moderated room in which hag66 may not speak."""
    coven.configure(coven.crone, moderatedroom="1")
    coven.admin(coven.crone, "<item nick='thirdwitch' role='visitor'/>")
    return coven


def ask(stage, who: str, **fields: str):
    return stage.send(
        f"<message from='{who}' id='v' to='{stage.room.jid}'>{form(**(fields or {'role': 'participant'}))}</message>"
    )


def test_moderators_are_asked_and_one_grants_it(moderated) -> None:
    heard = ask(moderated, moderated.hag)
    assert [to for to, _ in heard.stanzas] == [moderated.crone, moderated.witch]
    asked = data_forms.find(heard.one(moderated.crone))
    assert asked.form_type == "http://jabber.org/protocol/muc#request"
    assert (asked.value("muc#roomnick"), asked.value("muc#jid")) == ("thirdwitch", moderated.hag)
    assert asked.value("muc#request_allow") == "0"
    given = ask(moderated, moderated.witch, role="participant", roomnick="thirdwitch", request_allow="true")
    assert moderated.item(given.one(moderated.hag))["role"] == "participant"
    assert moderated.say(moderated.hag, "at last").events == ["message_sent"]


def test_a_box_that_is_not_ticked_does_nothing(moderated) -> None:
    ask(moderated, moderated.hag)
    assert not ask(moderated, moderated.crone, roomnick="thirdwitch", request_allow="0").stanzas
    assert moderated.room.shown("thirdwitch").role == "visitor"


def test_only_moderators_grant(moderated) -> None:
    moderated.join(moderated.hecate, "hecate")
    given = ask(moderated, moderated.hecate, roomnick="thirdwitch", request_allow="1")
    assert given.error(moderated.hecate) == "forbidden"
    given = ask(moderated, moderated.crone, roomnick="nobody", request_allow="1")
    assert given.error(moderated.crone) == "item-not-found"


def test_who_asks_too_often_or_in_vain(moderated) -> None:
    assert ask(moderated, moderated.witch).error(moderated.witch) == "bad-request"
    assert ask(moderated, moderated.hag, role="moderator").error(moderated.hag) == "bad-request"
    assert ask(moderated, moderated.hecate).error(moderated.hecate) == "not-acceptable"
    moderated.owner(
        moderated.crone,
        "<x xmlns='jabber:x:data' type='submit'><field var='voice_request_min_interval'><value>60</value></field></x>",
    )
    assert ask(moderated, moderated.hag).events == ["voice_requested"]
    assert ask(moderated, moderated.hag).error(moderated.hag) == "resource-constraint"
    moderated.now_us += 60_000_000
    assert ask(moderated, moderated.hag).events == ["voice_requested"]
    moderated.owner(
        moderated.crone,
        "<x xmlns='jabber:x:data' type='submit'><field var='allow_voice_requests'><value>0</value></field></x>",
    )
    assert ask(moderated, moderated.hag).error(moderated.hag) == "forbidden"


def test_nobody_to_ask(moderated) -> None:
    for who in (moderated.crone, moderated.witch):
        moderated.send(f"<presence from='{who}' to='{moderated.room.jid}/x' type='unavailable'/>")
    assert ask(moderated, moderated.hag).error(moderated.hag) == "recipient-unavailable"


def test_a_malformed_form(moderated) -> None:
    bad = "<x xmlns='jabber:x:data' type='wish'/>"
    heard = moderated.send(f"<message from='{moderated.hag}' to='{moderated.room.jid}'>{bad}</message>")
    assert heard.error(moderated.hag) == "bad-request"


def again(stage, who: str, nick: str) -> str:
    """Out, and in again; the role."""
    stage.send(f"<presence from='{who}' to='{stage.room.jid}/{nick}' type='unavailable'/>")
    stage.join(who, nick)
    return str(stage.room.occupant(who).role)


def test_a_voice_is_kept_for_the_next_visit(moderated) -> None:
    # XEP-0045 §5.1: roles SHOULD be kept across visits of moderated rooms.
    assert again(moderated, moderated.hag, "thirdwitch") == "visitor"
    moderated.admin(moderated.crone, "<item nick='thirdwitch' role='participant'/>")
    assert again(moderated, moderated.hag, "thirdwitch") == "participant"
    # Nor does a kick give back what was taken.
    moderated.admin(moderated.crone, "<item nick='thirdwitch' role='visitor'/>")
    moderated.admin(moderated.crone, "<item nick='thirdwitch' role='none'/>")
    moderated.room = snapshot.decode(snapshot.encode(moderated.room))
    moderated.join(moderated.hag, "thirdwitch")
    assert moderated.room.shown("thirdwitch").role == "visitor"


def test_a_moderator_for_a_while_is_none_at_the_next_visit(moderated) -> None:
    moderated.admin(moderated.crone, "<item nick='thirdwitch' role='moderator'/>")
    assert again(moderated, moderated.hag, "thirdwitch") == "visitor"
    assert moderated.room.voices == {}


@pytest.mark.parametrize("affiliation", ["member", "admin"])
def test_an_affiliation_has_a_role_of_its_own(moderated, affiliation: str) -> None:
    moderated.admin(moderated.crone, f"<item affiliation='{affiliation}' jid='hag66@shakespeare.lit'/>")
    expected = {"member": "participant", "admin": "moderator"}[affiliation]
    assert moderated.room.shown("thirdwitch").role == expected
    assert again(moderated, moderated.hag, "thirdwitch") == expected


def test_without_moderation_all_begin_anew(moderated) -> None:
    moderated.send(f"<presence from='{moderated.hag}' to='{moderated.room.jid}/thirdwitch' type='unavailable'/>")
    moderated.configure(moderated.crone, moderatedroom="0")
    moderated.join(moderated.hag, "thirdwitch")
    assert moderated.room.shown("thirdwitch").role == "participant"


def test_the_room_remembers_only_so_many(moderated, monkeypatch) -> None:
    monkeypatch.setattr(evolve, "VOICES_MAX", 2)
    for number in range(3):
        moderated.join(f"u{number}@d/r", f"u{number}")
        moderated.admin(moderated.crone, f"<item nick='u{number}' role='participant'/>")
    assert list(moderated.room.voices) == ["u1@d", "u2@d"]
