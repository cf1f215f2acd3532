"""XEP-0115: Entity Capabilities.  A hash of disco#info in presence, and whether it tells the truth."""

from __future__ import annotations

import hashlib
from base64 import b64encode
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from .. import ns
from ..element import E, Element
from ..spec import Xep
from . import data_forms, disco

NS = ns.CAPS

XEP = Xep(115, "Entity Capabilities", version="1.6.0", status="partial", features=(NS,), note="passed through")

# XEP-0115 §5.1: names as the IANA registry of hash functions writes them.
_HASHES: Final = {"sha-1": "sha1", "sha-224": "sha224", "sha-256": "sha256", "sha-384": "sha384", "sha-512": "sha512"}


@dataclass(frozen=True, slots=True)
class Caps:
    """The <c/> of a presence."""

    node: str
    ver: str
    hash: str


def find(presence: Element) -> Caps | None:
    """The capabilities among the children of a presence; None without them, or in the legacy format without a hash."""
    c = presence.find(f"{{{NS}}}c")
    if c is None or c.get("hash") is None:
        return None
    return Caps(c.get("node", ""), c.get("ver", ""), c.get("hash", ""))


def element(caps: Caps) -> Element:
    """The <c/> element."""
    return E(f"{{{NS}}}c", {"hash": caps.hash, "node": caps.node, "ver": caps.ver})


def verification_string(info: disco.Info) -> str:
    """What is hashed (XEP-0115 §5.1). ValueError where `info` is ill-formed (§5.4) or could be read in two ways."""
    parts = [f"{i.category}/{i.type}/{i.lang}/{i.name}" for i in sorted(info.identities)]
    # XEP-0115 §5.4: twice the same identity or feature makes the whole answer ill-formed.
    _once(info.identities, "identity")
    _once(info.features, "feature")
    parts += sorted(info.features)
    forms = [form for form in info.forms if _form_type(form)]
    _once([form.form_type for form in forms], "FORM_TYPE")
    for form in sorted(forms, key=lambda f: f.form_type):
        parts.append(form.form_type)
        for field in sorted(form.fields, key=lambda f: f.var):
            if field.var != data_forms.FORM_TYPE:
                parts.append(field.var)
                parts += sorted(field.values)
    # The separator inside a part makes two different answers hash alike: such an answer proves nothing.
    if any("<" in part for part in parts):
        raise ValueError("a part contains the separator")
    return "".join(f"{part}<" for part in parts)


def _form_type(form: data_forms.Form) -> str:
    # XEP-0115 §5.4: a form without a hidden FORM_TYPE is left out; one with several different values is ill-formed.
    field = form.get(data_forms.FORM_TYPE)
    if field is None or field.kind != "hidden":
        return ""
    if len(set(field.values)) > 1:
        raise ValueError("several values of FORM_TYPE")
    return field.value


def _once(things: Iterable[object], what: str) -> None:
    things = list(things)
    if len(set(things)) != len(things):
        raise ValueError(f"{what} twice")


def ver(info: disco.Info, hash: str = "sha-1") -> str:
    """The `ver` of an entity with this disco#info. ValueError if ill-formed, KeyError for an unknown hash."""
    # XEP-0115 §5.1: base64 of the digest of the UTF-8 text.
    digest = hashlib.new(_HASHES[hash], verification_string(info).encode(), usedforsecurity=False).digest()
    return b64encode(digest).decode()


def verify(caps: Caps, info: disco.Info) -> bool:
    """Whether `info` is what `caps` promised; only then may it be cached for others (XEP-0115 §5.4)."""
    try:
        return ver(info, caps.hash) == caps.ver
    except (ValueError, KeyError):
        return False
