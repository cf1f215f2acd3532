"""XEP-0045 §7.5: private messages."""

from __future__ import annotations

from lxml import etree


def whisper(stage, who: str, nick: str, type: str = "chat", inside: str = ""):
    return stage.send(
        f"<message from='{who}' id='hgn27af1' to='{stage.room.jid}/{nick}' type='{type}'>"
        f"<body>I'll give thee a wind.</body>{inside}</message>"
    )


def test_only_one_gets_it(coven) -> None:
    heard = whisper(coven, coven.witch, "firstwitch")
    assert not heard.events
    ((to, got),) = heard.stanzas
    assert to == coven.crone
    assert (got.get("from"), got.get("type"), got.get("id")) == (f"{coven.room.jid}/secondwitch", "chat", "hgn27af1")
    assert len(got.findall("{http://jabber.org/protocol/muc#user}x")) == 1
    assert not got.findall("{urn:xmpp:sid:0}stanza-id")


def test_there_is_one_empty_x_whatever_the_sender_wrote(coven) -> None:
    forged = "<x xmlns='http://jabber.org/protocol/muc#user'><invite from='crone1@shakespeare.lit'/></x>"
    got = whisper(coven, coven.hag, "firstwitch", inside=forged).one(coven.crone)
    (x,) = got.findall("{http://jabber.org/protocol/muc#user}x")
    assert not len(x)


def test_what_is_refused(coven) -> None:
    assert whisper(coven, coven.witch, "firstwitch", "groupchat").error(coven.witch) == "bad-request"
    assert whisper(coven, coven.witch, "nobody").error(coven.witch) == "item-not-found"
    assert whisper(coven, coven.hecate, "firstwitch").error(coven.hecate) == "not-acceptable"
    assert whisper(coven, coven.hecate, "nobody").error(coven.hecate) == "not-acceptable"


def test_the_room_may_forbid_it(coven) -> None:
    coven.configure(coven.crone, allowpm="moderators")
    assert whisper(coven, coven.hag, "firstwitch").error(coven.hag) == "forbidden"
    assert whisper(coven, coven.witch, "firstwitch").one(coven.crone) is not None
    coven.configure(coven.crone, allowpm="none")
    assert whisper(coven, coven.crone, "thirdwitch").error(coven.crone) == "forbidden"


def test_an_error_about_one_goes_back_by_nickname(coven) -> None:
    error = "<error type='modify'><policy-violation xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error>"
    heard = whisper(coven, coven.crone, "secondwitch", "error", error)
    got = heard.one(coven.witch)
    assert (got.get("from"), got.get("type")) == (f"{coven.room.jid}/firstwitch", "error")
    assert not whisper(coven, coven.hecate, "secondwitch", "error", error).stanzas
    assert not whisper(coven, coven.crone, "nobody", "error", error).stanzas


def test_nobody_learns_a_jid(coven) -> None:
    for nick in ("firstwitch", "secondwitch"):
        for _, got in whisper(coven, coven.hag, nick).stanzas:
            assert b"hag66" not in etree.tostring(got)


def test_a_bounce_is_ready(coven) -> None:
    (output,) = whisper(coven, coven.witch, "firstwitch").decision.outputs
    assert output.otherwise is not None
    assert b"recipient-unavailable" in output.otherwise.stanza


def test_all_sessions_under_the_nickname_get_it(coven) -> None:
    phone = "hag66@shakespeare.lit/phone"
    coven.join(phone, "thirdwitch")
    heard = coven.send(
        f"<message from='{coven.witch}' to='{coven.room.jid}/thirdwitch' type='chat'><body>psst</body></message>"
    )
    assert [to for to, _ in heard.stanzas] == [coven.hag, phone]
