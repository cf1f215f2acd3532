"""A directory made of a few people, and frames as a gateway makes them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from itertools import count
from typing import Any

import pytest
from natter.bus.directory import Session
from natter.proto.v1 import bus_pb2
from natter.proto.v1.bus_pb2 import Frame
from natter.router.pipeline import ANSWERS, ORDERS
from natter.router.route.view import Hosts
from natter.router.xeps import mam, offline
from natter.xmpp.element import attr_escape
from natter.xmpp.traits import Trait

KINDS = {"message": bus_pb2.KIND_MESSAGE, "presence": bus_pb2.KIND_PRESENCE, "iq": bus_pb2.KIND_IQ}
ALICE = "alice@example.com/phone"


class People:
    """A directory that tests fill by hand."""

    def __init__(self) -> None:
        self._bares: dict[str, dict[str, Session]] = {}
        self._numbers = count(1)

    def add(
        self,
        jid: str,
        *,
        available: bool = True,
        priority: int = 0,
        gateway: str = "g1",
        bound_us: int = 0,
        carbons: bool = False,
    ) -> Session:
        """A session under `jid`; its id is "s" and the resource."""
        bare, _, resource = jid.partition("/")
        session = Session(
            jid,
            bare,
            resource,
            f"s-{resource}",
            gateway,
            available,
            priority,
            bound_us,
            next(self._numbers),
            carbons=carbons,
        )
        self._bares.setdefault(bare, {})[resource] = session
        return session

    def get(self, full: str) -> Session | None:
        """As in Directory."""
        bare, _, resource = full.partition("/")
        return self._bares.get(bare, {}).get(resource)

    def sessions(self, bare: str) -> Mapping[str, Session]:
        """As in Directory."""
        return self._bares.get(bare, {})

    def by_session(self, session: str) -> Session | None:
        """As in Directory."""
        return next((s for of in self._bares.values() for s in of.values() if s.session == session), None)


class Frames:
    """Makes the frames that the gateway of ALICE puts into a lane."""

    def __call__(self, kind: str, to: str = "", type: str = "", *, inside: str = "", **fields: Any) -> Frame:
        """A frame of this kind; `inside` is the content of its stanza."""
        attributes = {"type": type, "to": to, "from": fields.get("sender", ALICE), "id": fields.get("id", "")}
        written = "".join(f" {name}='{attr_escape(value)}'" for name, value in attributes.items() if value)
        defaults: dict[str, Any] = {"sender": ALICE, "session": "s-phone", "accepted_us": 1_000, "inbound": 1}
        if kind == "message":
            defaults["traits"] = int(Trait.BODY)
        stanza = f"<{kind}{written}>{inside}</{kind}>".encode()
        return Frame(kind=KINDS[kind], type=type, to=to, stanza=stanza, **{**defaults, **fields})

    def query(self, payload: str, to: str = "", type: str = "get", **fields: Any) -> Frame:
        """An iq whose payload is the empty element `payload`, "{namespace}local"."""
        namespace, _, local = payload[1:].partition("}")
        node = f" node='{attr_escape(fields.pop('node'))}'" if "node" in fields else ""
        inside = f"<{local} xmlns='{namespace}'{node}/>"
        return self("iq", to, type, inside=inside, payload=payload, **{"id": "q1", **fields})


@pytest.fixture
def people() -> People:
    """Alice on her phone; nobody else yet."""
    made = People()
    made.add(ALICE)
    return made


@pytest.fixture
def frames() -> Frames:
    """The maker of frames."""
    return Frames()


@pytest.fixture
def hosts() -> Hosts:
    """We are example.com."""
    return Hosts("example.com", "conference.example.com", frozenset(ANSWERS), frozenset(ORDERS))


@pytest.fixture
def keeping(hosts: Hosts) -> Hosts:
    """Likewise, with archives and offline storage."""
    return replace(hosts, archive=True, offline=True, archive_requests=mam.REQUESTS | offline.REQUESTS)
