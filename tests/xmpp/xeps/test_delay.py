"""XEP-0203: the stamp of its examples, and whose stamps count."""

from __future__ import annotations

from natter.xmpp.element import E, render
from natter.xmpp.element import parse as element
from natter.xmpp.xeps import delay

STAMP = 1_031_699_305_000_000  # 2002-09-10T23:08:25Z


def test_delay() -> None:
    assert render(delay.delay("capulet.com", STAMP, "Offline Storage")) == (
        b'<delay xmlns="urn:xmpp:delay" from="capulet.com" stamp="2002-09-10T23:08:25.000Z">Offline Storage</delay>'
    )


def test_find() -> None:
    message = E("message", None, delay.delay("mallory@b", 0), delay.delay("capulet.com", STAMP))
    assert delay.find(message, "capulet.com") == STAMP
    assert delay.find(message, "nobody") is None


def test_a_stamp_that_is_none() -> None:
    bad = element(b"<message><delay xmlns='urn:xmpp:delay' from='a' stamp='yesterday'/></message>")
    assert delay.find(bad, "a") is None


def test_stamps_as_bytes() -> None:
    assert delay.stamp(STAMP) == b"<delay xmlns='urn:xmpp:delay' stamp='2002-09-10T23:08:25.000Z'/>"
    delayed = delay.delayed(b"<message><body>x</body></message>", "capulet.com", STAMP, "Offline <Storage>")
    stamped = element(delayed)
    assert delay.find(stamped, "capulet.com") == STAMP
    assert stamped[1].text == "Offline <Storage>"
