"""XEP-0317: shapes."""

from __future__ import annotations

from natter.xmpp.element import parse, render
from natter.xmpp.xeps import data_forms, hats
from natter.xmpp.xeps.hats import Hat

HOST, PRESENTER = Hat("http://x#host", "Host", "327.255249"), Hat("http://x#presenter", "<Presenter>")


def test_hats_in_a_presence() -> None:
    element = parse(b"<presence>%b</presence>" % hats.element((HOST, PRESENTER)))[0]
    assert [dict(hat.attrib) for hat in element] == [
        {"title": "Host", "uri": "http://x#host", "hue": "327.255249"},
        {"title": "<Presenter>", "uri": "http://x#presenter"},
    ]


def test_a_list_has_a_fingerprint_whatever_its_order() -> None:
    assert hats.fingerprint((HOST, PRESENTER)) == hats.fingerprint((PRESENTER, HOST))
    assert hats.fingerprint((HOST,)) != hats.fingerprint((PRESENTER,))


def test_answers_of_commands() -> None:
    table = hats.listed("Hats", ("title", "uri"), [("Host", "http://x#host")])
    element = hats.command("urn:xmpp:hats:commands:list", "completed", "s1", table)
    assert (element.get("status"), element.get("sessionid")) == ("completed", "s1")
    form = data_forms.find(element)
    assert [f.var for f in form.reported] == ["hats#title", "hats#uri"]
    assert [[f.value for f in item] for item in form.items] == [["Host", "http://x#host"]]
    assert b"<x" not in render(hats.command("n", "canceled", "s"))
