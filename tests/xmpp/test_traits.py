"""Traits: names of children to bits."""

from __future__ import annotations

from natter.xmpp import ns
from natter.xmpp.traits import _TRAITS, Trait, traits_of


def test_nothing() -> None:
    assert traits_of(()) == 0
    assert traits_of(["{urn:unknown}x", "body", "{urn:x}body"]) == 0


def test_bits_add_up() -> None:
    children = ["{jabber:client}body", f"{{{ns.HINTS}}}no-copy", f"{{{ns.CHAT_STATES}}}active", "{jabber:client}body"]
    assert traits_of(children) == Trait.BODY | Trait.NO_COPY | Trait.CHAT_STATE


def test_a_join_is_no_invitation() -> None:
    assert traits_of([f"{{{ns.MUC}}}x"]) == Trait.MUC_JOIN
    assert traits_of([f"{{{ns.MUC_USER}}}x"]) == Trait.MUC_USER


def test_received_is_three_things() -> None:
    assert traits_of([f"{{{ns.RECEIPTS}}}received"]) == Trait.RECEIPT
    assert traits_of([f"{{{ns.CARBONS}}}received"]) == Trait.CARBON
    assert traits_of([f"{{{ns.MARKERS}}}received"]) == Trait.MARKER


def test_every_trait_has_a_name_that_sets_it() -> None:
    assert {Trait(value) for value in _TRAITS.values()} == set(Trait)
    # The bits cross the bus: they fit Frame.traits, and none is used twice.
    assert all(0 < trait < 1 << 32 for trait in Trait)
    assert len({int(trait) for trait in Trait}) == len(Trait)
