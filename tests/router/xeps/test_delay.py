"""XEP-0203: messages that went to another session than the one that has left."""

from __future__ import annotations

from typing import Any

from natter.router.route.outcome import LEFT, UNAVAILABLE, Deliver
from natter.router.xeps.delay import stamp
from natter.xmpp import element
from natter.xmpp.xeps import date_time

BOB = "bob@example.com"
US = 1_700_000_000_000_000


def test_the_time_of_its_acceptance_once(frames: Any) -> None:
    frame = frames("message", f"{BOB}/gone", "chat", returned=1, accepted_us=US)
    for _ in range(2):
        # It may come back again.
        stamp(frame, (Deliver(()),), "example.com")
        (found,) = element.parse(frame.stanza)
        assert (found.get("from"), found.get("stamp")) == ("example.com", date_time.render(US))


def test_neither_what_nobody_gets_nor_what_waited_in_the_archive(frames: Any) -> None:
    for frame, outcomes in (
        (frames("message", f"{BOB}/gone", "chat", returned=1), LEFT),
        (frames("message", f"{BOB}/gone", "chat", returned=1), UNAVAILABLE),
        (frames("message", f"{BOB}/gone", "chat", returned=1, stored=True), (Deliver(()),)),
        (frames.query("{urn:x}q", f"{BOB}/gone", "get", returned=1), (Deliver(()),)),
    ):
        before = frame.stanza
        stamp(frame, outcomes, "example.com")
        assert frame.stanza == before
