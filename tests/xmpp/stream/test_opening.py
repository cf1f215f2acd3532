"""What is wrong with a header, and which features follow a right one."""

from __future__ import annotations

from dataclasses import replace

import pytest
from lxml import etree
from natter.xmpp import ns
from natter.xmpp.stream import written
from natter.xmpp.stream.events import StreamOpened
from natter.xmpp.stream.opening import Config, features, wrong_header

CONFIG = Config("localhost", registration=True, features="<ver xmlns='urn:xmpp:features:rosterver'/>")
GOOD = StreamOpened(
    f"{{{ns.STREAM}}}stream", {"to": "localhost", "version": "1.0"}, None, {"": ns.CLIENT, "stream": ns.STREAM}
)


def offered(config: Config, *, secure: bool, authenticated: bool) -> list[str]:
    head = written.header(domain="localhost", id="i", lang="en")
    data = features(config, secure=secure, authenticated=authenticated)
    return [str(etree.QName(child).localname) for child in etree.fromstring(head + data + written.CLOSING)[0]]


def test_nothing_but_tls_before_tls() -> None:
    assert offered(CONFIG, secure=False, authenticated=False) == ["starttls", "limits"]
    assert offered(CONFIG, secure=True, authenticated=False) == ["mechanisms", "register", "limits"]
    assert offered(CONFIG, secure=True, authenticated=True) == ["bind", "session", "ver", "limits"]


def test_plaintext_where_it_is_allowed() -> None:
    config = replace(CONFIG, tls_required=False, registration=False)
    assert offered(config, secure=False, authenticated=False) == ["starttls", "mechanisms", "limits"]
    assert b"<required/>" not in features(config, secure=False, authenticated=False)
    assert b"<required/>" in features(CONFIG, secure=False, authenticated=False)
    without = replace(config, tls_available=False)
    assert offered(without, secure=False, authenticated=False) == ["mechanisms", "limits"]


@pytest.mark.parametrize("version", ["1.0", "1", "1.7", "2.0", "10.0"])
@pytest.mark.parametrize("to", ["localhost", "LocalHost", "localhost."])
def test_right_headers(version: str, to: str) -> None:
    assert wrong_header(replace(GOOD, attributes={"to": to, "version": version}), "localhost") == ""


@pytest.mark.parametrize(
    ("changes", "condition"),
    [
        ({"name": "stream"}, "invalid-namespace"),
        ({"name": "{jabber:client}stream"}, "invalid-namespace"),
        ({"name": f"{{{ns.STREAM}}}flow"}, "invalid-namespace"),
        ({"namespaces": {"": "jabber:server"}}, "invalid-namespace"),
        ({"namespaces": {}}, "invalid-namespace"),
        ({"attributes": {"to": "localhost"}}, "unsupported-version"),
        ({"attributes": {"to": "localhost", "version": "0.9"}}, "unsupported-version"),
        ({"attributes": {"to": "localhost", "version": "x"}}, "unsupported-version"),
        ({"attributes": {"to": "localhost", "version": "\u0661.0"}}, "unsupported-version"),
        ({"attributes": {"to": "localhost", "version": ""}}, "unsupported-version"),
        ({"attributes": {"version": "1.0"}}, "improper-addressing"),
        ({"attributes": {"to": "", "version": "1.0"}}, "host-unknown"),
        ({"attributes": {"to": "elsewhere", "version": "1.0"}}, "host-unknown"),
        ({"attributes": {"to": "a@localhost", "version": "1.0"}}, "host-unknown"),
    ],
)
def test_wrong_headers(changes: dict[str, object], condition: str) -> None:
    assert wrong_header(replace(GOOD, **changes), "localhost") == condition  # type: ignore[arg-type]
