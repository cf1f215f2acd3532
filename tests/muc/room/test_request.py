"""Requests know who sends and what is meant."""

from __future__ import annotations

from natter.muc.room.request import MESSAGE, Address, Everyone, Request, present


def test_parts_of_the_addresses() -> None:
    request = Request(
        kind=MESSAGE, sender="a@b/c/d", to="r@h/n/m", stanza=b"<message><body>x</body></message>", now_us=1
    )
    assert (request.bare, request.room, request.nick) == ("a@b", "r@h", "n/m")
    assert request.element().findtext("{jabber:client}body") == "x"


def test_only_the_session_that_entered_is_present(coven) -> None:
    def ask(session: str) -> object:
        request = Request(kind=MESSAGE, sender=coven.hag, to="r@h", stanza=b"<message/>", session=session, now_us=1)
        return present(coven.room, request)

    occupant = coven.room.shown("thirdwitch")
    assert ask(occupant.session) is occupant
    assert ask("") is occupant
    assert ask("another") is None


def test_everyone_is_a_view(coven) -> None:
    everyone = Everyone(coven.room.occupants)
    assert [o.nick for o in everyone] == ["firstwitch", "secondwitch", "thirdwitch"]
    assert len(everyone) == 3
    assert coven.room.shown("firstwitch") in everyone
    assert Address("a@b") not in everyone
