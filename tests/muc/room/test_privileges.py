"""Each verb by each role and affiliation, through the room itself: XEP-0045 §5.1.1 and §5.2.1 as one matrix."""

from __future__ import annotations

from collections.abc import Callable

import pytest

ROOM = "coven@chat.shakespeare.lit"

# Whoever acts: affiliation, then role. The room is moderated, persistent, semi-anonymous and open.
ACTORS = {
    "owner moderator": ("owner", "moderator"),
    "admin moderator": ("admin", "moderator"),
    "member moderator": ("member", "moderator"),
    "none moderator": ("none", "moderator"),
    "member participant": ("member", "participant"),
    "none participant": ("none", "participant"),
    "member visitor": ("member", "visitor"),
    "none visitor": ("none", "visitor"),
    "owner outside": ("owner", ""),
    "admin outside": ("admin", ""),
    "member outside": ("member", ""),
    "none outside": ("none", ""),
    "outcast outside": ("outcast", ""),
}


def message(type: str, inner: str, nick: str = "") -> str:
    return f"<message from='{{me}}' id='1' to='{ROOM}{nick}' type='{type}'>{inner}</message>"


def admin(inner: str, type: str = "set") -> str:
    return iq(f"<query xmlns='http://jabber.org/protocol/muc#admin'>{inner}</query>", type)


def iq(inner: str, type: str = "set") -> str:
    return f"<iq from='{{me}}' id='1' to='{ROOM}' type='{type}'>{inner}</iq>"


def presence(nick: str, inner: str = "", type: str = "") -> str:
    kind = f" type='{type}'" if type else ""
    return f"<presence from='{{me}}' id='1' to='{ROOM}/{nick}'{kind}>{inner}</presence>"


OWNER = "<query xmlns='http://jabber.org/protocol/muc#owner'>{}</query>"
REGISTER = (
    "<query xmlns='jabber:iq:register'><x xmlns='jabber:x:data' type='submit'>"
    "<field var='FORM_TYPE'><value>http://jabber.org/protocol/muc#register</value></field>"
    "<field var='muc#register_roomnick'><value>me</value></field></x></query>"
)
VOICE = (
    "<x xmlns='jabber:x:data' type='submit'><field var='FORM_TYPE'>"
    "<value>http://jabber.org/protocol/muc#request</value></field>"
    "<field var='muc#role'><value>participant</value></field></x>"
)
INVITE = "<x xmlns='http://jabber.org/protocol/muc#user'><invite to='new@shakespeare.lit'/></x>"

VERBS = {
    # XEP-0045 §5.1.1
    "enter": presence("other", "<x xmlns='http://jabber.org/protocol/muc'/>"),
    "message": message("groupchat", "<body>x</body>"),
    "private message": message("chat", "<body>x</body>", "/visitor"),
    "subject": message("groupchat", "<subject>x</subject>"),
    "availability": presence("me", "<show>xa</show>"),
    "nickname": presence("renamed"),
    "invite": message("normal", INVITE),
    "ask for voice": message("normal", VOICE),
    "kick participant": admin("<item nick='participant' role='none'/>"),
    "kick member": admin("<item nick='member' role='none'/>"),
    "kick moderator": admin("<item nick='moderator' role='none'/>"),
    "kick admin": admin("<item nick='admin' role='none'/>"),
    "kick owner": admin("<item nick='owner' role='none'/>"),
    "grant voice": admin("<item nick='visitor' role='participant'/>"),
    "revoke voice": admin("<item nick='participant' role='visitor'/>"),
    "revoke voice of admin": admin("<item nick='admin' role='visitor'/>"),
    "voice list": admin("<item role='participant'/>", "get"),
    # XEP-0045 §5.2.1
    "grant moderator": admin("<item nick='participant' role='moderator'/>"),
    "revoke moderator": admin("<item nick='moderator' role='participant'/>"),
    "revoke moderator of admin": admin("<item nick='admin' role='participant'/>"),
    "ban": admin("<item affiliation='outcast' jid='participant@d'/>"),
    "ban admin": admin("<item affiliation='outcast' jid='admin@d'/>"),
    "ban owner": admin("<item affiliation='outcast' jid='owner@d'/>"),
    "ban list": admin("<item affiliation='outcast'/>", "get"),
    "grant member": admin("<item affiliation='member' jid='participant@d'/>"),
    "revoke member": admin("<item affiliation='none' jid='member@d'/>"),
    "member list": admin("<item affiliation='member'/>", "get"),
    "grant admin": admin("<item affiliation='admin' jid='participant@d'/>"),
    "revoke admin": admin("<item affiliation='none' jid='admin@d'/>"),
    "admin list": admin("<item affiliation='admin'/>", "get"),
    "grant owner": admin("<item affiliation='owner' jid='participant@d'/>"),
    "revoke owner": admin("<item affiliation='none' jid='owner@d'/>"),
    "owner list": admin("<item affiliation='owner'/>", "get"),
    "read configuration": iq(OWNER.format(""), "get"),
    "configure": iq(OWNER.format("<x xmlns='jabber:x:data' type='submit'/>")),
    "destroy": iq(OWNER.format("<destroy/>")),
    "register": iq(REGISTER),
    "read archive": iq("<query xmlns='urn:xmpp:mam:2'/>"),
    "moderate": iq(
        "<moderate xmlns='urn:xmpp:message-moderate:1' id='{said}'>"
        "<retract xmlns='urn:xmpp:message-retract:1'/></moderate>"
    ),
}


def room(make: Callable[..., object], affiliation: str, role: str):
    """A room with somebody of each kind, and `me`."""
    stage = make()
    stage.instant("founder@d/r", "founder")
    stage.configure("founder@d/r", persistentroom="1")
    for name, what in (("owner", "owner"), ("admin", "admin"), ("member", "member")):
        stage.admin("founder@d/r", f"<item affiliation='{what}' jid='{name}@d'/>")
    for name in ("owner", "admin", "member", "moderator", "participant", "visitor"):
        stage.join(f"{name}@d/r", name)
    stage.admin("founder@d/r", "<item nick='moderator' role='moderator'/>")
    stage.configure("founder@d/r", moderatedroom="1")
    stage.admin("founder@d/r", "<item nick='visitor' role='visitor'/>")
    if affiliation != "none":
        stage.admin("founder@d/r", f"<item affiliation='{affiliation}' jid='me@d'/>")
    if role:
        stage.join("me@d/r", "me")
        if stage.room.occupant("me@d/r").role != role:
            stage.admin("founder@d/r", f"<item nick='me' role='{role}'/>")
        assert stage.room.occupant("me@d/r").role == role
    assert stage.room.affiliation("me@d") == affiliation
    return stage


def outcome(make: Callable[..., object], actor: str, verb: str) -> str:
    """ok, or the error that the actor gets."""
    stage = room(make, *ACTORS[actor])
    said = stage.say("founder@d/r", "x").by("founder@d/r")[0].find("{urn:xmpp:sid:0}stanza-id").get("id")
    heard = stage.send(VERBS[verb].replace("{me}", "me@d/r").replace("{said}", said))
    if heard.decision.question is not None:
        return "ok"
    mine = [s for s in heard.by("me@d/r") if s.get("type") in ("error", "unavailable")]
    if any(s.get("type") == "error" for s in mine):
        return heard.error("me@d/r")
    kicked = [s for s in mine if 333 in stage.codes(s)]
    return "not in" if kicked else "ok" if heard.stanzas else "nothing"


# One letter per actor, in the order above: moderators, others in the room, those outside.
LETTERS = {"o": "ok", "f": "forbidden", "n": "not-allowed", "a": "not-acceptable", "b": "bad-request", "-": "not in"}
MATRIX = {
    "enter": "oooo oooo oooof",
    "message": "oooo ooff aaaaa",
    "private message": "oooo oooo aaaaa",
    "subject": "oooo ffff aaaaa",
    "availability": "oooo oooo -----",
    "nickname": "oooo oooo -----",
    "invite": "oooo oooo aaaaa",
    "ask for voice": "bbbb bboo aaaaa",
    "kick participant": "oooo ffff oofff",
    "kick member": "ooon ffff oofff",
    "kick moderator": "oonn ffff oofff",
    "kick admin": "oonn ffff oofff",
    "kick owner": "onnn ffff onfff",
    "grant voice": "oooo ffff oofff",
    "revoke voice": "oooo ffff oofff",
    "revoke voice of admin": "nnnn ffff nnfff",
    "voice list": "oooo ffff oofff",
    "grant moderator": "ooff ffff oofff",
    "revoke moderator": "ooff ffff oofff",
    "revoke moderator of admin": "nnnn ffff nnfff",
    "ban": "ooff ffff oofff",
    "ban admin": "onff ffff onfff",
    "ban owner": "onff ffff onfff",
    "ban list": "ooff ffff oofff",
    "grant member": "ooff ffff oofff",
    "revoke member": "ooff ffff oofff",
    "member list": "ooff ffff oofff",
    "grant admin": "offf ffff offff",
    "revoke admin": "offf ffff offff",
    "admin list": "offf ffff offff",
    "grant owner": "offf ffff offff",
    "revoke owner": "offf ffff offff",
    "owner list": "offf ffff offff",
    "read configuration": "offf ffff offff",
    "configure": "offf ffff offff",
    "destroy": "offf ffff offff",
    "register": "oooo oooo oooon",
    "read archive": "oooo oooo oooof",
    "moderate": "oooo ffff aaaaa",
}


@pytest.mark.parametrize("verb", VERBS)
def test_each_verb_by_each_role_and_affiliation(stage, verb: str) -> None:
    expected = [LETTERS[letter] for letter in MATRIX[verb].replace(" ", "")]
    found = {actor: outcome(stage, actor, verb) for actor in ACTORS}
    assert found == dict(zip(ACTORS, expected, strict=True))


def test_the_matrix_is_whole() -> None:
    assert MATRIX.keys() == VERBS.keys()
