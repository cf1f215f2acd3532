"""XEP-0045 §7.14: leaving; and what the last one takes along."""

from __future__ import annotations

import pytest


def leave(stage, who: str, nick: str = "x", inside: str = "", **more):
    return stage.send(
        f"<presence from='{who}' to='{stage.room.jid}/{nick}' type='unavailable'>{inside}</presence>", **more
    )


def test_everybody_hears_and_oneself_first(coven) -> None:
    heard = leave(coven, coven.hag, "thirdwitch", "<status>gone where the goblins go</status>")
    assert heard.stanzas[0][0] == coven.hag
    assert heard.statuses(coven.hag) == [110]
    for jid in (coven.hag, coven.crone, coven.witch):
        got = heard.one(jid)
        assert got.get("type") == "unavailable"
        assert coven.item(got)["role"] == "none"
        assert got.findtext("{jabber:client}status") == "gone where the goblins go"
    assert "thirdwitch" not in coven.room.nicks


def test_somebody_who_is_not_in_is_ignored(coven) -> None:
    assert not leave(coven, coven.hecate).stanzas
    assert not leave(coven, coven.hag, "thirdwitch", session="an older one").stanzas
    assert "thirdwitch" in coven.room.nicks


def test_a_temporary_room_ends_with_its_last_occupant(coven) -> None:
    assert leave(coven, coven.hag).events == ["occupant_left"]
    assert leave(coven, coven.witch).events == ["occupant_left"]
    heard = leave(coven, coven.crone)
    assert heard.events == ["occupant_left", "room_destroyed"]
    assert len(heard.by(coven.crone)) == 1
    assert not coven.room.exists


def test_a_persistent_room_stays(coven) -> None:
    coven.configure(coven.crone, persistentroom="1")
    for who in (coven.hag, coven.witch, coven.crone):
        leave(coven, who)
    assert coven.room.exists
    assert not coven.room.occupants
    assert coven.join(coven.hag, "thirdwitch").events == ["occupant_joined"]


def test_leaving_a_locked_room_destroys_it(stage) -> None:
    made = stage()
    made.join(made.crone, "firstwitch")
    heard = leave(made, made.crone)
    assert heard.events == ["room_destroyed"]
    got = heard.one(made.crone)
    assert got.get("type") == "unavailable"
    assert got.find("{http://jabber.org/protocol/muc#user}x/{http://jabber.org/protocol/muc#user}destroy") is not None


def test_a_vanished_session_leaves_with_333(coven) -> None:
    heard = leave(coven, coven.hag, vanished=True)
    assert heard.statuses(coven.crone) == [333]
    assert heard.statuses(coven.hag) == [110, 333]


@pytest.mark.parametrize("kind", ["presence", "message"])
def test_an_undeliverable_occupant_is_a_ghost(coven, kind: str) -> None:
    heard = coven.send(
        f"<{kind} from='{coven.hag}' to='{coven.room.jid}/firstwitch' type='error'><error type='cancel'>"
        f"<recipient-unavailable xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></{kind}>"
    )
    assert heard.events == ["occupant_left"]
    assert heard.statuses(coven.crone) == [333]


def test_an_error_of_another_kind_is_none(coven) -> None:
    heard = coven.send(
        f"<presence from='{coven.hag}' to='{coven.room.jid}/firstwitch' type='error'><error type='modify'>"
        f"<not-acceptable xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></presence>"
    )
    assert not heard.stanzas
    assert "thirdwitch" in coven.room.nicks
