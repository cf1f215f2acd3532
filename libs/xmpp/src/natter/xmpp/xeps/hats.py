"""XEP-0317: Hats.  What people in a room are beside role and affiliation, and how hats are made and given."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from hashlib import sha1
from typing import Final

from ..element import E, Element, attr_escape
from ..spec import Xep
from . import data_forms
from .data_forms import Field, Form

NS: Final = "urn:xmpp:hats:0"
FORM: Final = "urn:xmpp:hats:commands"
# XEP-0050 §3: commands, by which hats are made and given.
COMMANDS: Final = "http://jabber.org/protocol/commands"
COMMAND: Final = f"{{{COMMANDS}}}command"

XEP = Xep(317, "Hats", version="0.3.1", status="complete", features=(NS,))


@dataclass(frozen=True, slots=True)
class Hat:
    """One hat. `hue` is an angle, or ""."""

    uri: str
    title: str
    hue: str = ""


def element(hats: Iterable[Hat]) -> bytes:
    """The <hats/> in a presence (XEP-0317 §3.1)."""
    inner = "".join(
        f"<hat title='{attr_escape(hat.title)}' uri='{attr_escape(hat.uri)}'"
        + (f" hue='{attr_escape(hat.hue)}'/>" if hat.hue else "/>")
        for hat in hats
    )
    return f"<hats xmlns='{NS}'>{inner}</hats>".encode()


def fingerprint(hats: Iterable[Hat]) -> str:
    """Tells one list of hats from another (XEP-0317 §2)."""
    lines = sorted(f"{hat.uri}\0{hat.title}\0{hat.hue}" for hat in hats)
    return sha1("\n".join(lines).encode(), usedforsecurity=False).hexdigest()


def command(node: str, status: str, session: str, form: Form | None = None) -> Element:
    """The <command/> of an answer (XEP-0050 §3)."""
    element = E(COMMAND, {"node": node, "sessionid": session, "status": status})
    if form is not None:
        element.append(data_forms.render(form))
    return element


def listed(title: str, names: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> Form:
    """A table of hats (XEP-0317 §3.4 and §3.7)."""
    columns = tuple(f"hats#{name}" for name in names)
    items = tuple(tuple(Field(var, (value,)) for var, value in zip(columns, row, strict=True)) for row in rows)
    return Form("result", title=title, reported=tuple(map(Field, columns)), items=items)
