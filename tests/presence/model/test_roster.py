"""The fold of a roster, and its versions."""

from __future__ import annotations

from natter.presence.model.events import Contact, ContactChanged, ContactRemoved
from natter.presence.model.roster import (
    EMPTY,
    KNOWN_CHANGES_MAX,
    Roster,
    changes_since,
    contact_of,
    evolve,
    subscribers,
    subscriptions,
    version_of,
    view,
)
from natter.presence.model.subscription import State


def folded(*events: ContactChanged | ContactRemoved) -> Roster:
    roster = EMPTY
    for version, event in enumerate(events, 1):
        roster = evolve(roster, event, version)
    return roster


def changed(jid: str, **fields: object) -> ContactChanged:
    return ContactChanged(Contact(jid, **fields))  # type: ignore[arg-type]


def test_items_come_change_and_go() -> None:
    roster = folded(changed("a@x"), changed("b@x"), changed("a@x", name="A"), ContactRemoved("b@x"))
    assert {jid: c.name for jid, c in roster.contacts.items()} == {"a@x": "A"}
    assert roster.version == 4
    assert changes_since(roster, 2) == ["a@x", "b@x"]
    assert changes_since(roster, 4) == []


def test_removing_what_is_not_there_is_no_event_for_clients() -> None:
    assert folded(ContactRemoved("a@x")) == EMPTY


def test_what_clients_cannot_see_makes_no_version() -> None:
    hidden = changed("a@x", state=State.NONE_IN, listed=False)
    assert folded(hidden).version == 0
    assert folded(hidden, ContactRemoved("a@x")).version == 0
    seen = folded(changed("a@x"), changed("a@x", state=State.NONE_IN, request=b"<presence/>"))
    assert seen.version == 1


def test_versions_that_were_never_given_are_not_known() -> None:
    roster = folded(changed("a@x"))
    assert changes_since(roster, 2) is None


def test_changes_are_known_up_to_a_bound() -> None:
    roster = folded(*(changed(f"{n}@x") for n in range(KNOWN_CHANGES_MAX + 5)))
    assert len(roster.changed_at) == KNOWN_CHANGES_MAX
    assert roster.known_since == 5
    assert changes_since(roster, 4) is None
    assert len(changes_since(roster, 5) or []) == KNOWN_CHANGES_MAX


def test_versions_rise_within_and_between_entries() -> None:
    assert version_of(1, 0) < version_of(1, 255) < version_of(2, 0)


def test_who_sees_whom() -> None:
    roster = folded(
        changed("to@x", state=State.TO_IN), changed("from@x", state=State.FROM_OUT), changed("both@x", state=State.BOTH)
    )
    assert subscribers(roster) == ["from@x", "both@x"]
    assert subscriptions(roster) == ["to@x", "both@x"]


def test_a_stranger_is_an_unlisted_contact() -> None:
    stranger = contact_of(EMPTY, "a@x")
    assert stranger == Contact("a@x", listed=False)
    assert view(stranger) is None
