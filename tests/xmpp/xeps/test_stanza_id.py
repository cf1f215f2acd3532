"""XEP-0359: ids that are ours, and forged ones that go."""

from __future__ import annotations

from natter.xmpp.xeps import stanza_id

BY = "juliet@capulet.lit"
PLAIN = b"<message from='romeo@montague.lit/orchard' type='chat'><body>Call me but love</body></message>"


def test_an_id_is_found_again() -> None:
    stamped = stanza_id.stamped(PLAIN, BY, "28482")
    assert stanza_id.find(stamped, BY) == "28482"
    assert stanza_id.find(stamped, "romeo@montague.lit") is None
    assert stamped.startswith(PLAIN[:-10])


def test_an_empty_message_is_opened_for_it() -> None:
    assert stanza_id.stamped(b"<message id='/>'/>", "o'neil@b", "1") == (
        b"<message id='/>'><stanza-id xmlns='urn:xmpp:sid:0' by='o&apos;neil@b' id='1'/></message>"
    )


def test_a_forged_id_is_removed_and_the_rest_stays() -> None:
    forged = b"".join(
        (
            b"<message>a<stanza-id xmlns='urn:xmpp:sid:0' by='juliet@capulet.lit' id='x'/>b<body>c</body>",
            b"<x:stanza-id xmlns:x='urn:xmpp:sid:0' by=' juliet@capulet.lit' id='y'/>d",
            b"<stanza-id xmlns='urn:xmpp:sid:0' by='room@muc' id='z'/></message>",
        )
    )
    cleaned = stanza_id.without(forged, BY)
    assert stanza_id.find(cleaned, BY) is None
    assert stanza_id.find(cleaned, "room@muc") == "z"
    assert cleaned.startswith(b"<message>ab<body>c</body>d")


def test_without_a_forged_one_nothing_changes() -> None:
    stamped = stanza_id.stamped(PLAIN, "room@muc", "z")
    assert stanza_id.without(stamped, BY) is stamped


def test_the_authors_own_id() -> None:
    said = PLAIN.replace(b"<body>", b"<origin-id xmlns='urn:xmpp:sid:0' id='de305d54'/><body>")
    assert stanza_id.origin(said) == "de305d54"
    assert stanza_id.origin(PLAIN) == ""
