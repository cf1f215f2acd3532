"""TLS contexts for clients."""

from __future__ import annotations

import ssl
from pathlib import Path

import pytest
from natter.gateway.tls import server_context
from natter.runtime import certificates


@pytest.fixture
def material(tmp_path: Path) -> certificates.Material:
    return certificates.ensure(tmp_path, "localhost")


def handshake(server: ssl.SSLContext, client: ssl.SSLContext) -> ssl.SSLObject:
    """A handshake in memory; the client's end."""
    to_server, to_client = ssl.MemoryBIO(), ssl.MemoryBIO()
    ours = client.wrap_bio(to_client, to_server, server_hostname="localhost")
    theirs = server.wrap_bio(to_server, to_client, server_side=True)
    for _ in range(10):
        for end in (ours, theirs):
            try:
                end.do_handshake()
            except ssl.SSLWantReadError:
                continue
        if ours.version() and theirs.version():
            break
    return ours


def client(material: certificates.Material) -> ssl.SSLContext:
    context = ssl.create_default_context(cafile=str(material.authority))
    context.set_alpn_protocols(["xmpp-client"])
    return context


def test_a_modern_client_gets_tls_1_3_and_the_protocol_name(material: certificates.Material) -> None:
    end = handshake(server_context(material.certificate, material.key), client(material))
    assert end.version() == "TLSv1.3"
    assert end.selected_alpn_protocol() == "xmpp-client"
    assert end.compression() is None


def test_tls_1_2_is_the_oldest(material: certificates.Material) -> None:
    server = server_context(material.certificate, material.key)
    older = client(material)
    older.maximum_version = ssl.TLSVersion.TLSv1_2
    assert handshake(server, older).version() == "TLSv1.2"
    assert server.minimum_version == ssl.TLSVersion.TLSv1_2
    assert server.options & ssl.OP_NO_COMPRESSION
    assert server.options & ssl.OP_NO_RENEGOTIATION


def test_a_key_that_does_not_belong_is_refused(material: certificates.Material, tmp_path: Path) -> None:
    other = certificates.ensure(tmp_path / "other", "localhost")
    with pytest.raises(ssl.SSLError):
        server_context(material.certificate, other.key)
