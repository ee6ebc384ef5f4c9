"""Self-signed certificates for the demo and the tests."""

from __future__ import annotations

import datetime
from collections.abc import Sequence

import attrs
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID


@attrs.frozen(kw_only=True)
class KeyPair:
    """A certificate and its key, both PEM."""

    certificate: bytes
    private_key: bytes = attrs.field(repr=False)


def self_signed(hostnames: Sequence[str], *, now: datetime.datetime, days: int = 365) -> KeyPair:
    """A new P-256 key and a certificate for it that is its own authority, so that a client can be told to trust it.

    Args:
        hostnames: the names it is good for, wildcards included; the first is its common name.
        now: with a time zone; it is valid from a day earlier, for clocks that are behind.
        days: how long it is valid from now; a year by default, far beyond any demo.
    """
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, hostnames[0])])
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=days))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(host) for host in hostnames]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, hashes.SHA256())
    )
    return KeyPair(
        certificate=certificate.public_bytes(serialization.Encoding.PEM),
        private_key=key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        ),
    )
