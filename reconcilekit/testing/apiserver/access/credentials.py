"""What a kubeconfig says of a user, so that the server knows them."""

from __future__ import annotations

import base64

from reconcilekit.testing.apiserver.access.keys import Keys
from reconcilekit.testing.apiserver.access.users import User


class Credentials:
    """Makes credentials for any user.

    Args:
        keys: what they are made with.
    """

    def __init__(self, keys: Keys) -> None:
        self._keys = keys

    def by_token(self, user: User) -> dict[str, str]:
        """By the user's token."""
        return {"token": self._keys.token(user)}

    def by_certificate(self, user: User) -> dict[str, str]:
        """By a client certificate, for sockets with TLS.

        Raises:
            MissingCryptographyError: the cryptography package isn't installed.
        """
        pair = self._keys.authority.for_user(user)
        return {"client-certificate-data": encoded(pair.certificate), "client-key-data": encoded(pair.key)}


def encoded(data: bytes) -> str:
    """Base64, as the "-data" fields of a kubeconfig are."""
    return base64.b64encode(data).decode()
