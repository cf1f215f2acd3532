"""XEP-0249: its two examples."""

from __future__ import annotations

import pytest
from natter.xmpp.element import E
from natter.xmpp.element import parse as element
from natter.xmpp.xeps import direct_invitations
from natter.xmpp.xeps.direct_invitations import Invitation

REASON = "Hey Hecate, this is the place for all good witches!"


@pytest.mark.parametrize(
    "invitation",
    [
        Invitation("darkcave@macbeth.shakespeare.lit", "cauldronburn", REASON),
        Invitation("darkcave@macbeth.shakespeare.lit", "cauldronburn", REASON, "e0ffe42b"),
        Invitation("darkcave@macbeth.shakespeare.lit", thread=""),
    ],
)
def test_there_and_back(invitation: Invitation) -> None:
    assert direct_invitations.find(E("message", None, direct_invitations.x(invitation))) == invitation


def test_the_example_that_continues_a_chat() -> None:
    message = element(
        b"<message><x xmlns='jabber:x:conference' continue='true' jid='darkcave@macbeth.shakespeare.lit'"
        b" thread='e0ffe42b28561960c6b12b944a092794b9683a38'/></message>"
    )
    assert direct_invitations.find(message) == Invitation(
        "darkcave@macbeth.shakespeare.lit", thread="e0ffe42b28561960c6b12b944a092794b9683a38"
    )


def test_none() -> None:
    assert direct_invitations.find(E("message")) is None
    assert direct_invitations.find(E("message", None, E("{jabber:x:conference}x"))) is None
