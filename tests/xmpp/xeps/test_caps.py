"""XEP-0115: the two examples of §5, and answers that lie."""

from __future__ import annotations

from dataclasses import replace

import pytest
from natter.xmpp.element import E
from natter.xmpp.element import parse as element
from natter.xmpp.xeps import caps, data_forms
from natter.xmpp.xeps.caps import Caps
from natter.xmpp.xeps.data_forms import Field, Form
from natter.xmpp.xeps.disco import Identity, Info

FEATURES = (
    "http://jabber.org/protocol/disco#info",
    "http://jabber.org/protocol/disco#items",
    "http://jabber.org/protocol/muc",
    "http://jabber.org/protocol/caps",
)
SIMPLE = Info((Identity("client", "pc", name="Exodus 0.9.1"),), FEATURES)
COMPLEX = Info(
    (Identity("client", "pc", "el", "Ψ 0.11"), Identity("client", "pc", "en", "Psi 0.11")),
    FEATURES,
    (
        Form(
            "result",
            (
                data_forms.form_type("urn:xmpp:dataforms:softwareinfo"),
                Field("ip_version", ("ipv4", "ipv6")),
                Field("os", ("Mac",)),
                Field("os_version", ("10.5.1",)),
                Field("software", ("Psi",)),
                Field("software_version", ("0.11",)),
            ),
        ),
    ),
)


def test_the_simple_example() -> None:
    assert caps.ver(SIMPLE) == "QgayPKawpkPSDYmwT/WM94uAlu0="


def test_the_complex_example() -> None:
    assert caps.ver(COMPLEX) == "q07IKJEyjvHSyhy//CH0CxmKi8w="
    assert caps.verify(Caps("http://psi-im.org", "q07IKJEyjvHSyhy//CH0CxmKi8w=", "sha-1"), COMPLEX)


def test_order_does_not_matter() -> None:
    turned = replace(COMPLEX, identities=COMPLEX.identities[::-1], features=COMPLEX.features[::-1])
    assert caps.ver(turned) == caps.ver(COMPLEX)


@pytest.mark.parametrize(
    "info",
    [
        replace(SIMPLE, identities=SIMPLE.identities * 2),
        replace(SIMPLE, features=(*FEATURES, FEATURES[0])),
        replace(SIMPLE, features=("a<b",)),
        replace(COMPLEX, forms=COMPLEX.forms * 2),
        replace(SIMPLE, forms=(Form("result", (Field("FORM_TYPE", ("a", "b"), "hidden"),)),)),
    ],
)
def test_ill_formed_answers_prove_nothing(info: Info) -> None:
    with pytest.raises(ValueError):
        caps.ver(info)
    assert not caps.verify(Caps("n", "QgayPKawpkPSDYmwT/WM94uAlu0=", "sha-1"), info)


def test_forms_that_do_not_count() -> None:
    shown = Form("result", (Field("FORM_TYPE", ("urn:x",), "text-single"), Field("a", ("1",))))
    unnamed = Form("result", (Field("a", ("1",)),))
    assert caps.ver(replace(SIMPLE, forms=(shown, unnamed))) == caps.ver(SIMPLE)


def test_a_lie_or_an_unknown_hash_is_not_believed() -> None:
    assert not caps.verify(Caps("n", "66/0NaeaBKkwk85efJTGmU47vXI=", "sha-1"), SIMPLE)
    assert not caps.verify(Caps("n", "QgayPKawpkPSDYmwT/WM94uAlu0=", "md2"), SIMPLE)
    assert caps.verify(Caps("n", caps.ver(SIMPLE, "sha-256"), "sha-256"), SIMPLE)


def test_find() -> None:
    told = Caps("http://code.google.com/p/exodus", "QgayPKawpkPSDYmwT/WM94uAlu0=", "sha-1")
    assert caps.find(E("presence", None, caps.element(told))) == told
    legacy = b"<presence><c xmlns='http://jabber.org/protocol/caps' node='n' ver='0.9'/></presence>"
    assert caps.find(element(legacy)) is None
    assert caps.find(E("presence")) is None
