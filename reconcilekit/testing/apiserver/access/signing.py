"""JSON web tokens (RFC 7515, 7519), signed by a key of the server's own. Needs the `cryptography` package."""

from __future__ import annotations

import base64
import functools
import hashlib
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, cast

import msgspec

from reconcilekit.testing.apiserver.status import INSTALL_EXTRA

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey

_ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
"""Of P-256's group; a private key is a number below it."""

_HALF = 32
"""Bytes of each of an ES256 signature's two numbers (RFC 7518, 3.4)."""


_WRONG_SIGNATURE = "go-jose/go-jose: error in cryptographic primitive"


class InvalidTokenError(Exception):
    """A token that this server didn't make, or that is good no more; the message says why."""


class MissingCryptographyError(ImportError):
    """What was asked for needs a package that isn't installed."""


def needs_cryptography(what: str) -> MissingCryptographyError:
    """Say what to install."""
    return MissingCryptographyError(
        f"{what} needs the cryptography package: {INSTALL_EXTRA}, or cryptography by itself"
    )


class Signer:
    """Signs and checks tokens with ES256.

    Args:
        seed: what the key is made of: the same one gives the same tokens. They are as guessable as it is, which a test
            server's may be.
        kept: the key of an earlier life, in PEM; empty for none.
        keep: called with a key that was made, in PEM, before anything is signed by it.
    """

    def __init__(self, seed: bytes, *, kept: bytes = b"", keep: Callable[[bytes], None] | None = None) -> None:
        self._seed = seed
        self._kept = kept
        self._keep = keep

    @functools.cached_property
    def key_id(self) -> str:
        """What the header names the key by: the hash of the public one."""
        key = self._key
        from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

        public = key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
        return _encode(hashlib.sha256(public).digest())

    def sign(self, claims: dict[str, Any]) -> str:
        """The token that says this.

        Raises:
            MissingCryptographyError: the cryptography package isn't installed.
        """
        key = self._key
        from cryptography.hazmat.primitives.asymmetric.ec import ECDSA
        from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
        from cryptography.hazmat.primitives.hashes import SHA256

        header = {"alg": "ES256", "kid": self.key_id}
        signed = f"{_encode(msgspec.json.encode(header))}.{_encode(msgspec.json.encode(claims))}"
        numbers = decode_dss_signature(key.sign(signed.encode(), ECDSA(SHA256(), deterministic_signing=True)))
        return f"{signed}.{_encode(b''.join(number.to_bytes(_HALF, 'big') for number in numbers))}"

    def claims(self, token: str, issuer: str = "") -> dict[str, Any]:
        """What a token says, once its signature is found to be right; its times aren't looked at.

        Args:
            token: as it is sent.
            issuer: nobody looks at the signatures of others' tokens.

        Raises:
            InvalidTokenError: it is no token of this server's.
        """
        signed, _, signature = token.rpartition(".")
        try:
            header, payload = (msgspec.json.decode(_decode(part), type=dict[str, Any]) for part in signed.split("."))
            raw = _decode(signature)
        except (ValueError, msgspec.MsgspecError) as error:
            raise InvalidTokenError("invalid bearer token") from error
        try:
            is_own = header.get("kid") == self.key_id and self._is_right(signed.encode(), raw)
        except MissingCryptographyError as error:
            # Where no token can be signed, none is this server's.
            raise InvalidTokenError("invalid bearer token") from error
        if not is_own:
            raise InvalidTokenError(_WRONG_SIGNATURE if payload.get("iss") == issuer else "invalid bearer token")
        return payload

    def key_set(self) -> dict[str, Any]:
        """The public key, as /openid/v1/jwks tells it (RFC 7517); none where there is nothing to sign with."""
        try:
            numbers = self._key.public_key().public_numbers()
        except MissingCryptographyError:
            return {"keys": []}
        point = {"x": _encode(numbers.x.to_bytes(_HALF, "big")), "y": _encode(numbers.y.to_bytes(_HALF, "big"))}
        return {"keys": [{"use": "sig", "kty": "EC", "kid": self.key_id, "crv": "P-256", "alg": "ES256", **point}]}

    @functools.cached_property
    def _key(self) -> EllipticCurvePrivateKey:
        try:
            from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, derive_private_key
        except ImportError as error:
            raise needs_cryptography("a ServiceAccount's token") from error
        if self._kept:
            return private_key(self._kept)
        number = int.from_bytes(hashlib.sha512(self._seed).digest(), "big") % (_ORDER - 1) + 1
        made = derive_private_key(number, SECP256R1())
        if self._keep is not None:
            self._keep(pem(made))
        return made

    def _is_right(self, signed: bytes, raw: bytes) -> bool:
        from cryptography.exceptions import InvalidSignature
        from cryptography.hazmat.primitives.asymmetric.ec import ECDSA
        from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
        from cryptography.hazmat.primitives.hashes import SHA256

        if len(raw) != 2 * _HALF:
            return False
        signature = encode_dss_signature(int.from_bytes(raw[:_HALF], "big"), int.from_bytes(raw[_HALF:], "big"))
        try:
            self._key.public_key().verify(signature, signed, ECDSA(SHA256()))
        except InvalidSignature:
            return False
        return True


def pem(key: EllipticCurvePrivateKey) -> bytes:
    """A private key as files hold it."""
    from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


def private_key(text: bytes) -> EllipticCurvePrivateKey:
    """The key in what `pem` made."""
    from cryptography.hazmat.primitives.serialization import load_pem_private_key

    key = load_pem_private_key(text, password=None)
    return cast("EllipticCurvePrivateKey", key)


def _encode(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def _decode(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
