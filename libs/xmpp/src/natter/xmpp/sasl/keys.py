"""SCRAM keys from passwords (RFC 5802 §3). Pure, and slow on purpose: not for an event loop."""

from __future__ import annotations

import hashlib
import hmac
from dataclasses import dataclass, field
from typing import Final

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.kdf.pbkdf2 import PBKDF2HMAC
from precis_i18n import get_profile
from scramp.utils import ScramException, saslprep  # type: ignore[import-untyped]

# Mechanism -> name of the hash in hashlib.
HASHES: Final = {"SCRAM-SHA-256": "sha256", "SCRAM-SHA-1": "sha1"}
# The same for PBKDF2. The OpenSSL that cryptography brings along derives in 1.0 ms what the system's 3.0, behind
# `hashlib.pbkdf2_hmac`, does in 1.8 (10,000 rounds); both let go of the interpreter meanwhile.
_ALGORITHMS: Final[dict[str, hashes.HashAlgorithm]] = {
    "SCRAM-SHA-256": hashes.SHA256(),
    "SCRAM-SHA-1": hashes.SHA1(),
}
# RFC 7677 §4 asks for 4096 at least; more than the upper bound would be a way to keep a core busy.
ITERATIONS_MIN: Final = 4096
ITERATIONS_MAX: Final = 1_000_000
SALT_BYTES_MIN: Final = 12
PASSWORD_BYTES_MAX: Final = 1024

_opaque_profile = get_profile("OpaqueString")


class PasswordError(ValueError):
    """No account can have this password."""


@dataclass(frozen=True, slots=True)
class Keys:
    """What a server keeps of a password for one mechanism."""

    salt: bytes
    iterations: int
    stored_key: bytes = field(repr=False)
    server_key: bytes = field(repr=False)


def prepare_password(password: str) -> bytes:
    """The bytes that are hashed: by the OpaqueString profile (RFC 8265 §4.2), then as SCRAM's clients prepare it.

    Raises PasswordError when it is empty, too long, or has characters that no profile allows.
    """
    if len(password) > PASSWORD_BYTES_MAX:
        raise PasswordError("password is too long")
    try:
        prepared = str(_opaque_profile.enforce(password))
    except UnicodeError:
        raise PasswordError("password is empty or has a character that is not allowed") from None
    try:
        # RFC 5802 §2.2: SASLprep. It knows Unicode 3.2 only; what it refuses is taken as OpaqueString left it.
        prepared = saslprep(prepared) or prepared
    except ScramException:
        pass
    return prepared.encode()


def keys_for(password: str, mechanism: str, salt: bytes, iterations: int) -> tuple[bytes, bytes]:
    """(StoredKey, ServerKey). Takes milliseconds of CPU. Raises PasswordError; ValueError for a bad salt or count."""
    if len(salt) < SALT_BYTES_MIN or not ITERATIONS_MIN <= iterations <= ITERATIONS_MAX:
        raise ValueError("salt or iteration count out of bounds")
    name = HASHES[mechanism]
    # RFC 5802 §3: SaltedPassword, ClientKey, StoredKey, ServerKey.
    algorithm = _ALGORITHMS[mechanism]
    salted = PBKDF2HMAC(algorithm, algorithm.digest_size, salt, iterations).derive(prepare_password(password))
    client_key = hmac.digest(salted, b"Client Key", name)
    return hashlib.new(name, client_key).digest(), hmac.digest(salted, b"Server Key", name)


def verify_password(password: str, mechanism: str, keys: Keys) -> bool:
    """Whether `keys` were made from `password`. Takes as long as `keys_for`, whatever the answer."""
    try:
        stored_key, _ = keys_for(password, mechanism, keys.salt, keys.iterations)
    except PasswordError:
        return False
    return hmac.compare_digest(stored_key, keys.stored_key)
