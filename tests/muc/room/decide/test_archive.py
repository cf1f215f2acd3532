"""XEP-0313 §6.1.2: who may ask for a room's archive, and what is asked."""

from __future__ import annotations

import pytest


def ask(stage, who: str, inner: str = "<query xmlns='urn:xmpp:mam:2'/>", type: str = "set"):
    return stage.send(f"<iq from='{who}' id='q' to='{stage.room.jid}' type='{type}'>{inner}</iq>")


def test_a_question_is_handed_on(coven) -> None:
    question = ask(coven, coven.hecate).decision.question
    assert (question.request.sender, question.room.jid, question.sees_jids) == (coven.hecate, coven.room.jid, False)
    assert ask(coven, coven.crone).decision.question.sees_jids
    edges = ask(coven, coven.hag, "<metadata xmlns='urn:xmpp:mam:2'/>", "get").decision.question
    assert edges.query is None


@pytest.mark.parametrize(
    ("config", "member", "stranger"),
    [
        ({}, True, True),
        ({"membersonly": "1"}, True, False),
        ({"passwordprotectedroom": "1", "roomsecret": "x"}, False, False),
        ({"publicroom": "0"}, True, True),
    ],
)
def test_who_may_ask(coven, config: dict[str, str], member: bool, stranger: bool) -> None:
    coven.admin(coven.crone, "<item affiliation='member' jid='member@d'/>")
    coven.admin(coven.crone, "<item affiliation='outcast' jid='outcast@d'/>")
    coven.configure(coven.crone, **config)
    asked = {who: ask(coven, f"{who}@d/r").decision.question is not None for who in ("member", "stranger", "outcast")}
    assert asked == {"member": member, "stranger": stranger, "outcast": False}
    assert ask(coven, coven.crone).decision.question is not None


def test_who_is_inside_may_ask_whatever_the_password(coven) -> None:
    coven.configure(coven.crone, passwordprotectedroom="1", roomsecret="x")
    assert ask(coven, coven.hag).decision.question is not None


def test_a_room_or_service_without_archive(stage) -> None:
    for made in (stage(archive=False), stage(keep_words=False)):
        made.coven()
        assert ask(made, made.crone).error(made.crone) == "service-unavailable"
        made.say(made.crone, "x")
        assert made.room.archived == 0


def test_a_node_there_is_none_of(coven) -> None:
    assert ask(coven, coven.crone, "<query xmlns='urn:xmpp:mam:2' node='x'/>").error(coven.crone) == "item-not-found"
    assert ask(coven, coven.crone, "<metadata xmlns='urn:xmpp:mam:2'/>").error(coven.crone) == "bad-request"
