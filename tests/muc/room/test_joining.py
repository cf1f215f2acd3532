"""What a join asks for: read unparsed or parsed, it is the same."""

from __future__ import annotations

import pytest
from natter.muc.room import joining
from natter.muc.room.request import PRESENCE, Request
from natter.muc.room.stanza import own_presence
from natter.xmpp import ns
from natter.xmpp.element import parse
from natter.xmpp.traits import Trait, traits_of
from natter.xmpp.xeps.muc import parse_join

MUC = "http://jabber.org/protocol/muc"
ROOM = "r@h"
# Those that need no parser.
PLAIN = [
    f"<x xmlns='{MUC}'/>",
    f'<x xmlns="{MUC}"></x>',
    f"<x xmlns='{MUC}' />",
    f"<x xmlns='{MUC}'><history maxstanzas='0'/></x>",
    f"<show>away</show><x xmlns='{MUC}'><history maxchars='7' seconds=\"12\" maxstanzas='20'></history></x><status/>",
    f"<c xmlns='http://jabber.org/protocol/caps' node='x' hash='sha-1' ver='y'/><x xmlns='{MUC}'/>",
    f"<x xmlns='{MUC}'/><occupant-id xmlns='urn:xmpp:occupant-id:0' id='me'/><priority>1</priority>",
]
# Those that do.
OTHERS = [
    f"<x xmlns='{MUC}'><password>cauldronburn</password></x>",
    f"<x xmlns='{MUC}'><history since='1970-01-01T00:00:00Z'/></x>",
    f"<x xmlns='{MUC}'><history maxstanzas='-1'/></x>",
    f"<x xmlns='{MUC}'><history maxstanzas='12345678901'/></x>",
    f"<m:x xmlns:m='{MUC}'/>",
    f"<x a='1' xmlns='{MUC}'/>",
    f"<x xmlns='{MUC}'/><x xmlns='{MUC}'/>",
    f"<x xmlns='{MUC}#user'><item role='moderator'/></x><x xmlns='{MUC}'/>",
    f"<status>&lt;</status><x xmlns='{MUC}'/>",
    f"<status><![CDATA[<x xmlns='{MUC}'/>]]></status><x xmlns='http:&#47;/jabber.org/protocol/muc'/>",
    f"<status>{MUC}</status><x xmlns='{MUC}'/>",
    f"<deep xmlns='urn:x'><x xmlns='{MUC}'/></deep><x xmlns='http:&#47;/jabber.org/protocol/muc'/>",
]


def request(inside: str) -> Request:
    stanza = f"<presence from='a@b/c' to='{ROOM}/n'>{inside}</presence>".encode()
    traits = int(traits_of(child.tag for child in parse(stanza)))
    assert traits & Trait.MUC_JOIN
    return Request(kind=PRESENCE, sender="a@b/c", to=f"{ROOM}/n", traits=traits, stanza=stanza, now_us=1)


@pytest.mark.parametrize("inside", PLAIN + OTHERS)
def test_it_is_what_the_parser_says(inside: str) -> None:
    asked = request(inside)
    join, rest = joining.read(asked)
    assert join == parse_join(parse(asked.stanza).find(f"{{{ns.MUC}}}x"))
    wanted, found = own_presence(asked.stanza, asked.traits, ROOM), own_presence(rest.stanza, rest.traits, ROOM)

    def drawn(said: tuple[bytes, bytes]) -> list[tuple[str, str | None]]:
        return [(child.tag, child.text) for child in parse(b"<presence%b>%b</presence>" % said)]

    assert drawn(found) == drawn(wanted)


@pytest.mark.parametrize("inside", PLAIN)
def test_the_commonest_need_no_parser(monkeypatch: pytest.MonkeyPatch, inside: str) -> None:
    asked = request(inside)

    def never(self: Request) -> None:
        raise AssertionError("parsed")

    monkeypatch.setattr(Request, "element", never)
    join, rest = joining.read(asked)
    assert MUC.encode() not in rest.stanza and not rest.traits & Trait.MUC_JOIN
    assert join.password is None
