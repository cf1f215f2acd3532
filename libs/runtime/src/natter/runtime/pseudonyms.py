"""`natter pseudonym`: under which hash somebody stands in spans and in ClickHouse, for who has the key."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from pathlib import Path

from natter.telemetry.identifiers import KEY_BYTES, Key, parse_key
from natter.telemetry.setup import KEY_FILE

from .sections import TelemetrySection
from .users import CommandFailed


@dataclass(frozen=True, slots=True)
class Pseudonym:
    """One JID under one key: as spans have it, as ClickHouse has it, and of which epoch."""

    text: str
    number: int
    epoch: int


def key_of(given: str, settings: TelemetrySection, data: Path) -> Key:
    """The key that was given, the configured one, or that of the data folder. Never a new one."""
    configured = given or settings.pseudonym_key.get_secret_value()
    path = data / KEY_FILE
    try:
        return parse_key(configured or path.read_text())
    except OSError:
        raise CommandFailed(f"there is no key: give --key-stdin, set telemetry.pseudonym_key, or keep {path}") from None
    except ValueError:
        raise CommandFailed("this is no pseudonym key: an epoch, a colon, at least 32 hexadecimal digits") from None


def pseudonym(jid: str, key: Key) -> Pseudonym:
    """Of the bare JID."""
    bare = jid.partition("/")[0]
    if "@" not in bare:
        raise CommandFailed(f"{jid} is no JID of a user or room: alice@example.org")
    return Pseudonym(key.text(bare), key.number(bare), key.epoch)


def next_key(key: Key) -> str:
    """A new key of the next epoch: what is written under it cannot be compared with what was written before."""
    return f"{key.epoch + 1}:{secrets.token_hex(KEY_BYTES)}"
