"""Names are kept up to a number, and lxml's memory with them."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
from lxml import etree
from natter.xmpp.element import parse
from natter.xmpp.familiar import KNOWN_NAME_BYTES_MAX, KNOWN_NAMES_MAX, Familiar


def test_there_is_room_and_then_there_is_not() -> None:
    familiar = Familiar(names_max=4)
    assert familiar(b"<a b='x'><c xmlns='u'/></a>") is False, "a, b, c, xmlns, u and the end tag are more than four"
    assert familiar(b"<a b='x'><c/></a>")
    assert familiar(b'<c b = "never seen"><a/></c>')
    assert familiar(b"<d/>")
    assert not familiar(b"<e/>")
    assert familiar(b"<a b='1'>d=</a>")


@pytest.mark.parametrize("document", [b"<a/>", b"<b a='1'/>", b"<b a ='1'/>", b"<b xmlns='a'/>", b'<b xmlns:c="a"/>'])
def test_every_place_of_a_name_counts(document: bytes) -> None:
    familiar = Familiar(names_max=3)
    assert familiar(b"<b xmlns='u'/>")
    assert not familiar(document.replace(b"a", b"new"))


def test_long_names_and_blanks_are_never_kept() -> None:
    familiar = Familiar()
    assert not familiar(b"<" + b"a" * (KNOWN_NAME_BYTES_MAX + 1) + b"/>")
    assert not familiar(b"<a> \n\t \n\t  \n<b/></a>")


@pytest.mark.parametrize(
    "piece", [b"a", b"xmlns:", b"xmlns:a =", b"a ", b" ", b"a=", b"<", b"<a", b"='", b"xmlns='", b">   ", b"xmlns:a=' "]
)
def test_looking_takes_time_by_length_alone(piece: bytes) -> None:
    document = b"<message a " + piece * (256_000 // len(piece))
    began = time.process_time()
    Familiar()(document)
    assert time.process_time() - began < 0.5


def test_invented_names_leave_nothing_behind() -> None:
    def resident_kilobytes() -> int:
        return int(Path("/proc/self/statm").read_text().split()[1]) * 4

    def invented(turn: int) -> bytes:
        names = b"".join(b"<n%d_%d_%b/>" % (turn, i, b"x" * 100) for i in range(1000))
        return b"<message>" + names + b"</message>"

    for turn in range(KNOWN_NAMES_MAX // 1000 + 5):
        parse(invented(turn))
    before = resident_kilobytes()
    for turn in range(1000, 1200):
        element = parse(invented(turn))
        assert element[7].tag.startswith(f"{{jabber:client}}n{turn}_7_")
        assert etree.tostring(element)
    # 200 × 1000 names of 110 bytes are 22 MB.
    assert resident_kilobytes() - before < 8_000
