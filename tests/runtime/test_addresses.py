"""Reading addresses, telling loopback, holding ports."""

from __future__ import annotations

import socket

import pytest
from natter.runtime.addresses import Address, is_loopback, parse, reserve
from natter.runtime.settings import SettingsError


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("127.0.0.1:5222", Address("127.0.0.1", 5222)),
        ("localhost:0", Address("localhost", 0)),
        ("[::1]:5222", Address("::1", 5222)),
    ],
)
def test_an_address_is_read_and_written(text: str, address: Address) -> None:
    assert parse(text, "--c2s") == address
    assert str(address) == text


@pytest.mark.parametrize(
    "text", ["", "5222", ":5222", "localhost:", "localhost:x", "::1:5222", "a:²", "a:65536", "a:-1"]
)
def test_what_is_no_address_is_refused_with_the_name_of_the_flag(text: str) -> None:
    with pytest.raises(SettingsError, match=r"^--c2s "):
        parse(text, "--c2s")


def test_loopback() -> None:
    assert all(is_loopback(h) for h in ("127.0.0.1", "127.8.8.8", "::1", "localhost"))
    assert not any(is_loopback(h) for h in ("0.0.0.0", "::", "10.0.0.1", "example.org", "localhost.example.org", ""))


def test_a_port_in_use_is_one_line_with_port_and_remedy() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(SettingsError) as raised:
            reserve(Address("127.0.0.1", port), "--c2s")
    assert f"port {port} " in str(raised.value) and "--c2s HOST:PORT" in str(raised.value)


def test_a_port_is_in_use_also_when_its_listener_would_share_it() -> None:
    with socket.socket() as taken:
        taken.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        with pytest.raises(SettingsError, match="in use"):
            reserve(Address("127.0.0.1", taken.getsockname()[1]), "--c2s", shared=True)


def test_an_address_of_another_machine_is_refused() -> None:
    with pytest.raises(SettingsError, match="not an address of this machine"):
        reserve(Address("192.0.2.1", 0), "--c2s")


def test_several_listen_on_a_shared_reservation() -> None:
    held = reserve(Address("127.0.0.1", 0), "--c2s", shared=True)
    address = (held.address.host, held.address.port)
    listeners = [socket.create_server(address, reuse_port=True) for _ in range(2)]
    with socket.create_connection(address, 2.0) as client:
        assert client.getpeername() == address
    for listener in listeners:
        listener.close()
    held.close()


def test_one_listens_on_a_plain_reservation_again_and_again() -> None:
    held = reserve(Address("127.0.0.1", 0), "--http")
    address = (held.address.host, held.address.port)
    for _ in range(2):
        with socket.create_server(address), socket.create_connection(address, 2.0):
            pass
    held.close()
