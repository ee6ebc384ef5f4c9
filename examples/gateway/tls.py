"""TLS Secrets, judged as Envoy would: one bad certificate in a push and Envoy refuses the whole listener.

Whether a certificate has expired isn't asked: that is the client's to judge, and taking the listener away would turn a
warning into an outage.
"""

from __future__ import annotations

import base64
import binascii
from typing import Final

import attrs
from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from examples.gateway import grants
from examples.gateway.fields import Fields
from examples.gateway.kinds import GATEWAY_GROUP, SECRET
from examples.gateway.model import Object, Reference, describe
from examples.gateway.reads import Reads
from examples.gateway.verdicts import Problem, Reason
from reconcilekit.errors import ConfigError
from reconcilekit.kube.resource import ObjectKey

_SMALLEST_RSA_KEY: Final = 2048  # bits; Envoy refuses smaller ones
_CURVES: Final = ("secp256r1", "secp384r1", "secp521r1")  # the ones Envoy takes


@attrs.frozen(kw_only=True)
class Certificate:
    """A certificate chain and its key, both PEM, known to fit together; `name` is the Secret's."""

    name: str
    certificate_chain: str = attrs.field(repr=False)
    private_key: str = attrs.field(repr=False)


def resolve_certificate(reads: Reads, reference: Reference, *, gateway_namespace: str) -> Certificate | Problem:
    """The certificate that a listener refers to, or why it can't be served.

    Args:
        reads: where the Secret and, across namespaces, the grants are looked up.
        reference: the listener's certificateRef.
        gateway_namespace: the namespace that refers.
    """
    key = reference.key_from(gateway_namespace)
    if (reference.group, reference.kind) != ("", "Secret"):
        kind = f"{reference.kind}.{reference.group}".rstrip(".")
        return Problem(Reason.INVALID_CERTIFICATE_REF, f"{kind} {key} can't be a certificate; refer to a Secret")
    permitted = grants.is_permitted(
        reads, reference, from_group=GATEWAY_GROUP, from_kind="Gateway", from_namespace=gateway_namespace
    )
    if not permitted:
        return Problem(
            Reason.REF_NOT_PERMITTED,
            f"Secret {key} is in another namespace; a ReferenceGrant in {key.namespace} must allow Gateways "
            f"from {gateway_namespace} to refer to it",
        )
    secret = reads.get(SECRET, key.name, namespace=key.namespace)
    if secret is None:
        return Problem(Reason.INVALID_CERTIFICATE_REF, f"Secret {key} doesn't exist")
    try:
        certificate = _read_pair(secret, key)
        validate_pair(certificate.certificate_chain, certificate.private_key)
    except (ConfigError, ValueError) as error:
        reason = error.message if isinstance(error, ConfigError) else f"Secret {key}: {error}"
        return Problem(Reason.INVALID_CERTIFICATE_REF, reason)
    return certificate


def validate_pair(certificate_chain: str, private_key: str) -> None:
    """Prove that Envoy can serve a certificate with a key.

    Args:
        certificate_chain: PEM, the server's certificate first.
        private_key: PEM, without a passphrase.

    Raises:
        ValueError: a sentence without the key's content: what doesn't parse, is too weak or doesn't fit together.
    """
    try:
        leaf = x509.load_pem_x509_certificates(certificate_chain.encode())[0]
        certified = leaf.public_key()
    except (ValueError, UnsupportedAlgorithm) as error:
        raise ValueError("tls.crt isn't a chain of PEM certificates") from error
    try:
        key = serialization.load_pem_private_key(private_key.encode(), password=None)
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        raise ValueError("tls.key isn't an unencrypted PEM private key") from error
    match certified:
        case rsa.RSAPublicKey() if certified.key_size < _SMALLEST_RSA_KEY:
            raise ValueError(f"an RSA key of {certified.key_size} bits is too small; use {_SMALLEST_RSA_KEY} or more")
        case ec.EllipticCurvePublicKey() if certified.curve.name not in _CURVES:
            raise ValueError(f"the curve {certified.curve.name} isn't supported; use one of {', '.join(_CURVES)}")
        case rsa.RSAPublicKey() | ec.EllipticCurvePublicKey():
            if key.public_key() != certified:
                raise ValueError("tls.key isn't the key of the first certificate in tls.crt")
        case _:
            raise ValueError("the certificate's key is neither RSA nor ECDSA")


def _read_pair(secret: Object, key: ObjectKey) -> Certificate:
    data = Fields(secret, subject=describe(secret)).fields("data")
    return Certificate(
        name=str(key),
        certificate_chain=decode_entry(data.text("tls.crt"), "tls.crt"),
        private_key=decode_entry(data.text("tls.key"), "tls.key"),
    )


def decode_entry(encoded: str, name: str) -> str:
    """The text of one entry of a Secret's data.

    Args:
        encoded: base64.
        name: the entry's, for messages.

    Raises:
        ValueError: it is not base64 of UTF-8 text; the message doesn't quote it.
    """
    try:
        return base64.b64decode(encoded, validate=True).decode()
    except (binascii.Error, UnicodeDecodeError):
        # Without the cause: its message and object would carry the secret.
        raise ValueError(f"{name} isn't base64 of UTF-8 text") from None
