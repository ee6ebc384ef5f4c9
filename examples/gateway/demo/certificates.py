"""The demo's own certificate authority, which its clients verify against."""

from __future__ import annotations

import datetime
import ssl
from collections.abc import Sequence

import attrs
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from examples.gateway.certificates import KeyPair

_LIFETIME = datetime.timedelta(days=7)  # nothing of a demo is meant to be kept
_SKEW = datetime.timedelta(hours=1)  # for clocks that are behind


@attrs.frozen(kw_only=True)
class Authority:
    """Issues server certificates; its key never leaves the process.

    Attributes:
        certificate: its own certificate.
    """

    certificate: x509.Certificate
    _key: ec.EllipticCurvePrivateKey = attrs.field(repr=False)
    _now: datetime.datetime

    @classmethod
    def create(cls, *, now: datetime.datetime) -> Authority:
        """A new one with a P-256 key.

        Args:
            now: aware; everything it issues is valid from an hour before for a week.
        """
        key = ec.generate_private_key(ec.SECP256R1())
        name = _name("reconcilekit demo CA")
        certificate = (
            _builder(subject=name, issuer=name, key=key.public_key(), now=now)
            .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
            .add_extension(_key_usage(signs_certificates=True), critical=True)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
            .sign(key, hashes.SHA256())
        )
        return cls(certificate=certificate, key=key, now=now)

    def issue(self, hostnames: Sequence[str]) -> KeyPair:
        """A new key and a certificate for `hostnames` (wildcards included), as PEM for a Secret of type TLS."""
        key = ec.generate_private_key(ec.SECP256R1())
        names = x509.SubjectAlternativeName([x509.DNSName(hostname) for hostname in hostnames])
        issuer = self._key.public_key()
        certificate = (
            _builder(subject=_name(hostnames[0]), issuer=self.certificate.subject, key=key.public_key(), now=self._now)
            .add_extension(names, critical=False)
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(_key_usage(signs_certificates=False), critical=True)
            .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
            .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer), critical=False)
            .sign(self._key, hashes.SHA256())
        )
        return KeyPair(
            certificate=certificate.public_bytes(serialization.Encoding.PEM),
            private_key=key.private_bytes(
                serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
            ),
        )

    def client_context(self) -> ssl.SSLContext:
        """What a client needs that trusts this authority and nobody else, and verifies host names."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.load_verify_locations(cadata=self.certificate.public_bytes(serialization.Encoding.PEM).decode())
        return context


def _name(common_name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name)])


def _builder(
    *, subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePublicKey, now: datetime.datetime
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - _SKEW)
        .not_valid_after(now + _LIFETIME)
    )


def _key_usage(*, signs_certificates: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=True,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=signs_certificates,
        crl_sign=signs_certificates,
        encipher_only=False,
        decipher_only=False,
    )
