"""Cutting what a server says into stanzas."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent))
from acceptance import Managed
from talker import Talker, elements


def test_whole_elements_are_taken_and_the_rest_waits() -> None:
    text = "<presence from='a'/>\n<message id='1'><body>x</body></message><r xmlns='urn:xmpp:sm:3'/><message id='2'><bo"
    found, rest = elements(text)
    assert found == [
        "<presence from='a'/>",
        "<message id='1'><body>x</body></message>",
        "<r xmlns='urn:xmpp:sm:3'/>",
    ]
    assert rest == "<message id='2'><bo"


def test_an_empty_element_does_not_take_the_next_one_along() -> None:
    assert elements("<iq id='1'/><iq id='2'><ping/></iq>")[0] == ["<iq id='1'/>", "<iq id='2'><ping/></iq>"]


async def test_who_forgets_logs_in_anew() -> None:
    acceptance = Managed(enabled=True, id="x", inbound=5)
    talker = Talker("a", lambda: ("", 0), acceptance, lambda _: None, lambda _: None, forgets=1.0)
    connection: Any = None
    # The connection is not asked.
    assert not await talker._resumed(connection)
    assert (acceptance.id, acceptance.inbound, acceptance.enabled) == ("", 0, False)
