"""From a stanza to its verb; what has been applied is not decided again."""

from __future__ import annotations

import pytest
from natter.muc.room import dispatch
from natter.muc.room.request import NOTHING, Cause
from natter.muc.room.state import SKEW_US_MAX, Room


def test_what_comes_again_gives_nothing(coven) -> None:
    request = coven.request(
        f"<message from='{coven.hag}' to='{coven.room.jid}' type='groupchat'><body>x</body></message>"
    )
    assert coven.play(request).events == ["message_sent"]
    assert dispatch.applied(coven.room, request)
    assert coven.play(request).decision == NOTHING


def test_questions_are_answered_again(coven) -> None:
    request = coven.request(
        f"<iq from='{coven.hag}' id='1' to='{coven.room.jid}' type='get'><ping xmlns='urn:xmpp:ping'/></iq>"
    )
    coven.say(coven.crone, "later")
    assert coven.play(request).one(coven.hag).get("type") == "result"
    assert coven.play(request).one(coven.hag).get("type") == "result"


@pytest.mark.parametrize("payload", ["<query xmlns='jabber:iq:version'/>", "<query xmlns='jabber:iq:version'/>"])
def test_what_a_room_does_not_know(coven, payload: str) -> None:
    heard = coven.send(f"<iq from='{coven.hag}' id='1' to='{coven.room.jid}' type='get'>{payload}</iq>")
    assert heard.error(coven.hag) == "service-unavailable"


def test_nothing_is_answered_to_answers_and_to_people_who_leave(stage) -> None:
    made = stage()
    room = made.room.jid
    for xml in (
        f"<iq from='{made.hag}' id='1' to='{room}' type='result'/>",
        f"<iq from='{made.hag}' id='1' to='{room}' type='error'/>",
        f"<iq from='{made.hag}' id='1' to='{room}/x' type='result'/>",
        f"<message from='{made.hag}' to='{room}' type='error'/>",
        f"<presence from='{made.hag}' to='{room}/x' type='error'/>",
        f"<presence from='{made.hag}' to='{room}/x' type='unavailable'/>",
        f"<presence from='{made.hag}' to='{room}'/>",
    ):
        assert not made.send(xml).stanzas, xml


def test_a_room_that_is_not_there(stage) -> None:
    made = stage()
    room = made.room.jid
    for xml in (
        f"<iq from='{made.hag}' id='1' to='{room}' type='get'><ping xmlns='urn:xmpp:ping'/></iq>",
        f"<message from='{made.hag}' to='{room}' type='groupchat'><body>x</body></message>",
        f"<message from='{made.hag}' to='{room}/nick' type='chat'><body>x</body></message>",
    ):
        assert made.send(xml).error(made.hag) == "item-not-found", xml
    assert made.room == Room(room)


def test_a_lane_that_began_anew_is_heard(coven) -> None:
    words = f"<message from='{coven.hag}' to='{coven.room.jid}' type='groupchat'><body>x</body></message>"
    coven.send(words, cause=Cause("lane.0", 500, 0, 1))
    again = coven.request(words, cause=Cause("lane.0", 3, 0, coven.now_us))
    # Accepted before the last one was decided, or as good as: it comes again.
    assert coven.play(again).decision == NOTHING
    coven.now_us += 2 * SKEW_US_MAX
    later = coven.request(words, cause=Cause("lane.0", 3, 0, coven.now_us))
    assert coven.play(later).events == ["message_sent"]
    assert coven.room.applied["lane.0"].sequence == 3
    assert coven.play(later).decision == NOTHING
