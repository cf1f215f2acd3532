"""Addresses to listen on: reading them, telling loopback from the rest, holding a port for those who will share it."""

from __future__ import annotations

import errno
import ipaddress
import socket
from dataclasses import dataclass

from .settings import SettingsError


@dataclass(frozen=True, slots=True)
class Address:
    """A host and a TCP port; port 0 asks for a free one."""

    host: str
    port: int

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


def parse(text: str, name: str) -> Address:
    """HOST:PORT, or [HOST]:PORT for IPv6. `name` is the flag or setting, for the message."""
    host, colon, port = text.rpartition(":")
    host = host.removeprefix("[").removesuffix("]") if host.startswith("[") and host.endswith("]") else host
    if not colon or not host or (":" in host and not text.startswith("[")) or not port.isascii() or not port.isdigit():
        raise SettingsError(f"{name} {text}: write HOST:PORT, for example 127.0.0.1:5222")
    if int(port) > 65535:
        raise SettingsError(f"{name} {text}: a port is at most 65535")
    return Address(host, int(port))


def is_loopback(host: str) -> bool:
    """Whether nobody outside this machine can reach it."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


class Reservation:
    """A bound socket that does not listen: it keeps the port while those who listen on it come and go."""

    def __init__(self, bound: socket.socket) -> None:
        self.bound = bound

    @property
    def address(self) -> Address:
        """The address with its real port."""
        host, port = self.bound.getsockname()[:2]
        return Address(host, port)

    def close(self) -> None:
        """Let the port go."""
        self.bound.close()


def reserve(wanted: Address, name: str, *, shared: bool = False) -> Reservation:
    """Hold a port; `shared`: for several listeners with SO_REUSEPORT. `SettingsError` when it is taken."""
    # Without SO_REUSEPORT the kernel tells whether anybody listens there, also those who would share.
    probe = _bound(wanted, name, shared=False)
    if not shared:
        return Reservation(probe)
    actual = Reservation(probe).address
    probe.close()
    return Reservation(_bound(actual, name, shared=True))


def _bound(wanted: Address, name: str, *, shared: bool) -> socket.socket:
    bound = socket.socket(socket.AF_INET6 if ":" in wanted.host else socket.AF_INET, socket.SOCK_STREAM)
    bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    if shared:
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    try:
        bound.bind((wanted.host, wanted.port))
    except OSError as error:
        bound.close()
        raise SettingsError(_why(wanted, name, error)) from None
    return bound


def _why(wanted: Address, name: str, error: OSError) -> str:
    match error.errno:
        case errno.EADDRINUSE:
            advice = f"is in use; stop what listens there (ss -ltnp 'sport = :{wanted.port}') or choose another"
        case errno.EACCES:
            advice = "needs more rights; choose a port above 1023"
        case errno.EADDRNOTAVAIL:
            advice = "is not an address of this machine; choose another"
        case _:
            advice = f"cannot be used ({error.strerror or error}); choose another"
    return f"port {wanted.port} ({name} {wanted}) {advice}: {name} HOST:PORT"
