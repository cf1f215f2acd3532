"""XEP-0486: the room's picture."""

from __future__ import annotations

from natter.muc.room import snapshot
from natter.xmpp.xeps import disco, extended_disco

PHOTO = "<PHOTO><TYPE>image/png</TYPE><BINVAL>YQ==</BINVAL></PHOTO>"
SHA1_OF_A = "86f7e437faa5a7fce15d1ddcb9eaeaea377667b8"


def iq(stage, who: str, inner: str = "", type: str = "set"):
    return stage.send(
        f"<iq from='{who}' id='v' to='{stage.room.jid}' type='{type}'><vCard xmlns='vcard-temp'>{inner}</vCard></iq>"
    )


def facts(stage):
    query = "<query xmlns='http://jabber.org/protocol/disco#info'/>"
    heard = stage.send(f"<iq from='{stage.hag}' id='d' to='{stage.room.jid}' type='get'>{query}</iq>")
    told = disco.parse_info(heard.one(stage.hag)[0])
    return extended_disco.facts(told.forms, "http://jabber.org/protocol/muc#roominfo")


def test_an_owner_gives_the_room_a_picture_and_takes_it_away(coven) -> None:
    assert len(iq(coven, coven.hecate, type="get").one(coven.hecate)[0]) == 0
    heard = iq(coven, coven.crone, PHOTO)
    assert heard.by(coven.crone)[0].get("type") == "result"
    assert coven.codes(heard.one(coven.hag)) == [104]
    assert facts(coven)["muc#roominfo_avatarhash"] == (SHA1_OF_A,)
    card = iq(coven, coven.hecate, type="get").one(coven.hecate)[0]
    assert card.findtext("{vcard-temp}PHOTO/{vcard-temp}BINVAL") == "YQ=="
    assert snapshot.decode(snapshot.encode(coven.room)) == coven.room
    iq(coven, coven.crone)
    assert "muc#roominfo_avatarhash" not in facts(coven)
    assert coven.room.card == b""


def test_what_is_refused(stage) -> None:
    made = stage(card_bytes_max=200)
    made.coven()
    assert iq(made, made.witch, PHOTO).error(made.witch) == "forbidden"
    assert iq(made, made.crone, f"<FN>{'x' * 200}</FN>").error(made.crone) == "not-acceptable"
    assert iq(made, made.crone, PHOTO.replace("YQ==", "Y!")).error(made.crone) == "not-acceptable"
