"""XEP-0045 §17.4 and XEP-0410: IQs between occupants, and the self-ping."""

from __future__ import annotations

from lxml import etree

PING = "<ping xmlns='urn:xmpp:ping'/>"


def iq(stage, who: str, nick: str, type: str = "get", inside: str = PING):
    return stage.send(f"<iq from='{who}' id='q' to='{stage.room.jid}/{nick}' type='{type}'>{inside}</iq>")


def test_a_question_and_its_answer_pass_by_nickname(coven) -> None:
    heard = iq(coven, coven.hag, "firstwitch", inside="<query xmlns='jabber:iq:version'/>")
    got = heard.one(coven.crone)
    assert (got.get("from"), got.get("id"), got.get("type")) == (f"{coven.room.jid}/thirdwitch", "q", "get")
    assert b"hag66" not in etree.tostring(got)
    back = iq(coven, coven.crone, "thirdwitch", "result", "<query xmlns='jabber:iq:version'><name>x</name></query>")
    answer = back.one(coven.hag)
    assert answer.get("from") == f"{coven.room.jid}/firstwitch"
    assert answer.find("{jabber:iq:version}query") is not None
    assert not heard.events
    assert not back.events


def test_self_ping(coven) -> None:
    heard = iq(coven, coven.hag, "thirdwitch")
    got = heard.one(coven.hag)
    assert (got.get("type"), got.get("from"), len(got)) == ("result", f"{coven.room.jid}/thirdwitch", 0)
    assert iq(coven, coven.hecate, "thirdwitch").error(coven.hecate) == "not-acceptable"
    assert iq(coven, coven.hag, "firstwitch").one(coven.crone) is not None


def test_what_is_refused(coven) -> None:
    assert iq(coven, coven.hag, "nobody").error(coven.hag) == "item-not-found"
    disco = "<query xmlns='http://jabber.org/protocol/disco#info'/>"
    # XEP-0045 §6.6.
    assert iq(coven, coven.hecate, "firstwitch", inside=disco).error(coven.hecate) == "bad-request"


def test_answers_of_strangers_and_for_nobody_are_dropped(coven) -> None:
    for type in ("result", "error"):
        assert not iq(coven, coven.hecate, "firstwitch", type).stanzas
        assert not iq(coven, coven.hag, "nobody", type).stanzas
