"""A request that the router answers itself, and what it may know to do so."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

from natter.xmpp.element import Element


@dataclass(frozen=True, slots=True)
class Server:
    """Facts about the server that its answers tell. `os` "" is not told."""

    domain: str
    conference: str
    version: str
    started_us: int
    name: str = "natter"
    os: str = ""
    features: tuple[str, ...] = ()
    # Of every account.
    account_features: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Question:
    """`query` is the payload, `of_account` whether it is for the sender's own account and not for the server."""

    query: Element
    of_account: bool
    server: Server
    now_us: int


class Refused(Exception):
    """The answer is a stanza error; the argument is its condition (RFC 6120 §8.3.3)."""


AnswerTo: TypeAlias = Callable[[Question], tuple[Element, ...]]
