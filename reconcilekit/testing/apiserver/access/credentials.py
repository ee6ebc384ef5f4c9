"""What a kubeconfig says of a user, so that the server knows them."""

from __future__ import annotations

import base64
import functools
import random

from reconcilekit.testing.apiserver.access.authentication import Authenticator
from reconcilekit.testing.apiserver.access.certificates import Authority
from reconcilekit.testing.apiserver.access.users import User


class Credentials:
    """Makes credentials for any user.

    Args:
        authenticator: which has to know the tokens.
        random_source: of the tokens.
    """

    def __init__(self, authenticator: Authenticator, random_source: random.Random) -> None:
        self._authenticator = authenticator
        self._random = random_source
        self._tokens: dict[User, str] = {}

    @functools.cached_property
    def authority(self) -> Authority:
        """What signs certificates, made when it is first asked for.

        Raises:
            MissingCryptographyError: the cryptography package isn't installed.
        """
        return Authority()

    def token(self, user: User) -> str:
        """A bearer token of a user, the same each time."""
        token = self._tokens.get(user)
        if token is None:
            token = self._tokens[user] = f"{self._random.getrandbits(160):040x}"
            self._authenticator.add(user, token)
        return token

    def by_token(self, user: User) -> dict[str, str]:
        """By the user's token."""
        return {"token": self.token(user)}

    def by_certificate(self, user: User) -> dict[str, str]:
        """By a client certificate, for sockets with TLS."""
        pair = self.authority.for_user(user)
        return {"client-certificate-data": encoded(pair.certificate), "client-key-data": encoded(pair.key)}


def encoded(data: bytes) -> str:
    """Base64, as the "-data" fields of a kubeconfig are."""
    return base64.b64encode(data).decode()
