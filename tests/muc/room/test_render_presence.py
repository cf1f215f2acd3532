"""Presence as occupants see each other's."""

from __future__ import annotations

from dataclasses import replace

from natter.muc.room import render_presence
from natter.muc.room.render_presence import About
from natter.muc.room.state import Affiliated, Config, Occupant, Room
from natter.xmpp.element import parse
from natter.xmpp.xeps.muc import Affiliation, Destroy, Role

ONE = Occupant("o'ne", "a@b/c'd", "s1", Role.PARTICIPANT, "id1", b" xml:lang='en'", b"<show>xa</show>")
BOSS = Occupant("boss", "boss@b/1", "s2", Role.MODERATOR, "id2")
OTHER = Occupant("other", "other@b/1", "s3", Role.PARTICIPANT, "id3")
WHAT = About(affiliation=Affiliation.NONE, role=Role.PARTICIPANT)


def room(**config) -> Room:
    return Room("r@h", exists=True, config=Config(**config), occupants={o.nick: o for o in (ONE, BOSS, OTHER)})


def test_all_of_it_is_escaped() -> None:
    what = About(
        affiliation=Affiliation.MEMBER, role=Role.NONE, gone=True, statuses=(307,), actor="<a'>", reason="<&'>",
        new_nick="n'", id="i'd",
    )  # fmt: skip
    element = parse(render_presence.stanza(room(), ONE, what, show_jid=True, oneself=True))
    assert element.get("from") == "r@h/o'ne"
    assert element.get("id") == "i'd"
    item = element.find(".//{http://jabber.org/protocol/muc#user}item")
    assert dict(item.attrib) == {"affiliation": "member", "jid": "a@b/c'd", "nick": "n'", "role": "none"}
    assert item[0].get("nick") == "<a'>"
    assert item[1].text == "<&'>"
    codes = [s.get("code") for s in element.iter("{http://jabber.org/protocol/muc#user}status")]
    assert codes == ["110", "307"]


def test_two_stanzas_for_two_kinds_of_people() -> None:
    seeing, blind = render_presence.to_others(room(), ONE, WHAT, room().occupants.values())
    assert [t.jid for t in seeing.to] == ["boss@b/1"]
    assert [t.jid for t in blind.to] == ["other@b/1"]
    assert b"a@b" in seeing.stanza
    assert b"a@b" not in blind.stanza
    (everybody,) = render_presence.to_others(room(jids_public=True), ONE, WHAT, room().occupants.values())
    assert len(everybody.to) == 2


def test_one_knows_oneself() -> None:
    own = render_presence.to_one(room(), OTHER, render_presence.about(room(), OTHER), OTHER)
    assert b"other@b/1" in own.stanza
    assert b"110" in own.stanza
    seen = render_presence.to_one(room(), ONE, WHAT, OTHER)
    assert b"a@b" not in seen.stanza
    assert b"110" not in seen.stanza


def test_the_end_of_a_room() -> None:
    output = render_presence.destroyed(room(), ONE, Destroy("x@h", "why", "pw"))
    element = parse(output.stanza)
    assert element.get("type") == "unavailable"
    x = element[0]
    assert [c.tag.partition("}")[2] for c in x] == ["item", "destroy", "status"]


def test_a_presence_as_it_stands_is_drawn_again_when_anything_about_it_changes() -> None:
    def shown(occupant: Occupant, room: Room) -> list[bytes]:
        """For a moderator, and for somebody who is none."""
        there = replace(room, occupants={occupant.jid: occupant}, nicks={occupant.nick: (occupant.jid,)})
        outputs = [output for target in (BOSS, OTHER) for output in render_presence.standing(there, target)]
        return [output.series[0] for output in outputs]

    here = room()
    first = shown(ONE, here)
    assert first == shown(ONE, here) and len(set(first)) == 2
    assert first == [
        render_presence.stanza(here, ONE, render_presence.about(here, ONE), show_jid=show) for show in (True, False)
    ]
    for change in ({"nick": "n"}, {"role": Role.VISITOR}, {"attributes": b""}, {"payload": b""}, {"occupant_id": "2"}):
        assert not set(shown(replace(ONE, **change), here)) & set(first)
    member = replace(here, affiliations={"a@b": Affiliated(Affiliation.MEMBER)})
    assert not set(shown(ONE, member)) & set(first)
    # Where JIDs are public everybody sees what moderators see elsewhere.
    assert set(shown(ONE, room(jids_public=True))) == {first[0]}


def test_who_enters_is_shown_everybody_else_in_parts() -> None:
    many = {f"u{n}@b/1": replace(ONE, nick=f"nick{n}", jid=f"u{n}@b/1") for n in range(300)}
    crowd = replace(room(), occupants=many, nicks={o.nick: (o.jid,) for o in many.values()})
    newcomer = many["u7@b/1"]
    outputs = list(render_presence.standing(crowd, newcomer))
    assert len(outputs) > 1 and all(o.size <= 40_000 and o.to == (newcomer,) and not o.stanza for o in outputs)
    shown = [parse(stanza).get("from") for output in outputs for stanza in output.series]
    assert shown == [f"{crowd.jid}/nick{n}" for n in range(300) if n != 7]


def test_who_is_alone_is_shown_nobody() -> None:
    alone = replace(room(), occupants={ONE.jid: ONE}, nicks={ONE.nick: (ONE.jid,)})
    assert list(render_presence.standing(alone, ONE)) == []
