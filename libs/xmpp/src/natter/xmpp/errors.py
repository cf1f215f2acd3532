"""Stanza errors (RFC 6120 §8.3): the table of conditions, and the answers made from it."""

from __future__ import annotations

from typing import Final

from . import ns
from .element import E, Element, attr_escape, render, start_tag

# RFC 6120 §8.3.3: condition -> the error type it goes with unless the caller knows better.
CONDITIONS: Final[dict[str, str]] = {
    "bad-request": "modify",
    "conflict": "cancel",
    "feature-not-implemented": "cancel",
    "forbidden": "auth",
    "gone": "cancel",
    "internal-server-error": "cancel",
    "item-not-found": "cancel",
    "jid-malformed": "modify",
    "not-acceptable": "modify",
    "not-allowed": "cancel",
    "not-authorized": "auth",
    "policy-violation": "modify",
    "recipient-unavailable": "wait",
    "redirect": "modify",
    "registration-required": "auth",
    "remote-server-not-found": "cancel",
    "remote-server-timeout": "wait",
    "resource-constraint": "wait",
    "service-unavailable": "cancel",
    "subscription-required": "auth",
    "undefined-condition": "cancel",
    "unexpected-request": "wait",
}


def error_element(
    condition: str, *, type: str | None = None, text: str = "", by: str = "", application: Element | None = None
) -> Element:
    """The <error/> child for `condition` (a key of CONDITIONS; KeyError else)."""
    error = E("error", {"type": type or CONDITIONS[condition], "by": by or None}, E(f"{{{ns.STANZAS}}}{condition}"))
    if text:
        error.append(E(f"{{{ns.STANZAS}}}text", {"xml:lang": "en"}, text))
    # RFC 6120 §8.3.4: an application-specific condition comes last.
    if application is not None:
        error.append(application)
    return error


def error_reply(
    stanza: bytes,
    condition: str,
    *,
    sender: str | None,
    to: str,
    text: str = "",
    type: str | None = None,
    application: Element | None = None,
) -> bytes:
    """The answer to `stanza`: same kind and id, type='error', without the original payload.

    `sender` is who answers (None: no `from`), `to` who asked; `type` is the error's type where the table's default is
    not meant. Never call it for a stanza that is itself of type error (RFC 6120 §8.3.1).
    """
    name, attributes = start_tag(stanza)
    head = [b"<", name, b" type='error'"]
    # RFC 6120 §8.3.1: the 'id' of the answered stanza is kept, as it was written.
    if (quoted := attributes.get(b"id")) is not None:
        head += (b" id=", quoted)
    if sender is not None:
        head.append(f" from='{attr_escape(sender)}'".encode())
    if to:
        head.append(f" to='{attr_escape(to)}'".encode())
    error = render(error_element(condition, type=type, text=text, application=application))
    return b"%b>%b</%b>" % (b"".join(head), error, name)


def result_reply(id: str, to: str, sender: str | None, *children: Element) -> bytes:
    """The <iq type='result'/> for a request with `id` from `to`; `sender` None leaves `from` out."""
    head = f"<iq type='result' id='{attr_escape(id)}'"
    if sender is not None:
        head += f" from='{attr_escape(sender)}'"
    if to:
        head += f" to='{attr_escape(to)}'"
    if not children:
        return f"{head}/>".encode()
    return b"%b>%b</iq>" % (head.encode(), b"".join(map(render, children)))
