"""XEP-0077: In-Band Registration.  Making, changing and removing an account by an <iq/>."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from .. import ns
from ..element import E, Element
from ..spec import Xep
from . import data_forms

NS = ns.REGISTER
NS_FEATURE = ns.REGISTER_FEATURE

XEP = Xep(
    77, "In-Band Registration", version="2.4", status="partial", features=(NS,), note="username and password only"
)


@dataclass(frozen=True, slots=True)
class Request:
    """What a set asks for. None where the field is absent."""

    username: str | None = None
    password: str | None = None
    remove: bool = False


def parse(query: Element) -> Request:
    """The request of a set, from plain fields or from a form (XEP-0077 §4). ValueError if malformed: bad-request."""
    form = data_forms.find(query)
    if form is not None:
        username, password = form.get("username"), form.get("password")
        return Request(None if username is None else username.value, None if password is None else password.value)
    # XEP-0077 §3.2: <remove/> stands alone.
    if query.find(f"{{{NS}}}remove") is not None:
        if len(query) > 1:
            raise ValueError("remove stands alone")
        return Request(remove=True)
    return Request(query.findtext(f"{{{NS}}}username"), query.findtext(f"{{{NS}}}password"))


def query(*, instructions: str, fields: Iterable[str] = ("username", "password")) -> Element:
    """The answer to a get of somebody without an account: the fields to fill in (XEP-0077 §3.1)."""
    return E(
        f"{{{NS}}}query",
        None,
        E(f"{{{NS}}}instructions", None, instructions),
        *(E(f"{{{NS}}}{name}") for name in fields),
    )


def registered_query(username: str) -> Element:
    """The answer to a get of somebody with an account: that it exists, its name, never its password (XEP-0077 §3.1)."""
    return E(
        f"{{{NS}}}query",
        None,
        E(f"{{{NS}}}registered"),
        E(f"{{{NS}}}username", None, username),
        E(f"{{{NS}}}password"),
    )


def stream_feature() -> Element:
    """What the stream features say where registration is open (XEP-0077 §8)."""
    return E(f"{{{NS_FEATURE}}}register")
