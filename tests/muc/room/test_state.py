"""The state answers questions about people."""

from __future__ import annotations

from natter.muc.room.state import Affiliated, Room
from natter.xmpp.xeps.muc import Affiliation


def test_a_banned_domain_bans_its_users_but_not_members() -> None:
    room = Room(
        "r@h",
        affiliations={"evil.lit": Affiliated(Affiliation.OUTCAST), "good@evil.lit": Affiliated(Affiliation.MEMBER)},
    )
    assert room.affiliation("bad@evil.lit") is Affiliation.OUTCAST
    assert room.affiliation("good@evil.lit") is Affiliation.MEMBER
    assert room.affiliation("a@other.lit") is Affiliation.NONE


def test_people_are_found_by_full_and_bare_jid(coven) -> None:
    assert coven.room.occupant(coven.hag).nick == "thirdwitch"
    assert coven.room.occupant("hag66@shakespeare.lit/other") is None
    assert [o.nick for o in coven.room.of_bare("hag66@shakespeare.lit")] == ["thirdwitch"]
    assert coven.room.of_bare("shakespeare.lit") == []
    assert coven.room.owners() == ["crone1@shakespeare.lit"]
