"""XEP-0313: queries as clients write them, and the answers of its examples."""

from __future__ import annotations

import pytest
from natter.xmpp import ns
from natter.xmpp.element import E, Element, parse_document, render
from natter.xmpp.element import parse as stanza
from natter.xmpp.xeps import data_forms, mam, rsm


def query(*fields: tuple[str, str], inside: str = "", attributes: str = "") -> Element:
    form = "".join(f"<field var='{var}'><value>{value}</value></field>" for var, value in fields)
    x = (
        "<x xmlns='jabber:x:data' type='submit'>"
        f"<field var='FORM_TYPE' type='hidden'><value>urn:xmpp:mam:2</value></field>{form}</x>"
    )
    return parse_document(f"<query xmlns='urn:xmpp:mam:2'{attributes}>{x if fields else ''}{inside}</query>".encode())


def test_a_query_without_anything() -> None:
    assert mam.parse(query()) == mam.Query()


def test_all_filters() -> None:
    asked = mam.parse(
        query(
            ("with", "Juliet@capulet.lit"),
            ("start", "2010-06-07T00:00:00Z"),
            ("end", "2010-07-07T13:23:54Z"),
            ("before-id", "b"),
            ("after-id", "a"),
            ("ids", "i"),
            inside="<set xmlns='http://jabber.org/protocol/rsm'><max>10</max><before/></set><flip-page/>",
            attributes=" queryid='f27' node='n'",
        )
    )
    assert asked == mam.Query(
        queryid="f27",
        node="n",
        with_="juliet@capulet.lit",
        start_us=1_275_868_800_000_000,
        end_us=1_278_509_034_000_000,
        before_id="b",
        after_id="a",
        ids=("i",),
        page=rsm.Request(10, before=""),
        flip=True,
    )


def test_an_unknown_field_is_not_supported() -> None:
    with pytest.raises(mam.Unsupported):
        mam.parse(query(("{http://example.com/}free-text-search", "x")))


@pytest.mark.parametrize("value", ["true", "false", "1", "0"])
def test_groupchat_is_asked_of_users_only(value: str) -> None:
    # XEP-0313 §4.1.4 and §7: understood, whatever is wanted; a room has nothing else.
    asked = query(("include-groupchat", value))
    assert mam.parse(asked, of_user=True) == mam.Query()
    with pytest.raises(mam.Unsupported):
        mam.parse(asked)
    fields = [mam.form(of_user=of_user).findall(".//*[@var='include-groupchat']") for of_user in (True, False)]
    assert [len(found) for found in fields] == [1, 0]


def test_full_text_only_where_it_is_offered() -> None:
    asked = query((mam.FULLTEXT_FIELD, " wherefore "))
    assert mam.parse(asked, fulltext=True).text == "wherefore"
    with pytest.raises(mam.Unsupported):
        mam.parse(asked)


@pytest.mark.parametrize(
    "field", [("start", "yesterday"), ("end", ""), ("with", "@"), ("with", "")], ids=lambda field: field[0]
)
def test_what_cannot_be_read_is_an_error(field: tuple[str, str]) -> None:
    with pytest.raises(ValueError) as raised:
        mam.parse(query(field), of_user=True)
    assert not isinstance(raised.value, mam.Unsupported)


def test_another_form_and_too_many_ids_are_errors() -> None:
    other = query(("with", "a@b"))
    other[0][0][0].text = "urn:xmpp:mam:1"
    with pytest.raises(ValueError, match="form"):
        mam.parse(other)
    many = query(("ids", "0"))
    many[0][1].extend([E(f"{{{ns.DATA}}}value", None, str(n)) for n in range(mam.IDS_MAX)])
    with pytest.raises(ValueError, match="ids"):
        mam.parse(many)


def test_the_form_offers_what_is_understood() -> None:
    offered = data_forms.find(mam.form(fulltext=True))
    assert offered is not None and offered.form_type == mam.NS
    assert [field.var for field in offered.fields[1:]] == [
        *("with", "start", "end", "before-id", "after-id", "ids"),
        mam.FULLTEXT_FIELD,
    ]
    assert mam.form().find(".//{http://jabber.org/protocol/xdata-validate}open") is not None


def test_a_result() -> None:
    message = (
        b"<message from='romeo@montague.lit/orchard' to='juliet@capulet.lit/balcony'><body>Call me</body></message>"
    )
    written = mam.result(
        message,
        archive="juliet@capulet.lit",
        to="juliet@capulet.lit/chamber",
        id="28482",
        queryid="f27",
        stamp_us=1_278_803_305_000_000,
    )
    root = stanza(written)
    assert root.attrib == {"from": "juliet@capulet.lit", "to": "juliet@capulet.lit/chamber"}
    found = root[0]
    assert (found.tag, found.get("id"), found.get("queryid")) == ("{urn:xmpp:mam:2}result", "28482", "f27")
    assert found.find("{urn:xmpp:forward:0}forwarded/{jabber:client}message/{jabber:client}body") is not None
    unaddressed = mam.result(message, archive="a@b", to="", id="1", queryid="", stamp_us=0)
    assert unaddressed.startswith(b"<message from='a@b'><result xmlns='urn:xmpp:mam:2' id='1'>")


def test_the_end_of_an_answer() -> None:
    page = rsm.Result("a", "z")
    assert b'complete="true"' in render(mam.fin(page, complete=True))
    partial = mam.fin(page, complete=False, stable=False)
    assert partial.attrib == {"stable": "false"}
    assert partial.findtext(f"{{{ns.RSM}}}set/{{{ns.RSM}}}last") == "z"


def test_metadata() -> None:
    told = mam.metadata(("a", 1_220_000_000_000_000), ("z", 1_587_307_200_000_000))
    assert [(child.tag, child.get("id")) for child in told] == [
        ("{urn:xmpp:mam:2}start", "a"),
        ("{urn:xmpp:mam:2}end", "z"),
    ]
    assert told[1].get("timestamp") == "2020-04-19T14:40:00.000Z"
    assert len(mam.metadata(None, None)) == 0
