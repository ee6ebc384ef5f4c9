"""The keys of a control plane; only client certificates need the `cryptography` package."""

from __future__ import annotations

import base64
import secrets
from pathlib import Path

from reconcilekit.testing.apiserver.access.certificates import Authority
from reconcilekit.testing.apiserver.access.users import User


def write_signing_key(path: Path) -> None:
    """Write a new P-256 private key, which service account tokens are signed with.

    RFC 5915's ECPrivateKey may leave the public point out, and kube-apiserver computes it; what remains is a random
    number in a constant frame.
    """
    # Less than the curve's order, as it must be, because the top bit is clear.
    scalar = (secrets.randbits(255) | 1).to_bytes(32, "big")
    der = bytes.fromhex("30310201010420") + scalar + bytes.fromhex("a00a06082a8648ce3d030107")
    text = base64.encodebytes(der).decode().replace("\n", "")
    lines = "\n".join(text[at : at + 64] for at in range(0, len(text), 64))
    path.touch(mode=0o600)
    path.write_text(f"-----BEGIN EC PRIVATE KEY-----\n{lines}\n-----END EC PRIVATE KEY-----\n", "ascii")


class ClientAuthority:
    """Signs client certificates; the embedded server's authority does the work.

    Args:
        folder: keeps all keys and certificates.

    Raises:
        MissingCryptographyError: the cryptography package isn't installed.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._authority = Authority()
        self.ca_file = folder / "client-ca.crt"
        self.ca_file.write_bytes(self._authority.certificate)

    def issue(self, user: User) -> tuple[Path, Path]:
        """Files with a certificate and its key for a user with these groups."""
        number = sum(1 for _ in self._folder.glob("user-*.crt"))
        certificate, key = self._folder / f"user-{number}.crt", self._folder / f"user-{number}.key"
        pair = self._authority.for_user(user)
        key.touch(mode=0o600)
        key.write_bytes(pair.key)
        certificate.write_bytes(pair.certificate)
        return certificate, key
