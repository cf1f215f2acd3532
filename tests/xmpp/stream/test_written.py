"""What the receiving entity writes is XML that says what it should."""

from __future__ import annotations

from lxml import etree
from natter.xmpp import ns
from natter.xmpp.element import Element
from natter.xmpp.stream import written


def inside(data: bytes) -> Element:
    head = written.header(domain="localhost", id="i", lang="en")
    return etree.fromstring(head + data + written.CLOSING)[0]


def test_header() -> None:
    data = written.header(domain="localhost", id="1'2", lang="en", to="a@b/'")
    root = etree.fromstring(data + written.CLOSING)
    assert root.tag == f"{{{ns.STREAM}}}stream"
    assert root.nsmap == {None: ns.CLIENT, "stream": ns.STREAM}
    assert (root.get("from"), root.get("to"), root.get("id"), root.get("version")) == (
        "localhost",
        "a@b/'",
        "1'2",
        "1.0",
    )
    assert root.get(f"{{{ns.XML}}}lang") == "en"
    assert b" to=" not in written.header(domain="localhost", id="i", lang="en")


def test_features() -> None:
    element = inside(
        written.features(
            written.starttls_feature(required=True),
            written.mechanisms_feature(["SCRAM-SHA-1", "PLAIN"]),
            written.register_feature(),
            written.limits_feature(100),
            written.bind_feature(),
        )
    )
    assert element.tag == f"{{{ns.STREAM}}}features"
    assert element.find(f"{{{ns.TLS}}}starttls/{{{ns.TLS}}}required") is not None
    assert [e.text for e in element.iter(f"{{{ns.SASL}}}mechanism")] == ["SCRAM-SHA-1", "PLAIN"]
    assert element.find(f"{{{ns.REGISTER_FEATURE}}}register") is not None
    assert element.findtext(f"{{{ns.STREAM_LIMITS}}}limits/{{{ns.STREAM_LIMITS}}}max-bytes") == "100"
    assert element.find(f"{{{ns.BIND}}}bind") is not None
    assert element.find(f"{{{ns.SESSION}}}session/{{{ns.SESSION}}}optional") is not None
    assert b"required" not in written.starttls_feature(required=False).encode()


def test_stream_error() -> None:
    element = inside(written.stream_error("policy-violation", "a < b"))
    assert element.tag == f"{{{ns.STREAM}}}error"
    assert element[0].tag == f"{{{ns.STREAMS}}}policy-violation"
    assert element.findtext(f"{{{ns.STREAMS}}}text") == "a < b"
    assert len(inside(written.stream_error("reset"))) == 1


def test_answers() -> None:
    result = inside(written.bind_result("'1", "a@b/'<"))
    assert (result.get("type"), result.get("id")) == ("result", "'1")
    assert result.findtext(f"{{{ns.BIND}}}bind/{{{ns.BIND}}}jid") == "a@b/'<"
    assert dict(inside(written.session_result("s")).attrib) == {"type": "result", "id": "s"}
    error = inside(written.iq_error("", "conflict"))
    assert dict(error.attrib) == {"type": "error"}
    assert error[0].get("type") == "cancel"
    assert error[0][0].tag == f"{{{ns.STANZAS}}}conflict"
    assert inside(written.PROCEED).tag == f"{{{ns.TLS}}}proceed"
    assert inside(written.TLS_FAILURE).tag == f"{{{ns.TLS}}}failure"
