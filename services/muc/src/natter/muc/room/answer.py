"""The result of an IQ that is answered without an event."""

from __future__ import annotations

from natter.xmpp.element import Element, attr_escape, render

from .request import IQ, Address, Output, Request


def result(request: Request, *children: Element) -> Output:
    """The <iq type='result'/> from the address that was asked, without `to`."""
    head = f"<iq from='{attr_escape(request.to)}' id='{attr_escape(request.id)}' type='result'"
    inner = b"".join(map(render, children))
    stanza = head.encode() + (b">" + inner + b"</iq>" if inner else b"/>")
    to = Address(request.sender, request.session)
    return Output(IQ, stanza, request.to, (to,), type="result", id=request.id)
