"""What becomes of a JID or an address before it leaves the process: kept, replaced by a pseudonym, shortened, left out.

The same keyed hash names a user in spans and in ClickHouse rows, so that an operator who has the key can find one in
both (`natter pseudonym <jid>`), and nobody else can.
"""

from __future__ import annotations

import hmac
import os
import secrets
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

Policy = Literal["full", "pseudonym", "domain", "none"]

KEY_BYTES = 32


@dataclass(frozen=True, slots=True)
class Key:
    """The secret that pseudonyms are made with. Changing it unlinks what comes after from what was before."""

    secret: bytes
    # Stands beside every pseudonym that is stored: hashes of different epochs cannot be compared.
    epoch: int = 1

    def number(self, jid: str) -> int:
        """64 bits that stand for the bare JID of `jid`; 0 for no JID."""
        bare = jid.partition("/")[0]
        return int.from_bytes(hmac.digest(self.secret, bare.encode(), "sha256")[:8], "big") if bare else 0

    def text(self, identifier: str) -> str:
        """16 hexadecimal digits for `identifier`'s bare JID; "" for none."""
        return f"{self.number(identifier):016x}" if identifier else ""


def random_key() -> Key:
    """A key of this process alone: pseudonyms then link within it only."""
    return Key(secrets.token_bytes(KEY_BYTES), 0)


def parse_key(text: str) -> Key:
    """`text` is "<epoch>:<hexadecimal secret>" or just the secret. Raises ValueError."""
    epoch, colon, secret = text.strip().rpartition(":")
    key = Key(bytes.fromhex(secret), int(epoch) if colon else 1)
    if len(key.secret) < 16:
        raise ValueError("a pseudonym key has at least 16 bytes, 32 hexadecimal digits")
    return key


def load_key(configured: str, path: Path) -> Key:
    """The configured key; without one that of the file, which is made on first use and readable by its owner only."""
    if configured:
        return parse_key(configured)
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        draft = path.with_name(f"{path.name}.{os.getpid()}")
        with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
            file.write(f"1:{secrets.token_hex(KEY_BYTES)}\n")
        try:
            # A link fails where another process was first: its key wins, never half a file.
            path.hardlink_to(draft)
        except FileExistsError:
            pass
        finally:
            draft.unlink()
    return parse_key(path.read_text())


def identifier(value: str, policy: Policy, key: Key) -> str:
    """A JID as `policy` lets it be seen; "" where it may not be seen at all."""
    match policy:
        case "full":
            return value
        case "pseudonym":
            return key.text(value)
        case "domain":
            return value.partition("/")[0].rpartition("@")[2]
        case "none":
            return ""


def address(value: str, policy: Policy, key: Key) -> str:
    """A client's IP address likewise. It has no domain to shorten it to."""
    return "" if policy == "domain" else identifier(value, policy, key)
