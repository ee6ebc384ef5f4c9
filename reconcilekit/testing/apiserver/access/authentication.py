"""From a request's credentials to the user who sends it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from reconcilekit.kube.transport import Request
from reconcilekit.testing.apiserver import status
from reconcilekit.testing.apiserver.access.service_accounts import ISSUER, Bearer, ServiceAccountTokens
from reconcilekit.testing.apiserver.access.signing import InvalidTokenError
from reconcilekit.testing.apiserver.access.users import ANONYMOUS, User


class Authenticator:
    """Knows users by client certificates, by tokens that it was given, and by tokens of ServiceAccounts.

    Args:
        tokens: bearer tokens by user, or by the user's name.
        accepts_anonymous: a request without a credential is system:anonymous' rather than answered with 401.
        accepts_strangers: a token that nobody knows, and that is no ServiceAccount's, counts as none: clients that have
            to send some find a server that asks for none.
        service_accounts: what knows their tokens.
    """

    def __init__(
        self,
        tokens: Mapping[str, str] | Mapping[User, str],
        *,
        accepts_anonymous: bool,
        accepts_strangers: bool,
        service_accounts: ServiceAccountTokens,
    ) -> None:
        self._users = {
            token: (User(user) if isinstance(user, str) else user).authenticated() for user, token in tokens.items()
        }
        self._accepts_anonymous = accepts_anonymous
        self._accepts_strangers = accepts_strangers
        self._service_accounts = service_accounts

    def add(self, user: User, token: str) -> None:
        """Know one more token."""
        self._users[token] = user.authenticated()

    def user_of(self, request: Request, peer: User | None) -> User:
        """Who sends the request.

        Args:
            request: with a bearer token in its header, or none.
            peer: whom the connection's client certificate names.

        Raises:
            StatusError: 401.
        """
        if peer is not None:
            return peer.authenticated()
        scheme, _, token = request.headers.get("authorization", "").partition(" ")
        if scheme.lower() == "bearer" and token.strip() and not self._is_strange(token.strip()):
            try:
                return self.bearer(token.strip()).user
            except InvalidTokenError as error:
                raise status.unauthorized() from error
        if not self._accepts_anonymous:
            raise status.unauthorized()
        return ANONYMOUS

    def _is_strange(self, token: str) -> bool:
        return self._accepts_strangers and token not in self._users and token.count(".") != 2

    def bearer(self, token: str, audiences: Sequence[str] = (ISSUER,)) -> Bearer:
        """Whom a token names.

        Raises:
            InvalidTokenError: nobody.
        """
        known = self._users.get(token)
        if known is not None:
            return Bearer(user=known, audiences=tuple(audiences))
        if token.count(".") != 2:
            raise InvalidTokenError("invalid bearer token")
        return self._service_accounts.bearer(token, audiences)
