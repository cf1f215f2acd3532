"""XEP-0198: the shapes of its examples, and counting modulo 2^32."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from natter.xmpp.xeps import stream_management as sm

SM = "urn:xmpp:sm:3"
STANZAS = "urn:ietf:params:xml:ns:xmpp-stanzas"


@pytest.mark.parametrize(
    ("attributes", "expected"),
    [
        ({}, sm.Enable(False, 0)),
        ({"resume": "true"}, sm.Enable(True, 0)),
        ({"resume": "1", "max": "60"}, sm.Enable(True, 60)),
        ({"resume": "0", "max": "99999999999999999999"}, sm.Enable(False, 1 << 31)),
    ],
)
def test_enable(attributes: dict[str, str], expected: sm.Enable) -> None:
    assert sm.enable(attributes) == expected


@pytest.mark.parametrize("attributes", [{"resume": "yes"}, {"max": "0"}, {"max": "-1"}, {"max": ""}, {"max": "1" * 30}])
def test_enable_that_cannot_be_read(attributes: dict[str, str]) -> None:
    with pytest.raises(sm.Malformed):
        sm.enable(attributes)


def test_resume() -> None:
    assert sm.resume({"previd": "some-long-sm-id", "h": "4294967295"}) == sm.Resume("some-long-sm-id", sm.MASK)
    for wrong in ({}, {"h": "1"}, {"previd": "x"}, {"previd": "", "h": "1"}, {"previd": "x" * 4001, "h": "1"}):
        with pytest.raises(sm.Malformed):
            sm.resume(wrong)


@pytest.mark.parametrize("h", ["", "-1", "+1", "x", "1.0", "4294967296", "٣", "1 2"])
def test_an_h_that_cannot_be_read(h: str) -> None:
    with pytest.raises(sm.Malformed):
        sm.handled({"h": h})


def test_what_the_server_says() -> None:
    assert f"<sm xmlns='{SM}'/>" == sm.FEATURE
    assert sm.enabled() == f"<enabled xmlns='{SM}'/>".encode()
    assert sm.enabled("a'b", 600) == f"<enabled xmlns='{SM}' id='a&apos;b' resume='true' max='600'/>".encode()
    assert sm.resumed("<", 3) == f"<resumed xmlns='{SM}' previd='&lt;' h='3'/>".encode()
    assert sm.failed("unexpected-request") == (
        f"<failed xmlns='{SM}'><unexpected-request xmlns='{STANZAS}'/></failed>".encode()
    )
    assert sm.failed("item-not-found", 0) == (
        f"<failed xmlns='{SM}' h='0'><item-not-found xmlns='{STANZAS}'/></failed>".encode()
    )
    assert sm.answer(1) == f"<a xmlns='{SM}' h='1'/>".encode()
    assert sm.too_high(10, 8) == f"<handled-count-too-high xmlns='{SM}' h='10' send-count='8'/>".encode()


@pytest.mark.parametrize(
    ("acknowledged", "sent", "h", "expected"),
    [
        (0, 0, 0, 0),
        (0, 8, 8, 8),
        (3, 8, 5, 2),
        (0, 8, 10, None),
        (3, 8, 2, None),
        (sm.MASK, 1, 0, 1),
        (sm.MASK, 1, 1, 2),
        (sm.MASK, 1, 2, None),
        (sm.MASK - 1, sm.MASK, 0, None),
    ],
)
def test_newly_handled(acknowledged: int, sent: int, h: int, expected: int | None) -> None:
    assert sm.newly_handled(acknowledged, sent, h) == expected


@given(st.integers(0, sm.MASK), st.integers(0, 2000), st.integers(0, 3000))
def test_newly_handled_wraps(acknowledged: int, open_: int, more: int) -> None:
    sent = (acknowledged + open_) & sm.MASK
    expected = more if more <= open_ else None
    assert sm.newly_handled(acknowledged, sent, (acknowledged + more) & sm.MASK) == expected
