"""XEP-0030: what the server and the account say about themselves."""

from __future__ import annotations

from typing import Any

import pytest
from natter.router.question import Refused
from natter.router.xeps import disco
from natter.xmpp.xeps import disco as shapes
from natter.xmpp.xeps.disco import Identity, Item


def test_info_of_the_server(ask: Any) -> None:
    info = shapes.parse_info(disco.info(ask(disco.INFO))[0])
    assert info.identities == (Identity("server", "im", name="natter"),)
    assert info.features == ("urn:a", "urn:b")


def test_info_of_the_account(ask: Any) -> None:
    info = shapes.parse_info(disco.info(ask(disco.INFO, of_account=True))[0])
    assert info.identities == (Identity("account", "registered"),)
    assert info.features == disco.FEATURES


def test_items(ask: Any) -> None:
    assert shapes.parse_items(disco.items(ask(disco.ITEMS))[0]) == (Item("conference.example.com", name="Rooms"),)
    assert shapes.parse_items(disco.items(ask(disco.ITEMS, of_account=True))[0]) == ()


def test_there_are_no_nodes(ask: Any) -> None:
    for answer in (disco.info, disco.items):
        with pytest.raises(Refused, match="item-not-found"):
            answer(ask(disco.INFO, node="x"))
