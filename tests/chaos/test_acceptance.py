"""What a sender may take for accepted: by echo, and by XEP-0198."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))
from acceptance import SM, Echo, Managed


def test_an_echo_accepts_what_was_sent_before_it() -> None:
    echo = Echo()
    echo.sent("<message/>", 1)
    assert "id='echo-1'" in echo.probe("a@x/n")
    echo.sent("<message/>", 2)
    assert echo.heard("<message id='echo-1' from='a@x/n'><body>echo 1</body></message>") == ([1], "")
    assert echo.heard("<message id='echo-1' from='a@x/n'><body>echo 1</body></message>") == ([], "")


def test_a_later_echo_accepts_what_an_earlier_one_asked_for() -> None:
    echo = Echo()
    for item in (1, 2):
        echo.sent("<message/>", item)
        echo.probe("a@x/n")
    assert echo.heard("<message id='echo-2'/>") == ([1, 2], "")


def test_after_a_break_nothing_is_known() -> None:
    echo = Echo()
    echo.sent("<message/>", 1)
    echo.probe("a@x/n")
    echo.broken()
    assert echo.heard("<message id='echo-1'/>") == ([], "")


def test_an_error_in_place_of_an_echo_accepts_nothing() -> None:
    echo = Echo()
    echo.sent("<message/>", 1)
    echo.probe("a@x/n")
    assert echo.heard("<message type='error' id='echo-1' from='a@x/n'><error type='cancel'/></message>") == ([], "")
    echo.probe("a@x/n")
    assert echo.heard("<message type='chat' id='echo-2' from='a@x/n'/>") == ([1], "")


def enabled() -> Managed:
    managed = Managed()
    managed.heard(f"<enabled xmlns='{SM}' id='q&amp;1' resume='true'/>")
    return managed


def test_stanzas_are_counted_from_enabled_on() -> None:
    managed = Managed()
    managed.heard("<iq type='result'/>")
    managed.heard(f"<enabled xmlns='{SM}'/>")
    managed.heard("<message/>")
    managed.heard("<presence/>")
    # XEP-0198 §4: the value of h is the number of stanzas handled.
    assert managed.heard(f"<r xmlns='{SM}'/>") == ([], f"<a xmlns='{SM}' h='2'/>")
    assert managed.resume() == ""


def test_an_acknowledgement_accepts_in_order() -> None:
    managed = enabled()
    for item in ("a", None, "b"):
        managed.sent("<message/>", item)
    assert managed.heard(f"<a xmlns='{SM}' h='2'/>") == (["a"], "")
    assert managed.heard(f"<a xmlns='{SM}' h='3'/>") == (["b"], "")


def test_an_acknowledgement_of_what_was_never_sent_is_a_mistake_of_the_server() -> None:
    with pytest.raises(AssertionError):
        enabled().heard(f"<a xmlns='{SM}' h='1'/>")


def test_h_wraps() -> None:
    managed = enabled()
    managed.acknowledged = (1 << 32) - 1
    managed.sent("<message/>", "a")
    managed.sent("<message/>", "b")
    # XEP-0198 §4: modulo 2^32.
    assert managed.heard(f"<a xmlns='{SM}' h='1'/>") == (["a", "b"], "")


def test_resumption_sends_again_what_was_not_acknowledged() -> None:
    managed = enabled()
    managed.heard("<message/>")
    managed.sent("<message id='1'/>", 1)
    managed.sent("<message id='2'/>", 2)
    managed.broken()
    assert managed.resume() == f"<resume xmlns='{SM}' previd='q&amp;1' h='1'/>"
    assert managed.resumed(f"<resumed xmlns='{SM}' previd='q' h='1'/>") == ([1], ["<message id='2'/>"])
    assert managed.heard(f"<a xmlns='{SM}' h='2'/>") == ([2], "")


def test_a_failed_resumption_may_acknowledge_and_starts_anew() -> None:
    managed = enabled()
    managed.sent("<message id='1'/>", 1)
    managed.sent("<message id='2'/>", 2)
    assert managed.failed(f"<failed xmlns='{SM}' h='1'><item-not-found/></failed>") == [1]
    assert (managed.resume(), managed.enabled, len(managed.unacknowledged)) == ("", False, 0)
