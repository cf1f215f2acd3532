"""XEP-0425: who may take whose message back, and what everybody is told."""

from __future__ import annotations

import pytest

SID = "{urn:xmpp:sid:0}stanza-id"


def moderate(stage, who: str, id: str, inner: str = "<retract xmlns='urn:xmpp:message-retract:1'/>"):
    element = f"<moderate xmlns='urn:xmpp:message-moderate:1' id='{id}'>{inner}</moderate>"
    return stage.send(f"<iq from='{who}' id='m' to='{stage.room.jid}' type='set'>{element}</iq>")


def said(stage, who: str, body: str) -> str:
    return stage.say(who, body).by(who)[0].find(SID).get("id")


def test_everybody_is_told_and_history_forgets(coven) -> None:
    id = said(coven, coven.hag, "free potions")
    heard = moderate(coven, coven.witch, id)
    assert heard.events == ["message_moderated"]
    assert [to for to, _ in heard.stanzas][-1] == coven.witch
    retract = heard.one(coven.hag).find("{urn:xmpp:message-retract:1}retract")
    assert retract.get("id") == id
    assert not coven.room.history
    assert coven.room.archived == 2
    assert heard.one(coven.hag).find(SID).get("by") == coven.room.jid


@pytest.mark.parametrize("id", ["", "x", "0" * 32])
def test_a_message_there_is_none_of(coven, id: str) -> None:
    said(coven, coven.hag, "free potions")
    assert moderate(coven, coven.crone, id).error(coven.crone) == ("item-not-found" if id else "bad-request")


def test_who_may_not(coven) -> None:
    id = said(coven, coven.crone, "order!")
    assert moderate(coven, coven.hag, id).error(coven.hag) == "forbidden"
    assert moderate(coven, coven.hecate, id).error(coven.hecate) == "not-acceptable"
    assert moderate(coven, coven.crone, id, "").error(coven.crone) == "bad-request"
    reason = f"<retract xmlns='urn:xmpp:message-retract:1'/><reason>{'x' * 2000}</reason>"
    assert moderate(coven, coven.crone, id, reason).error(coven.crone) == "policy-violation"


def test_a_room_without_archive_tells_its_occupants(stage) -> None:
    made = stage(archive=False)
    made.coven()
    id = said(made, made.hag, "free potions")
    assert moderate(made, made.crone, id).one(made.hag).find("{urn:xmpp:message-retract:1}retract").get("id") == id
