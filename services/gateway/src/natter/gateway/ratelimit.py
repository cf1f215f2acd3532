"""Token buckets: of one session (back-pressure) and of many addresses (refusal)."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass, field


@dataclass(slots=True)
class Bucket:
    """`burst` tokens at most, `rate` new ones per second. May go into debt: what has arrived has arrived."""

    rate: float
    burst: float
    tokens: float = -1.0
    at: float = -1.0

    def take(self, amount: float, now: float) -> float:
        """Spend `amount` and return the seconds until the debt is paid: 0.0 where there is none."""
        if self.at < 0.0:
            self.tokens = self.burst
        else:
            self.tokens = min(self.burst, self.tokens + max(0.0, now - self.at) * self.rate)
        self.at = now
        self.tokens -= amount
        return 0.0 if self.tokens >= 0.0 else -self.tokens / self.rate

    def spend(self, now: float) -> bool:
        """Spend one token; False, and nothing spent, where no whole one is left."""
        self.take(0.0, now)
        if self.tokens < 1.0:
            return False
        self.tokens -= 1.0
        return True


@dataclass(slots=True)
class Rate:
    """What one session may send: stanzas and bytes. Met by reading slower, never by an error."""

    stanzas: Bucket
    octets: Bucket

    def take(self, stanzas: int, octets: int, now: float) -> float:
        """Count what arrived and return how many seconds the socket should rest."""
        return max(self.stanzas.take(stanzas, now), self.octets.take(octets, now))


@dataclass(slots=True)
class Addresses:
    """One bucket per address. At `addresses_max` the one unseen for longest is forgotten."""

    rate: float
    burst: float
    addresses_max: int
    buckets: OrderedDict[str, Bucket] = field(default_factory=OrderedDict)

    def _bucket(self, address: str) -> Bucket:
        bucket = self.buckets.get(address)
        if bucket is None:
            if len(self.buckets) >= self.addresses_max:
                self.buckets.popitem(last=False)
            bucket = self.buckets[address] = Bucket(self.rate, self.burst)
        else:
            self.buckets.move_to_end(address)
        return bucket

    def allowed(self, address: str, now: float) -> bool:
        """Whether the address has a whole token left; nothing is spent."""
        bucket = self.buckets.get(address)
        if bucket is None:
            return True
        bucket.take(0.0, now)
        return bucket.tokens >= 1.0

    def spend(self, address: str, now: float) -> bool:
        """Spend one token; False, and nothing spent, where none is left."""
        if not self.allowed(address, now):
            return False
        self._bucket(address).take(1.0, now)
        return True
