"""The certificate of the embedded mode: an authority of its own in the data folder, and a server certificate by it."""

from __future__ import annotations

import ipaddress
import os
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.types import PrivateKeyTypes
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

# Clients of Apple refuse server certificates that are valid for longer.
SERVER_DAYS = 825
AUTHORITY_DAYS = 3650
RENEW_DAYS = 30
# Clocks differ: valid from a day ago.
BACKDATED = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Material:
    """Where the files are. Both keys are readable by their owner only."""

    authority: Path
    certificate: Path
    key: Path


def hosts_of(domain: str) -> list[str]:
    """The names under which the server is reached."""
    return list(dict.fromkeys((domain, f"conference.{domain}", f"upload.{domain}", f"pubsub.{domain}", "localhost")))


def ensure(folder: Path, domain: str, now: datetime | None = None) -> Material:
    """The material in `folder`, made or renewed where it is missing, nearly expired or for other names."""
    now = now or datetime.now(UTC)
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    material = Material(folder / "ca.pem", folder / "server.pem", folder / "server.key")
    authority_key = folder / "ca.key"
    if not _usable_authority(material.authority, authority_key, now):
        _make_authority(material.authority, authority_key, now)
    if not _usable_server(material, domain, now):
        _make_server(material, authority_key, domain, now)
    return material


def problems(certificate: Path, key: Path, domain: str, now: datetime | None = None) -> list[str]:
    """What is wrong with a certificate and its key, in words; empty when all is well."""
    now = now or datetime.now(UTC)
    try:
        found = _certificate(certificate)
    except (OSError, ValueError) as error:
        return [f"the certificate {certificate} cannot be read: {_reason(error)}"]
    wrong = []
    if now < found.not_valid_before_utc:
        wrong.append(f"it is not valid before {found.not_valid_before_utc:%Y-%m-%d}")
    if now > found.not_valid_after_utc:
        wrong.append(f"it expired on {found.not_valid_after_utc:%Y-%m-%d}")
    elif now > found.not_valid_after_utc - timedelta(days=RENEW_DAYS):
        wrong.append(f"it expires on {found.not_valid_after_utc:%Y-%m-%d}")
    names = _names(found)
    if missing := [h for h in (domain, f"conference.{domain}") if not _covers(names, h)]:
        wrong.append(f"it does not name {' and '.join(missing)}")
    try:
        if not _belongs(found, _key(key)):
            wrong.append(f"the key {key} is not its key")
        elif key.stat().st_mode & 0o077:
            wrong.append(f"others may read the key: chmod 600 {key}")
    except (OSError, ValueError, TypeError) as error:
        wrong.append(f"the key {key} cannot be read: {_reason(error)}")
    return wrong


def unusable(certificate: Path, key: Path) -> str:
    """Why a gateway could not serve with these; "" when it can. Names and dates are left to `problems`."""
    try:
        if not _belongs(_certificate(certificate), _key(key)):
            return f"{key} is not the key of {certificate}"
    except (OSError, ValueError, TypeError) as error:
        return f"{certificate} and {key} cannot be used: {_reason(error)}"
    return ""


def expires(certificate: Path) -> datetime:
    """The last moment at which it is valid. Raises OSError, ValueError."""
    return _certificate(certificate).not_valid_after_utc


def _reason(error: Exception) -> str:
    return (error.strerror or "") if isinstance(error, OSError) else "it is not PEM"


def _certificate(path: Path) -> x509.Certificate:
    return x509.load_pem_x509_certificates(path.read_bytes())[0]


def _key(path: Path) -> PrivateKeyTypes:
    return serialization.load_pem_private_key(path.read_bytes(), password=None)


def _elliptic(path: Path) -> ec.EllipticCurvePrivateKey:
    key = _key(path)
    if not isinstance(key, ec.EllipticCurvePrivateKey):
        raise ValueError("not an elliptic curve key")
    return key


def _names(certificate: x509.Certificate) -> set[str]:
    try:
        names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return set()
    return {n.lower() for n in names.get_values_for_type(x509.DNSName)}


def _covers(names: set[str], host: str) -> bool:
    # RFC 9525 §6.3: a wildcard stands for exactly one label.
    return host in names or f"*.{host.partition('.')[2]}" in names


def _belongs(certificate: x509.Certificate, key: PrivateKeyTypes) -> bool:
    form = (serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    return certificate.public_key().public_bytes(*form) == key.public_key().public_bytes(*form)


def _usable_authority(certificate: Path, key: Path, now: datetime) -> bool:
    try:
        found = _certificate(certificate)
        lasts = now + timedelta(days=RENEW_DAYS) < found.not_valid_after_utc
        return lasts and _belongs(found, _elliptic(key))
    except (OSError, ValueError, TypeError):
        return False


def _usable_server(material: Material, domain: str, now: datetime) -> bool:
    if problems(material.certificate, material.key, domain, now):
        return False
    found = _certificate(material.certificate)
    try:
        found.verify_directly_issued_by(_certificate(material.authority))
    except (ValueError, TypeError, InvalidSignature):
        return False
    return _names(found) == set(hosts_of(domain))


def _make_authority(certificate: Path, key_file: Path, now: datetime) -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, f"natter local authority {now:%Y-%m-%d}")])
    usage = {"key_cert_sign": True, "crl_sign": True}
    made = (
        _draft(name, name, key.public_key(), now, AUTHORITY_DAYS)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_usage(**usage), critical=True)
        .sign(key, hashes.SHA256())
    )
    _write_key(key_file, key)
    _write(certificate, made.public_bytes(serialization.Encoding.PEM), 0o644)


def _make_server(material: Material, authority_key: Path, domain: str, now: datetime) -> None:
    authority = _certificate(material.authority)
    signing = _elliptic(authority_key)
    key = ec.generate_private_key(ec.SECP256R1())
    names: list[x509.GeneralName] = [x509.DNSName(h) for h in hosts_of(domain)]
    names += [x509.IPAddress(ipaddress.ip_address(a)) for a in ("127.0.0.1", "::1")]
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, domain[:64])])
    # It must not outlive its issuer.
    days = min(SERVER_DAYS, (authority.not_valid_after_utc - now).days)
    made = (
        _draft(subject, authority.subject, key.public_key(), now, days)
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_usage(digital_signature=True), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(signing.public_key()), critical=False)
        .sign(signing, hashes.SHA256())
    )
    _write_key(material.key, key)
    chain = made.public_bytes(serialization.Encoding.PEM) + authority.public_bytes(serialization.Encoding.PEM)
    _write(material.certificate, chain, 0o644)


def _draft(
    subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePublicKey, now: datetime, days: int
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - BACKDATED)
        .not_valid_after(now + timedelta(days=days) - BACKDATED)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key), critical=False)
    )


def _usage(*, digital_signature: bool = False, key_cert_sign: bool = False, crl_sign: bool = False) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=digital_signature,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=key_cert_sign,
        crl_sign=crl_sign,
        encipher_only=False,
        decipher_only=False,
    )


def _write_key(path: Path, key: ec.EllipticCurvePrivateKey) -> None:
    form = (serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    _write(path, key.private_bytes(*form), 0o600)


def _write(path: Path, content: bytes, mode: int) -> None:
    """Replace at once: a process that starts meanwhile reads the old file or the new one."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    fd = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, mode)
    with os.fdopen(fd, "wb") as out:
        os.fchmod(out.fileno(), mode)
        out.write(content)
    temporary.replace(path)
