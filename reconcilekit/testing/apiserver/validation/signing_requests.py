"""What CertificateSigningRequests hold: PEM, PKCS #10 requests (RFC 2986), certificates.

Without the cryptography package requests are looked at as PEM alone.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Iterator

import attrs

_BLOCK = re.compile(
    rb"^-----BEGIN (?P<kind>[^\n]*?)-----[ \t\r]*\n(?P<text>.*?)^-----END (?P=kind)-----[ \t\r]*$",
    re.DOTALL | re.MULTILINE,
)
_HEADER = re.compile(rb"^[^:\n]+:[^\n]*\n", re.MULTILINE)
REQUEST_KIND, CERTIFICATE_KIND = "CERTIFICATE REQUEST", "CERTIFICATE"


@attrs.frozen(kw_only=True)
class Block:
    """A PEM block (RFC 1421).

    Attributes:
        kind: what it says that it holds.
        has_headers: there are some before its content.
        content: in DER.
    """

    kind: str
    has_headers: bool
    content: bytes


def blocks(text: bytes) -> Iterator[Block]:
    """The PEM blocks in a text; what stands around them, and what can't be decoded, is passed over."""
    for found in _BLOCK.finditer(text):
        told = _HEADER.sub(b"", found["text"])
        try:
            content = base64.b64decode(b"".join(told.split()), validate=True)
        except binascii.Error:
            continue
        yield Block(kind=found["kind"].decode(errors="replace"), has_headers=told != found["text"], content=content)


def request_problem(encoded: str) -> str:
    """Why nobody can go by a request, "" where they can.

    Args:
        encoded: the field as it is in JSON.
    """
    block = next(blocks(base64.b64decode(encoded)), None)
    if block is None or block.kind != REQUEST_KIND:
        return "PEM block type must be CERTIFICATE REQUEST"
    try:
        from cryptography import x509
        from cryptography.exceptions import UnsupportedAlgorithm
    except ImportError:
        return ""
    try:
        request = x509.load_der_x509_csr(block.content)
        if request.is_signature_valid:
            return ""
        return _verification_problem(type(request.public_key()).__name__)
    except UnsupportedAlgorithm:
        return "x509: cannot verify signature: algorithm unimplemented"
    except ValueError:
        return "asn1: syntax error: data truncated"


def _verification_problem(key: str) -> str:
    if "RSA" in key:
        return "crypto/rsa: verification error"
    return f"x509: {'Ed25519' if 'Ed25519' in key else 'ECDSA'} verification failure"


def organizations(encoded: str) -> list[str]:
    """The groups that a request wants its certificate for; none where nobody can tell."""
    try:
        from cryptography import x509
        from cryptography.x509.oid import NameOID
    except ImportError:
        return []
    block = next(blocks(base64.b64decode(encoded)), None)
    try:
        subject = x509.load_der_x509_csr(block.content if block else b"").subject
    except ValueError:
        return []
    return [str(told.value) for told in subject.get_attributes_for_oid(NameOID.ORGANIZATION_NAME)]


def certificate_problem(encoded: str) -> str:
    """Why something is no certificate, nor several, "" where it is."""
    found = list(blocks(base64.b64decode(encoded)))
    for block in found:
        if block.kind != CERTIFICATE_KIND:
            return f'only CERTIFICATE PEM blocks are allowed, found "{block.kind}"'
        if block.has_headers:
            return "no PEM block headers are permitted"
        if not _is_certificate(block.content):
            return "x509: malformed certificate"
    return "" if found else "must contain at least one CERTIFICATE PEM block"


def _is_certificate(content: bytes) -> bool:
    try:
        from cryptography import x509
    except ImportError:
        return True
    try:
        x509.load_der_x509_certificate(content)
    except ValueError:
        return False
    return True
