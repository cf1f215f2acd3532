"""One process writes what gateways cost; the emptiest is the cheapest."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import pytest
from natter.bus.api import Bus
from natter.bus.instances import Instances
from natter.bus.lease import Leases
from natter.metrics.deletioncost import Writer, changed, costs, pod_of

Eventually = Callable[..., Awaitable[None]]
LEASE_SECONDS = 0.5


class Api:
    """Kubernetes, as far as it is asked."""

    def __init__(self) -> None:
        self.costs: dict[str, int] = {}
        self.writes = 0
        self.away = False

    async def annotate(self, pod: str, cost: int) -> None:
        if self.away:
            raise OSError("503")
        self.writes += 1
        self.costs[pod] = cost


def writer(bus: Bus, name: str, api: Api) -> Writer:
    leases = Leases(bus, name, seconds=LEASE_SECONDS)
    return Writer(bus, leases, api.annotate, 0.02, LEASE_SECONDS)


def test_the_pod_is_the_incarnation_without_its_start() -> None:
    assert pod_of("natter-gateway-6f7c9-x2zkq-0badcafe") == "natter-gateway-6f7c9-x2zkq"
    assert costs({"a-1-00000000": b"12", "a-2-00000000": b"", "a-3-00000000": b"99999999999"}) == {
        "a-1": 12,
        "a-3": (1 << 31) - 1,
    }


@pytest.mark.parametrize(
    ("before", "now", "worth"),
    [(None, 0, True), (0, 0, False), (0, 1, True), (1, 0, True), (5, 9, False), (100, 109, False), (100, 111, True),
     (1000, 1050, False), (1000, 1101, True), (1000, 890, True)],
)  # fmt: skip
def test_only_what_is_worth_a_write(before: int | None, now: int, worth: bool) -> None:
    assert changed(before, now) is worth


async def test_one_of_two_writes_and_the_other_follows(bus: Bus, eventually: Eventually) -> None:
    sessions = {"gateway-1": 40, "gateway-2": 3}
    gateways = [
        Instances(bus, "gateway", f"{name}-0badcafe", seconds=0.5, tell=lambda name=name: str(sessions[name]).encode())
        for name in sessions
    ]
    for gateway in gateways:
        await gateway.start()
    apis = [Api(), Api()]
    writers = [writer(bus, f"metrics-{n}", api) for n, api in enumerate(apis)]
    running = [asyncio.create_task(w.run()) for w in writers]
    await eventually(lambda: any(api.costs == sessions for api in apis))
    assert sorted(api.writes for api in apis) == [0, 2]
    elected = 0 if apis[0].writes else 1
    # Nothing changes: nothing is written. Then somebody comes.
    sessions["gateway-2"] = 60
    await eventually(lambda: apis[elected].costs == sessions)
    assert apis[elected].writes == 3 and apis[1 - elected].writes == 0
    # The elected one dies, and the other one takes over when the lease has run out.
    running[elected].cancel()
    await eventually(lambda: apis[1 - elected].costs == sessions)
    for task in running:
        task.cancel()
    await asyncio.gather(*running, return_exceptions=True)
    for gateway in gateways:
        await gateway.stop()


async def test_what_kubernetes_does_not_take_is_tried_again(bus: Bus, eventually: Eventually) -> None:
    gateway = Instances(bus, "gateway", "gateway-1-0badcafe", tell=lambda: b"7")
    await gateway.start()
    api = Api()
    api.away = True
    one = writer(bus, "metrics-1", api)
    await one.write()
    assert one.written == {}
    api.away = False
    await one.write()
    assert api.costs == {"gateway-1": 7} == one.written
    await gateway.stop()
    await one.write()
    assert one.written == {}
