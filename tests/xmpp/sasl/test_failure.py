"""SASL failures and what carries data."""

from __future__ import annotations

import pytest
from lxml import etree
from natter.xmpp import ns
from natter.xmpp.sasl.failure import CONDITIONS, SASLError, decode, encode, failure


@pytest.mark.parametrize("condition", CONDITIONS)
def test_failure(condition: str) -> None:
    element = etree.fromstring(failure(condition))
    assert element.tag == f"{{{ns.SASL}}}failure"
    assert [child.tag for child in element] == [f"{{{ns.SASL}}}{condition}"]


def test_all_conditions_of_the_rfc() -> None:
    assert len(CONDITIONS) == 11
    assert str(SASLError("aborted")) == SASLError("aborted").condition == "aborted"


def test_data_there_and_back() -> None:
    element = etree.fromstring(encode("challenge", b"\x00\xff"))
    assert (element.tag, element.text) == (f"{{{ns.SASL}}}challenge", "AP8=")
    assert decode(element.text or "") == b"\x00\xff"
    assert encode("success", b"").endswith(b"></success>")


def test_no_data_and_empty_data_are_two_things() -> None:
    assert decode("") is None
    assert decode("=") == b""


@pytest.mark.parametrize("text", ["A", "AAA", "====", "AP8=\n", " AP8=", "AP8=AP8=", "\u00e9", "AP-_", "A P 8 ="])
def test_bad_encoding(text: str) -> None:
    with pytest.raises(SASLError) as error:
        decode(text)
    assert error.value.condition == "incorrect-encoding"
