"""XEP-0004: the examples of §5, and every rule of §3 about what a submission may say."""

from __future__ import annotations

import pytest
from natter.xmpp.element import parse as element
from natter.xmpp.xeps import data_forms
from natter.xmpp.xeps.data_forms import Field, Form, FormError, validate

BOT = b"""<iq><command xmlns='http://jabber.org/protocol/commands'>
<x xmlns='jabber:x:data' type='form'>
  <title>Bot Configuration</title>
  <instructions>Fill out this form to configure your new bot!</instructions>
  <field type='hidden' var='FORM_TYPE'><value>jabber:bot</value></field>
  <field type='fixed'><value>Section 1: Bot Info</value></field>
  <field type='text-single' label='The name of your bot' var='botname'/>
  <field type='text-multi' label='Helpful description of your bot' var='description'/>
  <field type='boolean' label='Public bot?' var='public'><required/></field>
  <field type='text-private' label='Password for special access' var='password'/>
  <field type='fixed'><value>Section 2: Features</value></field>
  <field type='list-multi' label='What features will the bot support?' var='features'>
    <option label='Contests'><value>contests</value></option>
    <option label='News'><value>news</value></option>
    <option label='Polls'><value>polls</value></option>
    <option label='Reminders'><value>reminders</value></option>
    <option label='Search'><value>search</value></option>
    <value>news</value><value>search</value>
  </field>
  <field type='fixed'><value>Section 3: Subscriber List</value></field>
  <field type='list-single' label='Maximum number of subscribers' var='maxsubs'>
    <value>20</value>
    <option label='10'><value>10</value></option>
    <option label='20'><value>20</value></option>
    <option label='None'><value>none</value></option>
  </field>
  <field type='fixed'><value>Section 4: Invitations</value></field>
  <field type='jid-multi' label='People to invite' var='invitelist'>
    <desc>Tell all your friends about your new bot!</desc>
  </field>
</x></command></iq>"""

SUBMIT = b"""<iq><command xmlns='http://jabber.org/protocol/commands'>
<x xmlns='jabber:x:data' type='submit'>
  <field type='hidden' var='FORM_TYPE'><value>jabber:bot</value></field>
  <field type='text-single' var='botname'><value>The Jabber Google Bot</value></field>
  <field type='text-multi' var='description'><value>This bot enables you to send requests to</value>
    <value>Google and receive the search results right</value></field>
  <field type='boolean' var='public'><value>0</value></field>
  <field type='text-private' var='password'><value>v3r0na</value></field>
  <field type='list-multi' var='features'><value>news</value><value>search</value></field>
  <field type='list-single' var='maxsubs'><value>20</value></field>
  <field type='jid-multi' var='invitelist'><value>juliet@Capulet.com</value><value>benvolio@montague.net</value>
    <value>JULIET@capulet.com</value></field>
</x></command></iq>"""


def form(stanza: bytes) -> Form:
    found = data_forms.find(element(stanza)[0])
    assert found is not None
    return found


def test_the_form_of_the_example() -> None:
    bot = form(BOT)
    assert (bot.kind, bot.title, bot.form_type) == ("form", "Bot Configuration", "jabber:bot")
    assert bot.instructions == ("Fill out this form to configure your new bot!",)
    features = bot.get("features")
    assert features is not None
    assert features.values == ("news", "search")
    assert features.options[0] == ("contests", "Contests")
    public, invite = bot.get("public"), bot.get("invitelist")
    assert public is not None and public.required
    assert invite is not None and invite.description == "Tell all your friends about your new bot!"
    assert bot.get("nothing") is None and bot.value("nothing", "x") == "x"


def test_render_is_the_inverse_of_parse() -> None:
    for stanza in (BOT, SUBMIT):
        assert data_forms.parse(data_forms.render(form(stanza))) == form(stanza)


def test_the_submission_of_the_example() -> None:
    values = validate(form(SUBMIT), form(BOT))
    assert values["botname"] == ("The Jabber Google Bot",)
    assert values["public"] == ("0",)
    # Duplicate JIDs are one.
    assert values["invitelist"] == ("juliet@capulet.com", "benvolio@montague.net")
    assert len(values["description"]) == 2
    assert "FORM_TYPE" not in values


def test_results_with_several_items() -> None:
    search = Form(
        "result",
        title="Joogle Search: verona",
        reported=(Field("name", kind="text-single"), Field("url")),
        items=((Field("name", ("Verona",)), Field("url", ("http://v/",))), (Field("name", ("x",)), Field("url"))),
    )
    rendered = data_forms.render(search)
    assert data_forms.parse(rendered) == search
    assert [child.tag.partition("}")[2] for child in rendered] == ["title", "reported", "item", "item"]


OFFERED = Form(
    "form",
    (
        data_forms.form_type("urn:test"),
        data_forms.boolean_field("b", True, "B"),
        Field("s", kind="text-single"),
        Field("plain"),
        Field("must", kind="text-single", required=True),
        Field("one", kind="list-single", options=(("a", "A"), ("b", ""))),
        Field("many", kind="list-multi", options=(("a", "A"), ("b", ""))),
        Field("j", kind="jid-single"),
        Field("js", kind="jid-multi"),
    ),
)
MUST = Field("must", ("x",))


@pytest.mark.parametrize(
    ("field", "values"),
    [
        (Field("b", ("true",)), ("1",)),
        (Field("b", ("false",)), ("0",)),
        (Field("b", ()), ()),
        (Field("s", ("",)), ("",)),
        (Field("plain", ("x",)), ("x",)),
        (Field("one", ("b",)), ("b",)),
        (Field("many", ("b", "a", "b")), ("b", "a")),
        (Field("many", ()), ()),
        (Field("j", ("Alice@Example.COM",)), ("alice@example.com",)),
        (Field("js", ("",)), ()),
    ],
)
def test_values_that_are_taken(field: Field, values: tuple[str, ...]) -> None:
    assert validate(Form("submit", (MUST, field)), OFFERED)[field.var] == values


@pytest.mark.parametrize(
    "fields",
    [
        (),
        (Field("must", ("",)),),
        (Field("must"),),
        (MUST, Field("b", ("yes",))),
        (MUST, Field("b", ("1", "0"))),
        (MUST, Field("s", ("a", "b"))),
        (MUST, Field("one", ("c",))),
        (MUST, Field("one", ("a", "b"))),
        (MUST, Field("many", ("a", "c"))),
        (MUST, Field("j", ("@",))),
        (MUST, Field("js", ("a@b", "@"))),
        (MUST, Field("FORM_TYPE", ("urn:other",))),
    ],
)
def test_values_that_are_not_taken(fields: tuple[Field, ...]) -> None:
    with pytest.raises(FormError):
        validate(Form("submit", fields), OFFERED)


def test_what_was_left_out_or_not_asked() -> None:
    assert validate(Form("submit", (MUST, Field("unknown", ("x",)))), OFFERED) == {"must": ("x",)}


def test_an_unknown_field_type_is_text() -> None:
    x = element(b"<iq><x xmlns='jabber:x:data' type='form'><field var='a' type='colour'/></x></iq>")
    assert data_forms.parse(x[0]).fields == (Field("a", kind="text-single"),)


def test_a_form_needs_its_type() -> None:
    for text in (b"<iq><x xmlns='jabber:x:data'/></iq>", b"<iq><x xmlns='jabber:x:data' type='poll'/></iq>"):
        with pytest.raises(ValueError):
            data_forms.find(element(text))
    assert data_forms.find(element(b"<iq/>")) is None


def test_booleans() -> None:
    assert [data_forms.boolean(t) for t in ("1", "true", "0", "false", "x")] == [True, True, False, False, False]
    assert data_forms.boolean("x", default=True)
