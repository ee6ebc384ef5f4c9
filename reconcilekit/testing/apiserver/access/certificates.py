"""A certificate authority of the server's own, for TLS and for users who show certificates. Needs `cryptography`."""

from __future__ import annotations

import contextlib
import ipaddress
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import attrs

from reconcilekit.testing.apiserver.access.signing import needs_cryptography, pem, private_key
from reconcilekit.testing.apiserver.access.users import User

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey
    from cryptography.x509 import Certificate, ExtendedKeyUsage, GeneralName, Name

_LIFETIME = timedelta(days=365)
_AUTHORITY_LIFETIME = 10 * _LIFETIME
"""As kubeadm's: a folder may be kept for years, and servers and users get new certificates from the old authority."""
_MOST_KNOWN = 1000
"""Clients' certificates of which it is remembered whom they name."""

_BACKDATED = timedelta(hours=1)
"""So that a peer whose clock is behind takes the certificate."""


@attrs.frozen(kw_only=True)
class KeyPair:
    """A certificate and its key, in PEM."""

    certificate: bytes
    key: bytes


class StrangeCertificateError(Exception):
    """A client's certificate that proves nothing here; the message says why."""


class Authority:
    """Signs certificates for the server and for its users.

    They are for real sockets, so their times are the machine's, not those of the server's clock.

    Args:
        pair: an authority that was made before; None makes a new one.

    Raises:
        MissingCryptographyError: the cryptography package isn't installed.
    """

    def __init__(self, pair: KeyPair | None = None) -> None:
        try:
            from cryptography import x509
        except ImportError as error:
            raise needs_cryptography("TLS") from error
        self._key = _new_key() if pair is None else private_key(pair.key)
        self._name = _name("reconcilekit")
        self._known: dict[bytes, tuple[User | None, datetime]] = {}
        self._certificate = self._own() if pair is None else x509.load_pem_x509_certificate(pair.certificate)

    @property
    def certificate(self) -> bytes:
        """The authority's own, in PEM."""
        return _pem(self._certificate)

    @property
    def pair(self) -> KeyPair:
        """What makes this authority again."""
        return KeyPair(certificate=self.certificate, key=pem(self._key))

    def for_user(self, user: User) -> KeyPair:
        """A client's, that names the user and the groups."""
        from cryptography.x509 import ExtendedKeyUsage
        from cryptography.x509.oid import ExtendedKeyUsageOID

        usage = ExtendedKeyUsage([ExtendedKeyUsageOID.CLIENT_AUTH])
        return self._issue(_name(user.name, user.groups), usage, [])

    def for_server(self, host: str) -> KeyPair:
        """The server's, for the host that it listens on, and for the names of this machine."""
        from cryptography import x509
        from cryptography.x509.oid import ExtendedKeyUsageOID

        addresses = {"127.0.0.1", "::1"}
        names = {"localhost", "kubernetes", "kubernetes.default", "kubernetes.default.svc"}
        (addresses if _is_address(host) else names).add(host)
        alternatives: list[GeneralName] = [x509.DNSName(name) for name in sorted(names)]
        alternatives += [x509.IPAddress(ipaddress.ip_address(address)) for address in sorted(addresses)]
        usage = x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH])
        return self._issue(_name("kube-apiserver"), usage, alternatives)

    def user_of(self, certificate: bytes) -> User | None:
        """Whom a client's certificate names: CN is the user, each O a group. None where it has no CN.

        Args:
            certificate: in DER.

        Raises:
            StrangeCertificateError: it isn't this authority's, has expired, or isn't for clients.
        """
        known = self._known.get(certificate)
        if known is None or known[1] < datetime.now(UTC):
            # Every request on a connection shows the same one, and looking at it takes longer than most requests.
            if len(self._known) >= _MOST_KNOWN:
                self._known.clear()
            known = self._known[certificate] = self._read(certificate)
        return known[0]

    def _read(self, certificate: bytes) -> tuple[User | None, datetime]:
        """Whom it names, and how long it is good."""
        from cryptography import x509
        from cryptography.x509.oid import NameOID

        found = x509.load_der_x509_certificate(certificate)
        self._check(found)
        names = [str(name.value) for name in found.subject.get_attributes_for_oid(NameOID.COMMON_NAME)]
        groups = [str(name.value) for name in found.subject.get_attributes_for_oid(NameOID.ORGANIZATION_NAME)]
        user = User(names[0], groups=groups) if names and names[0] else None
        return user, found.not_valid_after_utc

    def _check(self, found: Certificate) -> None:
        from cryptography import x509
        from cryptography.exceptions import InvalidSignature
        from cryptography.x509.oid import ExtendedKeyUsageOID

        try:
            found.verify_directly_issued_by(self._certificate)
        except (InvalidSignature, ValueError, TypeError) as error:
            raise StrangeCertificateError("x509: certificate signed by unknown authority") from error
        if not found.not_valid_before_utc <= datetime.now(UTC) <= found.not_valid_after_utc:
            raise StrangeCertificateError("x509: certificate has expired or is not yet valid")
        with contextlib.suppress(x509.ExtensionNotFound):
            usages = set(found.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value)
            if not usages & {ExtendedKeyUsageOID.CLIENT_AUTH, ExtendedKeyUsageOID.ANY_EXTENDED_KEY_USAGE}:
                raise StrangeCertificateError("x509: certificate specifies an incompatible key usage")

    def _own(self) -> Certificate:
        from cryptography import x509

        builder = self._builder(self._name, self._key, _AUTHORITY_LIFETIME)
        builder = builder.add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        builder = builder.add_extension(
            x509.SubjectKeyIdentifier.from_public_key(self._key.public_key()), critical=False
        )
        return self._sign(builder.add_extension(_certificate_signing(), critical=True))

    def _issue(self, name: Name, usage: ExtendedKeyUsage, alternatives: list[GeneralName]) -> KeyPair:
        from cryptography import x509

        key = _new_key()
        builder = self._builder(name, key, _LIFETIME).add_extension(usage, critical=False)
        issuer = x509.AuthorityKeyIdentifier.from_issuer_public_key(self._key.public_key())
        builder = builder.add_extension(issuer, critical=False)
        if alternatives:
            builder = builder.add_extension(x509.SubjectAlternativeName(alternatives), critical=False)
        return KeyPair(certificate=_pem(self._sign(builder)), key=pem(key))

    def _builder(self, subject: Name, key: EllipticCurvePrivateKey, lifetime: timedelta) -> Any:
        from cryptography import x509

        now = datetime.now(UTC)
        return (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(self._name)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - _BACKDATED)
            .not_valid_after(now + lifetime)
        )

    def _sign(self, builder: Any) -> Certificate:
        from cryptography.hazmat.primitives.hashes import SHA256

        signed: Certificate = builder.sign(self._key, SHA256())
        return signed


def _new_key() -> EllipticCurvePrivateKey:
    from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, generate_private_key

    return generate_private_key(SECP256R1())


def _name(common_name: str, groups: tuple[str, ...] = ()) -> Name:
    from cryptography import x509
    from cryptography.x509.oid import NameOID

    attributes = [x509.NameAttribute(NameOID.ORGANIZATION_NAME, group) for group in groups]
    return x509.Name([*attributes, x509.NameAttribute(NameOID.COMMON_NAME, common_name)])


def _certificate_signing() -> Any:
    from cryptography import x509

    others = dict.fromkeys(
        ("content_commitment", "key_encipherment", "data_encipherment", "key_agreement", "encipher_only"), False
    )
    return x509.KeyUsage(digital_signature=True, key_cert_sign=True, crl_sign=True, decipher_only=False, **others)


def _pem(certificate: Certificate) -> bytes:
    from cryptography.hazmat.primitives.serialization import Encoding

    return certificate.public_bytes(Encoding.PEM)


def _is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True
