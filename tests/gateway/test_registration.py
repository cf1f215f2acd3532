"""In-band registration before authentication."""

from __future__ import annotations

import pytest
from natter.bus.memory import MemoryBus
from natter.gateway.auth import Credentials
from natter.gateway.ratelimit import Addresses
from natter.gateway.registration import Registration
from natter.proto.v1 import accounts_pb2
from natter.xmpp import element

NS = "jabber:iq:register"


class Accounts:
    """The accounts service as the gateway sees it."""

    def __init__(self, bus: MemoryBus) -> None:
        self.made: dict[str, str] = {}
        bus.respond("natter.rpc.accounts.register", self.register)

    async def register(self, payload: bytes) -> bytes:
        request = accounts_pb2.AccountRequest.FromString(payload)
        taken = request.username in self.made
        self.made.setdefault(request.username, request.password)
        return accounts_pb2.AccountReply(error="conflict" if taken else "").SerializeToString()


def registration(bus: MemoryBus, rate: Addresses | None = None) -> Registration:
    known = Credentials(bus, lambda: 0.0, seconds=2.0, accounts_max=4, wait_seconds_max=1.0)
    return Registration(bus, known, lambda: 0.0, 1.0, rate)


def request(inner: str) -> element.Element:
    return element.parse(f"<iq><query xmlns='{NS}'>{inner}</query></iq>".encode())[0]


ALICE = "<username>Alice</username><password>secret</password>"


async def test_the_form(memory: MemoryBus) -> None:
    answer = registration(memory).form()
    assert answer.query is not None
    assert [child.tag for child in answer.query] == [f"{{{NS}}}{n}" for n in ("instructions", "username", "password")]


async def test_an_account_is_made_once_under_its_prepared_name(memory: MemoryBus) -> None:
    accounts = Accounts(memory)
    assert (await registration(memory).register(request(ALICE), "a")).condition == ""
    assert accounts.made == {"alice": "secret"}
    assert (await registration(memory).register(request(ALICE), "a")).condition == "conflict"


async def test_by_data_form(memory: MemoryBus) -> None:
    accounts = Accounts(memory)
    form = (
        "<x xmlns='jabber:x:data' type='submit'><field var='FORM_TYPE'><value>jabber:iq:register</value></field>"
        "<field var='username'><value>bob</value></field><field var='password'><value>pw</value></field></x>"
    )
    assert (await registration(memory).register(request(form), "a")).condition == ""
    assert accounts.made == {"bob": "pw"}


@pytest.mark.parametrize(
    ("inner", "condition"),
    [
        ("", "not-acceptable"),
        ("<username>alice</username>", "not-acceptable"),
        ("<username>alice</username><password/>", "not-acceptable"),
        ("<username>a b</username><password>x</password>", "not-acceptable"),
        ("<username>a@b</username><password>x</password>", "not-acceptable"),
        (f"<username>alice</username><password>{'x' * 2000}</password>", "not-acceptable"),
        ("<remove/>", "not-allowed"),
        ("<remove/><username>alice</username>", "bad-request"),
    ],
)
async def test_what_is_refused(memory: MemoryBus, inner: str, condition: str) -> None:
    accounts = Accounts(memory)
    assert (await registration(memory).register(request(inner), "a")).condition == condition
    assert accounts.made == {}


async def test_a_bus_that_is_away(memory: MemoryBus) -> None:
    assert (await registration(memory).register(request(ALICE), "a")).condition == "internal-server-error"


async def test_the_rate_of_one_address(memory: MemoryBus) -> None:
    Accounts(memory)
    limited = registration(memory, Addresses(rate=0.1, burst=1.0, addresses_max=16))
    assert (await limited.register(request(ALICE), "a")).condition == ""
    assert (await limited.register(request(ALICE), "a")).condition == "policy-violation"
    assert (await limited.register(request(ALICE), "b")).condition == "conflict"
