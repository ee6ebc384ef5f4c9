"""From a request's credentials to the user who sends it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from reconcilekit.kube.transport import Request
from reconcilekit.testing.apiserver import status
from reconcilekit.testing.apiserver.access.keys import Keys
from reconcilekit.testing.apiserver.access.service_accounts import ISSUER, Bearer, ServiceAccountTokens
from reconcilekit.testing.apiserver.access.signing import InvalidTokenError
from reconcilekit.testing.apiserver.access.users import ANONYMOUS, STRANGER, User


class Authenticator:
    """Knows users by client certificates, by tokens that it was given, and by tokens of ServiceAccounts.

    Args:
        tokens: bearer tokens by user, or by the user's name.
        accepts_anonymous: a request without a credential is system:anonymous' rather than answered with 401.
        accepts_strangers: a token that nobody knows, and that is no ServiceAccount's, counts as none: clients that have
            to send some find a server that asks for none.
        keys: what knows the tokens that the server has given itself.
        service_accounts: what knows theirs.
    """

    def __init__(
        self,
        tokens: Mapping[str, str] | Mapping[User, str],
        *,
        accepts_anonymous: bool,
        accepts_strangers: bool,
        keys: Keys,
        service_accounts: ServiceAccountTokens,
    ) -> None:
        self._users = {
            token: (User(user) if isinstance(user, str) else user).authenticated() for user, token in tokens.items()
        }
        self._accepts_anonymous = accepts_anonymous
        self._accepts_strangers = accepts_strangers
        self._keys = keys
        self._service_accounts = service_accounts

    def user_of(self, request: Request, peer: User | None) -> User:
        """Who sends the request.

        Args:
            request: with a bearer token in its header, or none.
            peer: whom the connection's client certificate names, or `STRANGER`.

        Raises:
            StatusError: 401.
        """
        if peer is not None and peer is not STRANGER:
            return peer.authenticated()
        scheme, _, token = request.headers.get("authorization", "").partition(" ")
        if scheme.lower() == "bearer" and token.strip() and not self._is_strange(token.strip()):
            try:
                return self.bearer(token.strip()).user
            except InvalidTokenError as error:
                raise status.unauthorized() from error
        if not self._accepts_anonymous or peer is STRANGER:
            raise status.unauthorized()
        return ANONYMOUS

    def _is_strange(self, token: str) -> bool:
        return self._accepts_strangers and token.count(".") != 2 and self._known(token) is None

    def _known(self, token: str) -> User | None:
        return self._users.get(token) or self._keys.user_of(token)

    def bearer(self, token: str, audiences: Sequence[str] = (ISSUER,)) -> Bearer:
        """Whom a token names.

        Raises:
            InvalidTokenError: nobody.
        """
        known = self._known(token)
        if known is not None:
            return Bearer(user=known, audiences=tuple(audiences))
        if token.count(".") != 2:
            raise InvalidTokenError("invalid bearer token")
        return self._service_accounts.bearer(token, audiences)
