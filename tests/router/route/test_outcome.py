"""The outcomes without content."""

from __future__ import annotations

import re

from natter.router.route import outcome
from natter.router.route.outcome import Bounce, Drop
from natter.xmpp.errors import CONDITIONS

MADE_ONCE = [o for value in vars(outcome).values() if isinstance(value, tuple) for o in value]


def test_conditions_are_those_of_the_table() -> None:
    bounces = {o.condition for o in MADE_ONCE if isinstance(o, Bounce)}
    assert bounces and bounces <= CONDITIONS.keys()


def test_reasons_are_single_words() -> None:
    reasons = {o.reason for o in MADE_ONCE if isinstance(o, Drop)}
    assert reasons and all(re.fullmatch("[a-z-]+", reason) for reason in reasons)
