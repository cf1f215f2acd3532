"""XEP-0045 §7.6: changing one's nickname."""

from __future__ import annotations


def rename(stage, who: str, nick: str):
    return stage.send(f"<presence from='{who}' id='ifd1c35' to='{stage.room.jid}/{nick}'/>")


def test_two_presences_to_everybody(coven) -> None:
    heard = rename(coven, coven.hag, "oldhag")
    for jid in (coven.crone, coven.witch, coven.hag):
        gone, here = heard.by(jid)
        assert (gone.get("from"), gone.get("type")) == (f"{coven.room.jid}/thirdwitch", "unavailable")
        assert coven.item(gone)["nick"] == "oldhag"
        assert 303 in coven.codes(gone)
        assert (here.get("from"), here.get("type")) == (f"{coven.room.jid}/oldhag", None)
        assert (110 in coven.codes(here)) == (jid == coven.hag)
    assert set(coven.room.nicks) == {"firstwitch", "secondwitch", "oldhag"}


def test_a_nickname_in_use_is_refused(coven) -> None:
    heard = rename(coven, coven.hag, "FIRSTWITCH")
    assert heard.error(coven.hag) == "conflict"
    assert "thirdwitch" in coven.room.nicks


def test_the_case_of_ones_own_may_change(coven) -> None:
    assert rename(coven, coven.hag, "ThirdWitch").events == ["nickname_changed"]
    assert set(coven.room.nick_keys) == {"firstwitch", "secondwitch", "thirdwitch"}


def test_a_spaced_one_is_only_an_update(coven) -> None:
    assert rename(coven, coven.hag, " thirdwitch ").events == ["presence_changed"]
    heard = rename(coven, coven.hag, " old  hag ")
    assert 210 in coven.codes(heard.by(coven.hag)[1])


def test_a_role_is_kept(coven) -> None:
    coven.admin(coven.crone, "<item nick='thirdwitch' role='visitor'/>")
    rename(coven, coven.hag, "oldhag")
    assert coven.room.shown("oldhag").role == "visitor"
