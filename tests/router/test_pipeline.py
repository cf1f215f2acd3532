"""The tables of the pipeline."""

from __future__ import annotations

from typing import Any

from natter.proto.v1.bus_pb2 import Frame
from natter.router.pipeline import ANSWERS, FEATURES, ORDERS, decide
from natter.router.route.outcome import BAD_REQUEST
from natter.router.route.view import Hosts


def test_the_router_s_own_features() -> None:
    assert set(FEATURES) == {
        "http://jabber.org/protocol/disco#info",
        "http://jabber.org/protocol/disco#items",
        "jabber:iq:last",
        "jabber:iq:version",
        "urn:xmpp:carbons:2",
        "urn:xmpp:ping",
        "urn:xmpp:time",
    }
    # Carbons are one feature and two orders.
    assert len(FEATURES) == len(ANSWERS) + len(ORDERS) - 1


def test_a_frame_of_no_kind(people: Any, hosts: Hosts) -> None:
    assert decide(Frame(sender="alice@example.com/phone"), people, hosts) == BAD_REQUEST
