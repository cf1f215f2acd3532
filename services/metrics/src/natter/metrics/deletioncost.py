"""Which gateway goes first when Kubernetes takes one away: the emptiest. One elected process writes the pods' cost.

Gateways say with each renewal of their key how many sessions they have (`natter.bus.instances`); the name of a pod is
that of its instance.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field

from natter.bus.api import Bus, BusError
from natter.bus.instances import told
from natter.bus.lease import Leases
from natter.telemetry import names

log = logging.getLogger(__name__)

GATEWAY = "gateway"
LEASE = "scaling.0"
# A change of fewer sessions, and of a smaller share, is not worth a write.
CHANGE_SESSIONS_MIN = 10
CHANGE_SHARE_MIN = 0.1
# Kubernetes' bound: a cost is an int32.
COST_MAX = (1 << 31) - 1

Annotate = Callable[[str, int], Awaitable[None]]


def pod_of(incarnation: str) -> str:
    """The pod of a gateway's incarnation, <pod>-<8 hexadecimal digits>."""
    return incarnation.rpartition("-")[0]


def costs(counts: Mapping[str, bytes]) -> dict[str, int]:
    """Sessions by pod. Who says nothing, as gateways of older versions do, is left as it is."""
    return {pod_of(i): min(int(raw), COST_MAX) for i, raw in counts.items() if raw.isdigit()}


def changed(before: int | None, now: int) -> bool:
    """Whether to write. Empty or not is always worth it."""
    if before is None or (before == 0) is not (now == 0):
        return before != now
    return abs(now - before) >= max(CHANGE_SESSIONS_MIN, before * CHANGE_SHARE_MIN)


@dataclass(slots=True)
class Writer:
    """Tries to be the one who writes, and then does."""

    bus: Bus
    leases: Leases
    # Writes the cost of a pod. OSError and whatever the adapter turns into it: later again.
    annotate: Annotate
    seconds: float
    lease_seconds: float
    written: dict[str, int] = field(default_factory=dict)

    async def run(self) -> None:
        """Until cancelled."""
        await self.leases.start()
        loop = asyncio.get_running_loop()
        due = loop.time()
        while True:
            try:
                if await self._elected() and loop.time() >= due:
                    due = loop.time() + self.seconds
                    await self.write()
            except BusError as error:
                log.debug("pod costs: %r", error)
            await asyncio.sleep(min(self.seconds, self.lease_seconds / 3))

    async def write(self) -> None:
        """Look once, and write what has changed."""
        wanted = costs(await told(self.bus, GATEWAY))
        self.written = {pod: cost for pod, cost in self.written.items() if pod in wanted}
        for pod, cost in wanted.items():
            if not changed(self.written.get(pod), cost):
                continue
            try:
                await self.annotate(pod, cost)
            except OSError as error:
                names.POD_COST_FAILURES.add()
                log.warning(names.LOG_POD_COST_FAILED, extra={"pod": pod, "reason": str(error)})
                continue
            self.written[pod] = cost

    async def _elected(self) -> bool:
        if LEASE in self.leases.held:
            refreshed = await self.leases.refresh()
            if LEASE not in refreshed.lost:
                return True
            self.written.clear()
        return await self.leases.acquire(LEASE)
