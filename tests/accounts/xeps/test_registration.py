"""XEP-0077 in a session: requests as clients write them, and the answers."""

from __future__ import annotations

import pytest
from natter.accounts.xeps.registration import (
    ChangePassword,
    Command,
    Refused,
    Remove,
    Show,
    done,
    on_file,
    read,
    refusal,
)
from natter.proto.v1 import bus_pb2
from natter.xmpp.element import parse

NS = "jabber:iq:register"
CANARY = "canary-password-1c"


def frame(content: str, *, type: str = "set", to: str = "", namespace: str = NS) -> bus_pb2.Frame:
    head = f"<iq type='{type}' id='r&amp;1' from='alice@example.org/phone'" + (f" to='{to}'" if to else "")
    return bus_pb2.Frame(
        kind=bus_pb2.KIND_IQ,
        type=type,
        id="r&1",
        sender="alice@example.org/phone",
        to=to,
        session="s1",
        stanza=f"{head}><query xmlns='{namespace}'>{content}</query></iq>".encode(),
    )


def wanted(content: str, *, allowed: bool = True, **options: str) -> Command:
    return read(frame(content, **options), changes_allowed=allowed)  # type: ignore[arg-type]


def fields(username: str, password: str) -> str:
    return f"<username>{username}</username><password>{password}</password>"


def form(username: str, password: str) -> str:
    values = {"FORM_TYPE": NS, "username": username, "password": password}
    inside = "".join(f"<field var='{k}'><value>{v}</value></field>" for k, v in values.items())
    return f"<x xmlns='jabber:x:data' type='submit'>{inside}</x>"


@pytest.mark.parametrize("to", ["", "example.org", "alice@example.org"])
def test_commands(to: str) -> None:
    assert wanted("", type="get", to=to) == Show()
    assert wanted("<remove/>", to=to) == Remove()
    assert wanted(fields("alice", "new"), to=to) == ChangePassword("new")


@pytest.mark.parametrize("username", ["alice", "Alice", "alice@example.org", "alice@EXAMPLE.org"])
def test_the_own_name_in_every_spelling(username: str) -> None:
    assert wanted(fields(username, "new")) == ChangePassword("new")
    assert wanted(form(username, "new")) == ChangePassword("new")


@pytest.mark.parametrize(
    ("content", "condition"),
    [
        ("", "bad-request"),
        ("<username>alice</username>", "bad-request"),
        ("<password>new</password>", "bad-request"),
        (fields("alice", ""), "bad-request"),
        ("<remove/><username>alice</username>", "bad-request"),
        (fields("bob", "new"), "forbidden"),
        (fields("alice@elsewhere.org", "new"), "forbidden"),
        (fields("a b", "new"), "forbidden"),
    ],
)
def test_refusals(content: str, condition: str) -> None:
    with pytest.raises(Refused) as refused:
        wanted(content)
    assert refused.value.condition == condition


def test_more_refusals() -> None:
    for to in ("bob@example.org", "alice@example.org/tablet", "elsewhere.org"):
        with pytest.raises(Refused, match="forbidden"):
            wanted("<remove/>", to=to)
    with pytest.raises(Refused, match="bad-request"):
        wanted("<remove/>", namespace="urn:other")
    for content in ("<remove/>", fields("alice", "new")):
        with pytest.raises(Refused, match="not-allowed"):
            wanted(content, allowed=False)
    assert wanted("", type="get", allowed=False) == Show()


def test_answers_come_from_whom_was_asked() -> None:
    silent, loud = frame("<remove/>"), frame("<remove/>", to="example.org")
    assert parse(done(silent)).attrib == {"type": "result", "id": "r&1", "to": "alice@example.org/phone"}
    assert parse(done(loud)).get("from") == "example.org"
    assert parse(refusal(silent, "forbidden")).get("from") is None
    assert parse(refusal(loud, "forbidden")).get("from") == "example.org"


def test_what_is_on_file() -> None:
    [query] = parse(on_file(frame("", type="get")))
    assert [(c.tag, c.text) for c in query] == [
        (f"{{{NS}}}registered", None),
        (f"{{{NS}}}username", "alice"),
        (f"{{{NS}}}password", None),
    ]


def test_an_error_does_not_repeat_the_password() -> None:
    answer = refusal(frame(fields("bob", CANARY)), "forbidden", "not you")
    assert CANARY.encode() not in answer
    error = parse(answer)
    assert (error.get("type"), error.get("id")) == ("error", "r&1")
    assert error[0].get("type") == "auth" and error[0][0].tag.endswith("}forbidden")
