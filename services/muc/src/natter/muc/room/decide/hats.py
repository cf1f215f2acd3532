"""Making hats, and giving them to people, by commands. XEP-0317 §3."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from natter.xmpp.element import Element, render
from natter.xmpp.jid import JIDError, bare_of, normalise
from natter.xmpp.xeps import data_forms, disco, hats
from natter.xmpp.xeps.data_forms import Field, Form

from ..answer import result
from ..events import Event, answered
from ..request import Decision, Limits, Refused, Request
from ..rights import leads
from ..state import Room

_PREFIX: Final = "urn:xmpp:hats:commands:"
# Each command, what it is called, and the fields that it asks for.
_COMMANDS: Final = {
    "create": ("Create or change a hat", ("title", "uri", "hue")),
    "destroy": ("Destroy a hat", ("uri",)),
    "list": ("List hats", ()),
    "assign": ("Give somebody a hat", ("jid", "uri")),
    "unassign": ("Take a hat away", ("jid", "uri")),
    "list-assigned": ("List who wears which hat", ()),
}
_LABELS: Final = {"title": "Hat Title", "uri": "Hat URI", "hue": "Hat Hue", "jid": "User Address"}
_BYTES_MAX: Final = {"title": 256, "uri": 1024, "hue": 32, "jid": 3071}
# Of one room, and of one person; resource-constraint.
HATS_MAX: Final = 50
WORN_MAX: Final = 8


def decide(room: Room, request: Request, limits: Limits) -> Decision:
    """An IQ set with a command."""
    element = request.element().find(hats.COMMAND)
    node = "" if element is None else element.get("node", "")
    name = node.removeprefix(_PREFIX)
    if element is None or not node.startswith(_PREFIX) or name not in _COMMANDS:
        # XEP-0050 §3.4: there is no such command.
        raise Refused("item-not-found")
    if name != "list" and not leads(room.affiliation(request.bare)):
        raise Refused("forbidden", "Admins and owners have to do with hats.")
    session = element.get("sessionid", "") or request.fresh[:12].hex()
    if element.get("action") == "cancel":
        return _answer(request, hats.command(node, "canceled", session))
    try:
        form = data_forms.find(element)
    except ValueError:
        raise Refused("bad-request") from None
    if name == "list":
        rows = [(h.title, h.uri, h.hue) for h in room.hats.values()]
        return _answer(request, hats.command(node, "completed", session, _list("Hats", ("title", "uri", "hue"), rows)))
    if name == "list-assigned":
        worn = [(jid, room.hats[uri]) for jid, uris in room.worn.items() for uri in uris]
        table = _list("Hats worn", ("jid", "uri", "title", "hue"), [(j, h.uri, h.title, h.hue) for j, h in worn])
        return _answer(request, hats.command(node, "completed", session, table))
    if form is None or form.kind != "submit":
        return _answer(request, hats.command(node, "executing", session, _form(room, name)))
    made = answered(request)
    _change(room, made, name, {field: _value(form, field) for field in _COMMANDS[name][1]})
    made.answer.payload = render(hats.command(node, "completed", session))
    return Decision((made,))


def commands(room: Room) -> list[disco.Item]:
    """What disco#items says of the room's commands (XEP-0050 §2.2)."""
    return [disco.Item(room.jid, _PREFIX + name, title) for name, (title, _) in _COMMANDS.items()]


def _answer(request: Request, command: Element) -> Decision:
    return Decision(outputs=(result(request, command),))


def _list(title: str, names: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> Form:
    return hats.listed(title, names, rows)


def _form(room: Room, name: str) -> Form:
    title, asked = _COMMANDS[name]
    fields = [data_forms.form_type(hats.FORM)]
    for field in asked:
        # A hat that exists is chosen from the list.
        choose = field == "uri" and name != "create"
        options = tuple((h.uri, h.title) for h in room.hats.values()) if choose else ()
        kind = "list-single" if choose else "jid-single" if field == "jid" else "text-single"
        required = field != "hue"
        fields.append(Field(f"hats#{field}", (), kind, _LABELS[field], required=required, options=options))  # type: ignore[arg-type]
    return Form("form", tuple(fields), title=title)


def _value(form: Form, field: str) -> str:
    value = form.value(f"hats#{field}").strip()
    if (not value and field != "hue") or len(value.encode()) > _BYTES_MAX[field]:
        raise Refused("bad-request", f"hats#{field} is missing or too long.")
    if field == "jid":
        try:
            value = bare_of(normalise(value))
        except JIDError:
            raise Refused("jid-malformed") from None
    return value


def _change(room: Room, made: Event, name: str, values: dict[str, str]) -> None:
    uri = values["uri"]
    if name == "create":
        if uri not in room.hats and len(room.hats) >= HATS_MAX:
            raise Refused("resource-constraint", f"A room has at most {HATS_MAX} hats.")
        made.hat_changed.uri, made.hat_changed.title, made.hat_changed.hue = uri, values["title"], values["hue"]
        return
    if uri not in room.hats:
        raise Refused("item-not-found", "There is no such hat.")
    if name == "destroy":
        made.hat_changed.uri, made.hat_changed.destroyed = uri, True
        return
    worn = room.worn.get(values["jid"], ())
    if name == "assign" and uri not in worn and len(worn) >= WORN_MAX:
        raise Refused("resource-constraint", f"Nobody wears more than {WORN_MAX} hats.")
    if name == "unassign" and uri not in worn:
        raise Refused("item-not-found", "They do not wear that hat.")
    made.hat_assigned.jid, made.hat_assigned.uri = values["jid"], uri
    made.hat_assigned.removed = name == "unassign"
