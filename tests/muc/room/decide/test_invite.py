"""XEP-0045 §7.8.2: mediated invitations and declines."""

from __future__ import annotations

import pytest

USER = "{http://jabber.org/protocol/muc#user}"


def invite(stage, who: str, *jids: str, reason: str = "Hey Hecate!"):
    inner = "".join(f"<invite to='{jid}'><reason>{reason}</reason><continue thread='t1'/></invite>" for jid in jids)
    return stage.send(
        f"<message from='{who}' id='nzd143v8' to='{stage.room.jid}'>"
        f"<x xmlns='http://jabber.org/protocol/muc#user'>{inner}</x></message>"
    )


def test_an_invitation_is_passed_on(coven) -> None:
    coven.configure(coven.crone, passwordprotectedroom="1", roomsecret="cauldronburn")
    heard = invite(coven, coven.hag, "hecate@shakespeare.lit")
    assert not heard.events
    got = heard.one("hecate@shakespeare.lit")
    assert (got.get("from"), got.get("id"), got.get("type")) == (coven.room.jid, "nzd143v8", None)
    invited = got.find(f"{USER}x/{USER}invite")
    assert invited.get("from") == "hag66@shakespeare.lit"
    assert invited.findtext(f"{USER}reason") == "Hey Hecate!"
    assert invited.find(f"{USER}continue").get("thread") == "t1"
    assert got.findtext(f"{USER}x/{USER}password") == "cauldronburn"
    (output,) = heard.decision.outputs
    assert output.otherwise is not None


def test_several_at_once(coven) -> None:
    heard = invite(coven, coven.hag, "a@b", "c@d/e")
    assert [to for to, _ in heard.stanzas] == ["a@b", "c@d/e"]
    many = [f"u{n}@b" for n in range(11)]
    assert invite(coven, coven.hag, *many).error(coven.hag) == "policy-violation"


def test_into_a_members_only_room(coven) -> None:
    coven.admin(coven.crone, "<item affiliation='member' jid='hag66@shakespeare.lit'/>")
    coven.configure(coven.crone, membersonly="1")
    assert invite(coven, coven.hag, "hecate@shakespeare.lit").error(coven.hag) == "forbidden"
    coven.configure(coven.crone, allowinvites="1")
    heard = invite(coven, coven.hag, "hecate@shakespeare.lit")
    assert heard.events == ["rights_changed"]
    assert heard.one("hecate@shakespeare.lit").find(f"{USER}x/{USER}invite").get("from") == "hag66@shakespeare.lit"
    assert coven.join(coven.hecate, "hecate").events == ["occupant_joined"]
    # Once more: a member already.
    assert not invite(coven, coven.crone, "hecate@shakespeare.lit").events


@pytest.mark.parametrize("jid", ["", "@", "shakespeare.lit"])
def test_no_jid(coven, jid: str) -> None:
    assert invite(coven, coven.hag, jid).error(coven.hag) == "jid-malformed"


def test_strangers_do_not_invite(coven) -> None:
    assert invite(coven, coven.hecate, "a@b").error(coven.hecate) == "not-acceptable"
    assert invite(coven, coven.hag, "a@b", reason="x" * 2000).error(coven.hag) == "policy-violation"


def decline(stage, who: str, to: str):
    return stage.send(
        f"<message from='{who}' id='jk2vs61v' to='{stage.room.jid}'><x xmlns='http://jabber.org/protocol/muc#user'>"
        f"<decline to='{to}'><reason>Too busy.</reason></decline></x></message>"
    )


def test_a_decline_reaches_the_inviter_and_nobody_outside(coven) -> None:
    got = decline(coven, coven.hecate, "crone1@shakespeare.lit").one(coven.crone)
    declined = got.find(f"{USER}x/{USER}decline")
    assert declined.get("from") == "hecate@shakespeare.lit"
    assert declined.findtext(f"{USER}reason") == "Too busy."
    assert decline(coven, coven.hecate, "stranger@shakespeare.lit").error(coven.hecate) == "item-not-found"


def test_other_messages_to_the_room(coven) -> None:
    room = coven.room.jid
    heard = coven.send(f"<message from='{coven.hag}' to='{room}'><body>x</body></message>")
    assert heard.error(coven.hag) == "bad-request"
    assert not coven.send(f"<message from='{coven.hag}' to='{room}' type='headline'><body>x</body></message>").stanzas
    heard = coven.send(f"<message from='{coven.hecate}' to='{room}' type='chat'><body>x</body></message>")
    assert heard.error(coven.hecate) == "not-acceptable"


def test_the_lists_have_a_limit(stage) -> None:
    made = stage(affiliations_max=1)
    made.instant()
    made.configure(made.crone, membersonly="1")
    assert invite(made, made.crone, "a@b").error(made.crone) == "resource-constraint"
