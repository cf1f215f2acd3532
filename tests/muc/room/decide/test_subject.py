"""XEP-0045 §8.1: the subject."""

from __future__ import annotations

import pytest


def topic(stage, who: str, text: str):
    return stage.send(
        f"<message from='{who}' id='lh2bs617' to='{stage.room.jid}' type='groupchat'>"
        f"<subject>{text}</subject></message>"
    )


def test_a_moderator_changes_it(coven) -> None:
    heard = topic(coven, coven.witch, "Fire Burn and Cauldron Bubble!")
    assert heard.events == ["subject_changed"]
    for jid in (coven.crone, coven.witch, coven.hag):
        got = heard.one(jid)
        assert got.get("from") == f"{coven.room.jid}/secondwitch"
        assert got.findtext("{jabber:client}subject") == "Fire Burn and Cauldron Bubble!"
    assert coven.room.subject.text == "Fire Burn and Cauldron Bubble!"


def test_others_only_where_the_room_allows(coven) -> None:
    assert topic(coven, coven.hag, "x").error(coven.hag) == "forbidden"
    coven.configure(coven.crone, changesubject="1")
    assert topic(coven, coven.hag, "x").events == ["subject_changed"]
    coven.admin(coven.crone, "<item nick='thirdwitch' role='visitor'/>")
    assert topic(coven, coven.hag, "y").error(coven.hag) == "forbidden"
    assert topic(coven, coven.hecate, "y").error(coven.hecate) == "not-acceptable"


@pytest.mark.parametrize("empty", ["<subject/>", "<subject></subject>"])
def test_it_can_be_removed(coven, empty: str) -> None:
    topic(coven, coven.crone, "x")
    coven.send(f"<message from='{coven.crone}' to='{coven.room.jid}' type='groupchat'>{empty}</message>")
    last = coven.join(coven.hecate, "hecate").by(coven.hecate)[-1]
    assert last.findtext("{jabber:client}subject") == ""
    # XEP-0045 §7.2.15: actively cleared: with a stamp.
    assert last.find("{urn:xmpp:delay}delay") is not None


def test_it_is_no_history_and_has_a_limit(coven) -> None:
    topic(coven, coven.crone, "x")
    assert not coven.room.history
    assert topic(coven, coven.crone, "x" * 5000).error(coven.crone) == "not-acceptable"
