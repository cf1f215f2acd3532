"""Keys for users who do not exist, so that asking for them looks like asking for one who does.

The same user gets the same salt from every instance and after every restart: they are HMACs of a secret that the
service keeps in a bucket on the bus.
"""

from __future__ import annotations

import hmac
import secrets

from natter.bus.api import Bus, WrongRevision
from natter.bus.kv import Bucket, bucket_spec, ensure
from natter.proto.v1.accounts_pb2 import ScramKeys
from natter.xmpp.sasl.keys import HASHES

from .keys import MECHANISMS, SALT_BYTES

BUCKET = "secrets"
KEY = "accounts-fakes"
SECRET_BYTES = 32


def fake_keys(secret: bytes, username: str, iterations: int) -> list[ScramKeys]:
    """What `username` would have. No password leads to them: they are no password's keys."""
    found = []
    for mechanism in MECHANISMS:

        def part(label: str, mechanism: str = mechanism) -> bytes:
            return hmac.digest(secret, f"{label}\0{mechanism}\0{username}".encode(), "sha512")

        size = hmac.new(b"", b"", HASHES[mechanism]).digest_size
        found.append(
            ScramKeys(
                mechanism=mechanism,
                salt=part("salt")[:SALT_BYTES],
                iterations=iterations,
                stored_key=part("stored")[:size],
                server_key=part("server")[:size],
            )
        )
    return found


async def load_secret(bus: Bus, *, replicas: int = 1) -> bytes:
    """The secret of this system; whoever comes first makes it."""
    await ensure(bus, bucket_spec(BUCKET, replicas=replicas, bytes_max=1 << 20))
    bucket = Bucket(bus, BUCKET)
    value = await bucket.get(KEY)
    if value is None:
        secret = secrets.token_bytes(SECRET_BYTES)
        try:
            await bucket.create(KEY, secret)
            return secret
        except WrongRevision:
            value = await bucket.get(KEY)
    if value is None:
        raise RuntimeError("the accounts secret was deleted while it was read")
    return value.value
