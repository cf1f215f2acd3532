"""XEP-0128: facts in disco#info."""

from __future__ import annotations

from natter.xmpp.element import render
from natter.xmpp.xeps import data_forms, extended_disco

NS = "http://jabber.org/network/serverinfo"


def test_extension() -> None:
    form = extended_disco.extension(NS, {"admin-addresses": ["xmpp:a@b", "mailto:a@b"], "kind": ["test"]})
    assert render(data_forms.render(form)) == (
        b'<x xmlns="jabber:x:data" type="result">'
        b'<field var="FORM_TYPE" type="hidden"><value>http://jabber.org/network/serverinfo</value></field>'
        b'<field var="admin-addresses" type="text-multi"><value>xmpp:a@b</value><value>mailto:a@b</value></field>'
        b'<field var="kind"><value>test</value></field></x>'
    )


def test_facts() -> None:
    form = extended_disco.extension(NS, {"kind": ["test"]})
    assert extended_disco.facts((form,), NS) == {"kind": ("test",)}
    assert extended_disco.facts((form,), "urn:other") == {}
