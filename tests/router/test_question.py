"""Defaults that tell nothing."""

from __future__ import annotations

from natter.router.question import Refused, Server


def test_a_server_says_little_of_itself() -> None:
    server = Server("example.com", "conference.example.com", "1", 0)
    assert (server.name, server.os, server.features) == ("natter", "", ())


def test_refused_names_its_condition() -> None:
    assert str(Refused("item-not-found")) == "item-not-found"
