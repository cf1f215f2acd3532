"""XEP-0059: pages forwards, backwards, by index and beyond the ends."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from natter.xmpp.element import parse as element
from natter.xmpp.element import render
from natter.xmpp.xeps import rsm
from natter.xmpp.xeps.rsm import Request, Result

ITEMS = [f"item{n:02}" for n in range(25)]


@pytest.mark.parametrize(
    ("inside", "request_"),
    [
        (b"<max>10</max>", Request(10)),
        (b"<max>10</max><after>peterpan@neverland.lit</after>", Request(10, after="peterpan@neverland.lit")),
        (b"<max>10</max><before>peter@pixyland.org</before>", Request(10, before="peter@pixyland.org")),
        (b"<max>10</max><before/>", Request(10, before="")),
        (b"<max>18446744073709551615</max>", Request((1 << 64) - 1)),
        (b"<max> 10 </max><index>371</index>", Request(10, index=371)),
        (b"<max>0</max>", Request(0)),
        (b"", Request()),
    ],
)
def test_requests_of_the_examples(inside: bytes, request_: Request) -> None:
    query = element(b"<iq><query><set xmlns='http://jabber.org/protocol/rsm'>" + inside + b"</set></query></iq>")[0]
    # `find` treats absent and empty differently for <before/> only.
    assert (rsm.find(query) or Request()) == Request(
        request_.items_max, request_.after, request_.before, request_.index
    )


@pytest.mark.parametrize("inside", [b"<max>-1</max>", b"<max/>", b"<max>x</max>", b"<index>1.5</index>"])
def test_malformed(inside: bytes) -> None:
    with pytest.raises(ValueError):
        rsm.find(element(b"<iq><set xmlns='http://jabber.org/protocol/rsm'>" + inside + b"</set></iq>"))


def test_no_request() -> None:
    assert rsm.find(element(b"<iq/>")) is None


def test_the_result_of_the_example() -> None:
    assert render(rsm.result(Result("stpeter@jabber.org", "peterpan@neverland.lit", 0, 800))) == (
        b'<set xmlns="http://jabber.org/protocol/rsm"><first index="0">stpeter@jabber.org</first>'
        b"<last>peterpan@neverland.lit</last><count>800</count></set>"
    )
    assert render(rsm.result(Result(count=800))) == (
        b'<set xmlns="http://jabber.org/protocol/rsm"><count>800</count></set>'
    )


def test_clamp() -> None:
    assert [rsm.clamp(r, 50) for r in (None, Request(), Request(0), Request(10), Request(10**9))] == [50, 50, 0, 10, 50]


@pytest.mark.parametrize(
    ("request_", "page"),
    [
        (None, ITEMS[:10]),
        (Request(5), ITEMS[:5]),
        (Request(5, after="item04"), ITEMS[5:10]),
        (Request(5, after="item22"), ITEMS[23:]),
        (Request(5, after="item24"), []),
        (Request(5, before=""), ITEMS[20:]),
        (Request(5, before="item10"), ITEMS[5:10]),
        (Request(5, before="item02"), ITEMS[:2]),
        (Request(5, before="item00"), []),
        (Request(5, index=3), ITEMS[3:8]),
        (Request(0), []),
        (Request(100), ITEMS[:10]),
    ],
)
def test_pages(request_: Request | None, page: list[str]) -> None:
    chosen, result = rsm.page(ITEMS, str, request_, 10)
    assert list(chosen) == page
    assert result.count == 25
    assert (result.first, result.last) == ((page[0], page[-1]) if page else ("", ""))
    assert result.index == (ITEMS.index(page[0]) if page else None)


@pytest.mark.parametrize("request_", [Request(5, after="nobody"), Request(5, before="nobody"), Request(5, index=25)])
def test_page_not_found(request_: Request) -> None:
    with pytest.raises(LookupError):
        rsm.page(ITEMS, str, request_, 10)


@given(st.lists(st.text(min_size=1), unique=True), st.integers(1, 7))
def test_paging_sees_everything_once_in_both_directions(items: list[str], size: int) -> None:
    forwards: list[str] = []
    request_ = Request(size)
    while page := rsm.page(items, str, request_, 50)[0]:
        forwards += page
        request_ = Request(size, after=page[-1])
    assert forwards == items
    backwards: list[str] = []
    request_ = Request(size, before="")
    while page := rsm.page(items, str, request_, 50)[0]:
        backwards[:0] = page
        request_ = Request(size, before=page[0])
    assert backwards == items
