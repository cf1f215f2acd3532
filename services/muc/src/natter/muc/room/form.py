"""The configuration form: what is offered and what a submission makes of the configuration. XEP-0045 §16.5.3."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any, Final

from natter.xmpp import ns
from natter.xmpp.jid import bare_of, local_of
from natter.xmpp.xeps.data_forms import Field, Form, FormError, boolean, boolean_field, form_type, validate
from natter.xmpp.xeps.muc import Affiliation, Item

from .request import Limits, Refused
from .state import HISTORY_STANZAS_MAX, Config, Room

_PREFIX: Final = "muc#roomconfig_"
_VOICE_SECONDS_MAX: Final = 86_400
_PEOPLE_MAX: Final = 100

# Texts: the attribute, the field, its label, and its bytes at most.
_TEXTS: Final = (
    ("name", _PREFIX + "roomname", "Natural-Language Room Name", 256),
    ("description", _PREFIX + "roomdesc", "Short Description of Room", 4096),
    ("lang", _PREFIX + "lang", "Natural Language for Room Discussions", 64),
    ("pubsub", _PREFIX + "pubsub", "XMPP URI of Associated Publish-Subscribe Node", 1024),
)
# Yes or no: the attribute, the field, its label, and whether the field says the opposite of the attribute.
_FLAGS: Final = (
    ("persistent", _PREFIX + "persistentroom", "Make Room Persistent?", False),
    ("public", _PREFIX + "publicroom", "Make Room Publicly Searchable?", False),
    ("occupants_hidden", "public_list", "Tell Others Who Is in the Room?", True),
    ("moderated", _PREFIX + "moderatedroom", "Make Room Moderated?", False),
    ("voiced_by_default", "members_by_default", "Let Newcomers Speak in a Moderated Room?", False),
    ("members_only", _PREFIX + "membersonly", "Make Room Members-Only?", False),
    ("members_invite", _PREFIX + "allowinvites", "Allow Members to Invite Others?", False),
    ("occupants_change_subject", _PREFIX + "changesubject", "Let Occupants Change Subject?", False),
    ("visitors_keep_status", "allow_visitor_status", "Let Visitors Say a Status?", True),
    ("visitors_keep_nick", "allow_visitor_nickchange", "Let Visitors Change Their Nickname?", True),
    ("voice_requests_refused", "allow_voice_requests", "Let Visitors Ask for Voice?", True),
    ("queries_refused", "allow_query_users", "Let Occupants Query Each Other?", True),
    ("nicks_locked", "{urn:natter:muc}nicks_locked", "Hold Members to Their Registered Nickname?", False),
    ("unarchived", _PREFIX + "enablearchiving", "Keep an Archive for Whoever May Enter?", True),
)
_ROLES: Final = (("moderator", "Moderator"), ("participant", "Participant"), ("visitor", "Visitor"))
_WHOIS: Final = (("moderators", "Moderators Only"), ("anyone", "Anyone"))
# COMPAT(profanity 0.13): it dies of an option with an empty value.
_DEFAULT: Final = "default"
_REGISTRATION: Final = (
    (_DEFAULT, "Open, by Approval Where Moderated or Members-Only"),
    ("open", "Open"),
    ("approval", "By Approval"),
    ("closed", "Closed"),
)
# muc#roomconfig_allowpm, and the least role it means.
_PRIVATE: Final = {"anyone": "visitor", "participants": "participant", "moderators": "moderator", "none": "nobody"}
_PRIVATE_BACK: Final = {role: option for option, role in _PRIVATE.items()}
_PRIVATE_OPTIONS: Final = (
    ("anyone", "Anyone"),
    ("participants", "Anyone with Voice"),
    ("moderators", "Moderators Only"),
    ("none", "Nobody"),
)
# The same under two names: XEP-0045's, and that of clients of Prosody.
_HISTORY: Final = ("muc#maxhistoryfetch", _PREFIX + "historylength")
_OCCUPANTS: Final = (10, 20, 30, 50, 100, 200, 500, 1000)
_NO_LIMIT: Final = "none"


def offered(room: Room, limits: Limits) -> Form:
    """The form with the present configuration."""
    config = room.config
    return Form(
        "form",
        (
            form_type(ns.MUC_ROOMCONFIG),
            *(Field(var, (getattr(config, name),), "text-single", label) for name, var, label, _ in _TEXTS),
            *(boolean_field(var, getattr(config, name) != turned, label) for name, var, label, turned in _FLAGS),
            boolean_field(_PREFIX + "passwordprotectedroom", bool(config.password), "Password Required to Enter?"),
            Field(_PREFIX + "roomsecret", (config.password,), "text-private", "Password"),
            _choice(_PREFIX + "whois", "anyone" if config.jids_public else "moderators", _WHOIS, "Who Sees Real JIDs?"),
            _occupants(config, limits),
            _choice(
                _PREFIX + "allowpm",
                _PRIVATE_BACK.get(config.private_messages, "anyone"),
                _PRIVATE_OPTIONS,
                "Who Can Send Private Messages?",
            ),
            _roles("presencebroadcast", _others(config.silent_roles), "Roles for which Presence is Broadcasted"),
            _roles("getmemberlist", config.member_list_roles, "Roles that May Retrieve the Member List"),
            _choice(
                "{urn:natter:muc}registration", config.registration or _DEFAULT, _REGISTRATION, "Who May Register?"
            ),
            Field(
                "voice_request_min_interval",
                (str(config.voice_request_seconds),),
                "text-single",
                "Seconds between Two Requests for Voice",
            ),
            *(_count(var, config.history_stanzas_max, "Maximum Number of History Messages") for var in _HISTORY),
            _count(
                _PREFIX + "defaulthistorymessages",
                max(0, config.history_stanzas_max - config.history_stanzas_held_back),
                "History Messages for Who Does Not Ask",
            ),
            _people(room, "roomadmins", Affiliation.ADMIN, "Room Admins"),
            _people(room, "roomowners", Affiliation.OWNER, "Room Owners"),
        ),
        title=f"Configuration for {local_of(room.jid)}",
        instructions=("Complete this form to set up the room.",),
    )


def _count(var: str, value: int, label: str) -> Field:
    return Field(var, (str(value),), "text-single", label)


def _choice(var: str, value: str, options: tuple[tuple[str, str], ...], label: str) -> Field:
    return Field(var, (value,), "list-single", label, options=options)


def _roles(name: str, values: Iterable[str], label: str) -> Field:
    return Field(_PREFIX + name, tuple(values), "list-multi", label, options=_ROLES)


def _others(roles: Iterable[str]) -> tuple[str, ...]:
    """The roles that are not among these."""
    return tuple(role for role, _ in _ROLES if role not in roles)


def _people(room: Room, name: str, wanted: Affiliation, label: str) -> Field:
    return Field(_PREFIX + name, tuple(_having(room, wanted)), "jid-multi", label)


def _having(room: Room, wanted: Affiliation) -> list[str]:
    return [jid for jid, a in room.affiliations.items() if a.affiliation is wanted]


def _occupants(config: Config, limits: Limits) -> Field:
    now = str(min(config.occupants_max, limits.occupants_max)) if config.occupants_max else _NO_LIMIT
    sizes = sorted({size for size in _OCCUPANTS if size <= limits.occupants_max} | {limits.occupants_max})
    if now != _NO_LIMIT:
        sizes = sorted({*sizes, int(now)})
    options = (*((str(size), str(size)) for size in sizes), (_NO_LIMIT, f"None ({limits.occupants_max})"))
    return Field(_PREFIX + "maxusers", (now,), "list-single", "Maximum Number of Occupants", options=options)


def submitted(room: Room, form: Form, limits: Limits) -> tuple[Config, list[Item]]:
    """The configuration after a submission, and the affiliations that it changes.

    Raises Refused where it breaks a rule (XEP-0045 §10.1.3).
    """
    try:
        values = validate(form, offered(room, limits))
    except FormError as error:
        raise Refused("not-acceptable", str(error)) from None
    before = room.config
    if boolean(form.value(_PREFIX + "enablelogging")):
        # It is not among the fields: what can be read later is the archive.
        raise Refused("not-acceptable", "This service publishes no logs.")
    changes: dict[str, Any] = {
        name: _text(values, var, getattr(before, name), bytes_max) for name, var, _, bytes_max in _TEXTS
    }
    for name, var, _, turned in _FLAGS:
        changes[name] = _flag(values, var, getattr(before, name) != turned) != turned
    if _PREFIX + "presencebroadcast" in values:
        changes["silent_roles"] = _others(values[_PREFIX + "presencebroadcast"])
    if _PREFIX + "getmemberlist" in values:
        changes["member_list_roles"] = tuple(r for r, _ in _ROLES if r in values[_PREFIX + "getmemberlist"])
    maximum = _one(values, _PREFIX + "maxusers", str(before.occupants_max))
    most, held_back = _history(values, before)
    config = replace(
        before,
        password=_password(values, before.password, limits),
        jids_public=_one(values, _PREFIX + "whois", "anyone" if before.jids_public else "moderators") == "anyone",
        occupants_max=0 if maximum == _NO_LIMIT else int(maximum),
        history_stanzas_max=most,
        history_stanzas_held_back=held_back,
        voice_request_seconds=_number(
            values, "voice_request_min_interval", before.voice_request_seconds, _VOICE_SECONDS_MAX
        ),
        private_messages=_PRIVATE.get(_one(values, _PREFIX + "allowpm", ""), before.private_messages),
        registration=_one(values, "{urn:natter:muc}registration", before.registration).replace(_DEFAULT, ""),
        **changes,
    )
    return config, _affiliations(room, config, values)


def _affiliations(room: Room, config: Config, values: Mapping[str, tuple[str, ...]]) -> list[Item]:
    """What the full lists of owners and admins change. New ones come first: a room keeps an owner throughout."""
    dropped = Affiliation.MEMBER if config.members_only else Affiliation.NONE
    wanted: dict[str, Affiliation] = {}
    for name, affiliation in (("roomadmins", Affiliation.ADMIN), ("roomowners", Affiliation.OWNER)):
        given = values.get(_PREFIX + name)
        if given is None:
            continue
        if len(given) > _PEOPLE_MAX:
            raise Refused("not-acceptable", f"{name} has at most {_PEOPLE_MAX} entries.")
        if not all("@" in jid for jid in given):
            raise Refused("not-acceptable", f"{name} are users.")
        jids = {bare_of(jid) for jid in given}
        for jid in _having(room, affiliation):
            if jid not in jids:
                wanted.setdefault(jid, dropped)
        wanted |= dict.fromkeys(jids, affiliation)
    changed = {jid: a for jid, a in wanted.items() if room.affiliation(jid) is not a}
    order = sorted(changed, key=lambda jid: changed[jid] is not Affiliation.OWNER)
    return [Item(affiliation=changed[jid], jid=jid) for jid in order]


def _one(values: Mapping[str, tuple[str, ...]], var: str, default: str) -> str:
    given = values.get(var)
    return given[0] if given else default


def _flag(values: Mapping[str, tuple[str, ...]], var: str, default: bool) -> bool:
    return _one(values, var, "1" if default else "0") == "1"


def _text(values: Mapping[str, tuple[str, ...]], var: str, default: str, bytes_max: int) -> str:
    given = values.get(var)
    text = default if given is None else "".join(given)
    if len(text.encode()) > bytes_max:
        raise Refused("not-acceptable", f"{var} has at most {bytes_max} bytes.")
    return text


def _password(values: Mapping[str, tuple[str, ...]], before: str, limits: Limits) -> str:
    password = _text(values, _PREFIX + "roomsecret", before, limits.password_bytes_max)
    if not _flag(values, _PREFIX + "passwordprotectedroom", bool(before)):
        return ""
    # XEP-0045 §10.1.3: a password-protected room with a blank password is unacceptable.
    if not password:
        raise Refused("not-acceptable", "A password-protected room needs a password.")
    return password


def _history(values: Mapping[str, tuple[str, ...]], before: Config) -> tuple[int, int]:
    """How many messages newcomers may have at most, and how many of them only if they ask."""
    most = before.history_stanzas_max
    # A form comes back with both names: the one counts that was changed.
    given = [_number(values, var, most, HISTORY_STANZAS_MAX) for var in _HISTORY]
    new = next((number for number in given if number != most), most)
    held_back = min(new, before.history_stanzas_held_back)
    default = _number(values, _PREFIX + "defaulthistorymessages", max(0, most - before.history_stanzas_held_back), new)
    if default != max(0, most - before.history_stanzas_held_back):
        held_back = max(0, new - default)
    return new, held_back


def _number(values: Mapping[str, tuple[str, ...]], var: str, before: int, most: int) -> int:
    text = _one(values, var, "").strip()
    if not text:
        return before
    if not (text.isascii() and text.isdigit() and len(text) <= 6):
        raise Refused("not-acceptable", f"{var} is a number.")
    return min(int(text), most)
