"""What only servers may say, said by a client."""

from __future__ import annotations

import pytest
from natter.xmpp.forged import SUSPECT, suspect, without
from natter.xmpp.traits import Trait, traits_of

DOMAIN = "capulet.lit"
CARBON = "<received xmlns='urn:xmpp:carbons:2'><forwarded xmlns='urn:xmpp:forward:0'/></received>"


@pytest.mark.parametrize(
    "child",
    [
        "<stanza-id xmlns='urn:xmpp:sid:0' by='juliet@capulet.lit' id='x'/>",
        "<s:stanza-id xmlns:s='urn:xmpp:sid:0' by=' Juliet@CAPULET.lit ' id='x'/>",
        "<stanza-id xmlns='urn:xmpp:sid:0' by='capulet.lit' id='x'/>",
        "<delay xmlns='urn:xmpp:delay' from='capulet.lit' stamp='2002-09-10T23:08:25Z'/>",
        CARBON,
        CARBON.replace("received", "sent"),
        "<result xmlns='urn:xmpp:mam:2' id='x'/>",
    ],
)
def test_removed(child: str) -> None:
    said = f"<message>a{child}b<body>c</body></message>".encode()
    assert without(said, SUSPECT, DOMAIN) == b"<message>ab<body>c</body></message>"
    assert without(said, int(Trait.BODY), DOMAIN) is said


@pytest.mark.parametrize(
    "child",
    [
        "<stanza-id xmlns='urn:xmpp:sid:0' by='room@muc.capulet.lit' id='x'/>",
        "<origin-id xmlns='urn:xmpp:sid:0' id='x'/>",
        "<delay xmlns='urn:xmpp:delay' from='juliet@capulet.lit/balcony' stamp='2002-09-10T23:08:25Z'/>",
        "<private xmlns='urn:xmpp:carbons:2'/>",
    ],
)
def test_left(child: str) -> None:
    said = f"<message>{child}<body>c</body></message>".encode()
    assert without(said, SUSPECT, DOMAIN) is said


def test_suspects_are_known_by_their_names() -> None:
    assert suspect(("{jabber:client}body", "{urn:xmpp:sid:0}stanza-id"))
    assert not suspect(("{jabber:client}body", "{urn:xmpp:sid:0}origin-id"))
    assert traits_of(("{urn:xmpp:mam:2}result",)) & SUSPECT
