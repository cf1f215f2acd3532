"""What a stream may not contain, whatever its place in the negotiation, and the stream error that each calls for."""

from __future__ import annotations

from typing import Final

from .. import ns
from . import tags
from .events import STANZA_KINDS

_INVALID_TOKEN: Final = 4
# expat's codes. RFC 6120 §4.9.3.18: entity references and processing instructions; the rest is not well-formed.
_CONDITIONS: Final = {
    11: "restricted-xml",
    17: "restricted-xml",
    18: "unsupported-encoding",
    19: "unsupported-encoding",
}


class Refused(Exception):
    """The stream ends with this condition of RFC 6120 §4.9.3. Raised in the parser's handlers too."""

    def __init__(self, condition: str, text: str = "") -> None:
        super().__init__(condition)
        self.condition = condition
        self.text = text


def on_restricted(*_: object) -> None:
    """Handler of all that RFC 6120 §11.1 forbids."""
    raise Refused("restricted-xml")


def on_xml_declaration(version: str, encoding: str | None, standalone: int) -> None:
    """Handler of the XML declaration."""
    # RFC 6120 §11.6: UTF-8 only.
    if encoding is not None and encoding.upper() != "UTF-8":
        raise Refused("unsupported-encoding")
    # RFC 6120 §11.4: XML 1.0.
    if version != "1.0":
        raise Refused("not-well-formed", "XML version")


def condition_of(code: int, at: bytes) -> str:
    """The condition for an error of expat, by its code and up to four bytes from where it happened."""
    if code == _INVALID_TOKEN:
        try:
            at.decode()
        except UnicodeDecodeError as wrong:
            # RFC 6120 §4.9.3.22: what breaks the rules of UTF-8 is an encoding that is not supported.
            if wrong.start == 0:
                return "unsupported-encoding"
    return _CONDITIONS.get(code, "not-well-formed")


def check_foreign(name: str) -> None:
    """A child of the root that is no stanza, by its expanded name: may it be a nonza? Raises Refused."""
    namespace, _, local = name.rpartition("}")
    # RFC 6120 §4.9.3.24: no fourth kind of stanza.
    if namespace == ns.CLIENT:
        raise Refused("unsupported-stanza-type")
    # RFC 6120 §4.9.3.10
    if f"{ns.CLIENT}}}{local}" in STANZA_KINDS:
        raise Refused("invalid-namespace")


def check_prefixed(raw: bytes) -> None:
    """A stanza whose name has a prefix becomes one without: only where its default namespace is the stream's."""
    # RFC 6120 §4.9.3.2
    if any(name == b"xmlns" for name, _ in tags.start_tag(raw).attributes):
        raise Refused("bad-namespace-prefix")
