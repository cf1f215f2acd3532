"""XEP-0160: a message that has waited, as in its example."""

from __future__ import annotations

from natter.xmpp.element import parse
from natter.xmpp.xeps import delay, offline


def test_the_stamp_of_the_server() -> None:
    stanza = b"<message from='juliet@capulet.com/balcony' to='romeo@capulet.com'><body>O blessed</body></message>"
    message = parse(offline.waited(stanza, "capulet.com", 1_031_699_305_000_000))
    assert delay.find(message, "capulet.com") == 1_031_699_305_000_000
    assert message[1].text == "Offline Storage"
