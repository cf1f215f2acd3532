"""XEP-0334: the four hints."""

from __future__ import annotations

from natter.xmpp.traits import Trait
from natter.xmpp.xeps import hints


def test_no_store_forbids_both_kinds_of_keeping() -> None:
    assert not hints.may_archive(Trait.NO_STORE | Trait.BODY)
    assert not hints.may_wait(Trait.NO_STORE | Trait.BODY)


def test_no_permanent_store_may_wait() -> None:
    assert not hints.may_archive(Trait.NO_PERMANENT_STORE)
    assert hints.may_wait(Trait.NO_PERMANENT_STORE)


def test_no_copy_is_for_full_jids() -> None:
    assert not hints.may_copy(Trait.NO_COPY, "juliet@capulet.lit/balcony")
    assert hints.may_copy(Trait.NO_COPY, "juliet@capulet.lit")
    assert hints.may_copy(Trait.BODY, "juliet@capulet.lit/balcony")
