"""The embedded authority and its server certificate: made, kept, renewed, found wanting."""

from __future__ import annotations

import asyncio
import ssl
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from natter.runtime import certificates

NOW = datetime.now(UTC)


def loaded(path: Path) -> x509.Certificate:
    return x509.load_pem_x509_certificate(path.read_bytes())


def test_the_material_names_every_host_and_keeps_its_keys_secret(tmp_path: Path) -> None:
    material = certificates.ensure(tmp_path, "example.org")
    names = loaded(material.certificate).extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert {"example.org", "conference.example.org", "localhost"} <= set(names.get_values_for_type(x509.DNSName))
    assert "127.0.0.1" in {str(a) for a in names.get_values_for_type(x509.IPAddress)}
    assert material.key.stat().st_mode & 0o777 == 0o600
    assert (tmp_path / "ca.key").stat().st_mode & 0o777 == 0o600
    assert certificates.problems(material.certificate, material.key, "example.org") == []
    assert certificates.unusable(material.certificate, material.key) == ""


def test_a_second_start_keeps_everything(tmp_path: Path) -> None:
    certificates.ensure(tmp_path, "localhost")
    before = {p.name: p.read_bytes() for p in tmp_path.iterdir()}
    certificates.ensure(tmp_path, "localhost")
    assert {p.name: p.read_bytes() for p in tmp_path.iterdir()} == before


def test_near_the_end_and_for_another_domain_the_certificate_is_renewed_and_the_authority_stays(tmp_path: Path) -> None:
    material = certificates.ensure(tmp_path, "localhost")
    authority = material.authority.read_bytes()
    first = material.certificate.read_bytes()
    later = NOW + timedelta(days=certificates.SERVER_DAYS - 10)
    certificates.ensure(tmp_path, "localhost", later)
    second = material.certificate.read_bytes()
    assert second != first
    certificates.ensure(tmp_path, "example.org", later)
    assert material.certificate.read_bytes() != second
    assert material.authority.read_bytes() == authority


def test_a_lost_key_and_another_authority_lead_to_a_new_certificate(tmp_path: Path) -> None:
    material = certificates.ensure(tmp_path, "localhost")
    material.key.unlink()
    certificates.ensure(tmp_path, "localhost")
    assert certificates.unusable(material.certificate, material.key) == ""
    (tmp_path / "ca.key").write_text("rubbish")
    certificates.ensure(tmp_path, "localhost")
    loaded(material.certificate).verify_directly_issued_by(loaded(material.authority))


def test_an_old_authority_is_replaced_with_its_certificate(tmp_path: Path) -> None:
    material = certificates.ensure(tmp_path, "localhost")
    authority = material.authority.read_bytes()
    certificates.ensure(tmp_path, "localhost", NOW + timedelta(days=certificates.AUTHORITY_DAYS))
    assert material.authority.read_bytes() != authority
    loaded(material.certificate).verify_directly_issued_by(loaded(material.authority))


def test_problems_are_told_in_words(tmp_path: Path) -> None:
    one = certificates.ensure(tmp_path / "one", "localhost")
    two = certificates.ensure(tmp_path / "two", "localhost")

    def told(domain: str = "localhost", key: Path = one.key, days: int = 0) -> str:
        return "; ".join(certificates.problems(one.certificate, key, domain, NOW + timedelta(days=days)))

    assert "it expired on" in told(days=900)
    assert "it expires on" in told(days=certificates.SERVER_DAYS - 10)
    assert "not valid before" in told(days=-10)
    assert "does not name example.org and conference.example.org" in told("example.org")
    assert "is not its key" in told(key=two.key)
    assert "cannot be read: No such file" in told(key=tmp_path / "none")
    assert "it is not PEM" in certificates.problems(one.key, one.key, "localhost")[0]
    one.key.chmod(0o644)
    assert "others may read the key" in told()
    assert "is not the key of" in certificates.unusable(one.certificate, two.key)
    assert "cannot be used" in certificates.unusable(tmp_path / "none", two.key)


@pytest.mark.parametrize("host", ["example.org", "conference.example.org", "localhost"])
async def test_a_client_that_trusts_the_authority_accepts_the_server(tmp_path: Path, host: str) -> None:
    material = certificates.ensure(tmp_path, "example.org")
    serving = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    serving.load_cert_chain(material.certificate, material.key)
    server = await asyncio.start_server(lambda r, w: w.close(), "127.0.0.1", 0, ssl=serving)
    trusting = ssl.create_default_context(cafile=str(material.authority))
    trusting.verify_flags |= ssl.VERIFY_X509_STRICT
    port = server.sockets[0].getsockname()[1]
    _, writer = await asyncio.open_connection("127.0.0.1", port, ssl=trusting, server_hostname=host)
    writer.close()
    server.close()
