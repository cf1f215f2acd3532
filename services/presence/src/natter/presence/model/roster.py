"""A roster as it stands: the fold of its journal."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import assert_never

from .events import Contact, ContactChanged, ContactRemoved, RosterEvent, RosterForgotten

# Changes told apart for roster versioning, removals included. A client that has missed more gets the whole roster.
KNOWN_CHANGES_MAX = 1024
# Events of one journal entry: the low byte of a version.
BATCH_EVENTS_MAX = 256


NEVER = RosterForgotten()


@dataclass(frozen=True, slots=True)
class Roster:
    """Everything a decision may look at. Versions are those of XEP-0237, see `version_of`."""

    contacts: Mapping[str, Contact] = field(default_factory=dict)
    # The newest change that clients see.
    version: int = 0
    # Per contact still known, removed ones too: the version of its last visible change, oldest first.
    changed_at: Mapping[str, int] = field(default_factory=dict)
    # Changes up to this version are no longer known one by one.
    known_since: int = 0
    # The last removal of the account: nothing here is older.
    forgotten: RosterForgotten = NEVER


EMPTY = Roster()


def version_of(revision: int, index: int) -> int:
    """The version that the event at `index` of the journal entry at `revision` makes.

    Rising and never used twice, also when a journal was forgotten and begun again: revisions are the js_stream's.
    """
    return revision * BATCH_EVENTS_MAX + index


def evolve(roster: Roster, event: RosterEvent, version: int) -> Roster:
    """The roster after one event. Total: an event in the journal is never refused."""
    if isinstance(event, RosterForgotten):
        if event.removal == roster.forgotten.removal:
            return replace(roster, forgotten=event)
        # XEP-0237 §2.3: whatever version a client has, it gets the whole roster.
        return Roster(version=version, known_since=version, forgotten=event)
    contacts = dict(roster.contacts)
    match event:
        case ContactChanged(contact=contact):
            before = contacts.get(contact.jid)
            contacts[contact.jid] = contact
            jid, seen = contact.jid, view(before) != view(contact)
        case ContactRemoved(jid=jid):
            before = contacts.pop(jid, None)
            seen = view(before) is not None
        case _:
            assert_never(event)
    # XEP-0237 §2.3: what clients cannot see makes no new version.
    if not seen:
        return replace(roster, contacts=contacts)
    changed_at = dict(roster.changed_at)
    changed_at.pop(jid, None)
    changed_at[jid] = version
    known_since = roster.known_since
    if len(changed_at) > KNOWN_CHANGES_MAX:
        known_since = changed_at.pop(next(iter(changed_at)))
    return Roster(contacts, version, changed_at, known_since, roster.forgotten)


def view(contact: Contact | None) -> tuple[object, ...] | None:
    """What a client sees of the item: two equal views need no push. None: nothing."""
    if contact is None or not contact.listed:
        return None
    state = contact.state
    return (contact.name, contact.groups, state.subscription, state.pending_out, contact.approved)


def contact_of(roster: Roster, jid: str) -> Contact:
    """The item, or what a contact in no roster is like."""
    return roster.contacts.get(jid) or Contact(jid, listed=False)


def changes_since(roster: Roster, version: int) -> list[str] | None:
    """Contacts that changed for clients after `version`, oldest change first; None where that is not known."""
    if not roster.known_since <= version <= roster.version:
        return None
    return [jid for jid, at in roster.changed_at.items() if at > version]


def subscribers(roster: Roster) -> list[str]:
    """Contacts that see the user's presence."""
    return [jid for jid, contact in roster.contacts.items() if contact.state.from_]


def subscriptions(roster: Roster) -> list[str]:
    """Contacts whose presence the user sees."""
    return [jid for jid, contact in roster.contacts.items() if contact.state.to]
