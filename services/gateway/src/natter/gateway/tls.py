"""TLS contexts for clients."""

from __future__ import annotations

import ssl
from pathlib import Path

ALPN = "xmpp-client"


def server_context(certificate: Path, key: Path) -> ssl.SSLContext:
    """TLS 1.2 and later, without compression and renegotiation, with the certificate chain in PEM files."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    # RFC 7590 §3 (RFC 9325 §3.1.1): nothing older.
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    # RFC 9325 §3.3, §3.5.
    context.options |= ssl.OP_NO_COMPRESSION | ssl.OP_NO_RENEGOTIATION | ssl.OP_CIPHER_SERVER_PREFERENCE
    # XEP-0368 §4: the name under which direct TLS for XMPP shares a port with others.
    context.set_alpn_protocols([ALPN])
    context.load_cert_chain(certificate, key)
    return context
