"""Questions to a server that has run for a minute."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest
from natter.router.question import Question, Server
from natter.xmpp.element import E

SERVER = Server("example.com", "conference.example.com", "1.2", started_us=1_000_000, features=("urn:b", "urn:a"))

Ask = Callable[..., Question]


@pytest.fixture
def ask() -> Ask:
    """Make a question with an empty payload of that name."""

    def make(payload: str, *, of_account: bool = False, node: str = "", os: str = "") -> Question:
        return Question(E(payload, {"node": node or None}), of_account, replace(SERVER, os=os), now_us=61_000_000)

    return make
