"""XEP-0059: Result Set Management.  A page of an ordered set: what was asked, what is given."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeVar

from .. import ns
from ..element import E, Element
from ..spec import Xep

NS = ns.RSM

XEP = Xep(
    59,
    "Result Set Management",
    version="1.0",
    status="complete",
    features=(NS,),
    note="archives have no pages by index",
)

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Request:
    """Which page. `before` "" asks for the last one; None is absent."""

    items_max: int | None = None
    after: str | None = None
    before: str | None = None
    index: int | None = None


@dataclass(frozen=True, slots=True)
class Result:
    """The page that is given: ids of its first and last item ("" if empty), place of the first, size of the set."""

    first: str = ""
    last: str = ""
    index: int | None = None
    count: int | None = None


def find(parent: Element) -> Request | None:
    """The request among the children of `parent`; None without one. ValueError if it is malformed: bad-request."""
    element = parent.find(f"{{{NS}}}set")
    return None if element is None else parse(element)


def parse(element: Element) -> Request:
    """The request that a <set/> says. ValueError if it is malformed: bad-request."""
    return Request(
        _number(element.findtext(f"{{{NS}}}max")),
        element.findtext(f"{{{NS}}}after"),
        element.findtext(f"{{{NS}}}before"),
        _number(element.findtext(f"{{{NS}}}index")),
    )


def _number(text: str | None) -> int | None:
    if text is None:
        return None
    text = text.strip()
    # XEP-0059 §6: an unsigned long.
    if not (text.isascii() and text.isdigit() and len(text) <= 20):
        raise ValueError("not a number of items")
    return int(text)


def clamp(request: Request | None, items_max: int) -> int:
    """How many items to give: what was asked, never above `items_max`."""
    # XEP-0059 §2.1: the responder may give fewer than were asked for.
    if request is None or request.items_max is None:
        return items_max
    return min(request.items_max, items_max)


def result(page: Result) -> Element:
    """The <set/> of an answer."""
    element = E(f"{{{NS}}}set")
    if page.first or page.last:
        place = None if page.index is None else str(page.index)
        element.append(E(f"{{{NS}}}first", {"index": place}, page.first))
        element.append(E(f"{{{NS}}}last", None, page.last))
    if page.count is not None:
        element.append(E(f"{{{NS}}}count", None, str(page.count)))
    return element


def page(
    items: Sequence[T], key: Callable[[T], str], request: Request | None, items_max: int
) -> tuple[Sequence[T], Result]:
    """The page of a whole set held in memory, `key` giving an item's id.

    LookupError where the request names an id that is not in the set: item-not-found (XEP-0059 §2.4).
    """
    request = request or Request()
    size = clamp(request, items_max)
    start = 0
    if request.after:
        start = _place(items, key, request.after) + 1
    elif request.before is not None:
        # XEP-0059 §2.5: an empty <before/> asks for the last page.
        end = _place(items, key, request.before) if request.before else len(items)
        start = max(0, end - size)
        size = min(size, end)
    elif request.index is not None:
        # XEP-0059 §2.6: a page by its place; past the end is item-not-found.
        if request.index >= len(items) and request.index > 0:
            raise LookupError("index")
        start = request.index
    chosen = items[start : start + size]
    if not chosen:
        # XEP-0059 §2.7: only the count.
        return chosen, Result(count=len(items))
    return chosen, Result(key(chosen[0]), key(chosen[-1]), start, len(items))


def _place(items: Sequence[T], key: Callable[[T], str], wanted: str) -> int:
    for place, item in enumerate(items):
        if key(item) == wanted:
            return place
    raise LookupError("id")
