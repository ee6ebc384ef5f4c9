"""What every request passes before it is served: who sends it, whom it acts as, whether it may."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Literal, Protocol, get_args

import attrs
import msgspec

from reconcilekit.clock import Clock
from reconcilekit.kube.resource import ObjectKey
from reconcilekit.kube.transport import Request, Response
from reconcilekit.testing.apiserver import status
from reconcilekit.testing.apiserver.access.attributes import Attributes, attributes_of
from reconcilekit.testing.apiserver.access.authentication import Authenticator
from reconcilekit.testing.apiserver.access.keys import Keys
from reconcilekit.testing.apiserver.access.objects import ClusterObjects
from reconcilekit.testing.apiserver.access.rbac import GROUP, AllowAll, Authorizer, Rbac, forbidden
from reconcilekit.testing.apiserver.access.service_accounts import ISSUER, ServiceAccountTokens
from reconcilekit.testing.apiserver.access.users import ANONYMOUS, STRANGER, User
from reconcilekit.testing.apiserver.cluster import Cluster
from reconcilekit.testing.apiserver.encoding.negotiation import is_pretty, negotiate
from reconcilekit.testing.apiserver.encoding.rendering import render
from reconcilekit.testing.apiserver.kinds.traits import SIGNING_REQUESTS
from reconcilekit.testing.apiserver.pacing import Steps
from reconcilekit.testing.apiserver.storage.watch import WatchStream
from reconcilekit.testing.apiserver.writing.preconditions import RequestOf

if TYPE_CHECKING:
    from reconcilekit.testing.apiserver.access.certificates import Authority
    from reconcilekit.testing.apiserver.access.credentials import Credentials
    from reconcilekit.testing.apiserver.access.reviews import Reviewer

Answer = Response | WatchStream | Steps
Serve = Callable[[Request], Answer]

Authorization = Literal["AlwaysAllow", "RBAC"]
"""As the real server's --authorization-mode."""

_MODES = get_args(Authorization)

_WRITTEN_DOWN = SIGNING_REQUESTS[1]
"""Is in the paths of those requests that hold who sends them."""

_MARKS = ("auth", "token", "openid", _WRITTEN_DOWN)
"""One of these is in every path that the gate itself answers or follows."""


@attrs.frozen(kw_only=True)
class Caller:
    """Who sends a request, and what for."""

    user: User
    wanted: Attributes


class Record(Protocol):
    """What is noted of a request: `user` as soon as it is known who asks, whatever becomes of it."""

    user: str


class Gate:
    """Authentication, impersonation and authorization of one server, and the requests that are about them.

    Args:
        cluster: whose objects decide, and which takes the default roles.
        clock: for tokens' times.
        keys: what credentials are made with and known by.
        tokens: bearer tokens by user; None asks nobody for any.
        authorization: whether RBAC decides, or anybody may do anything.
        anonymous: take requests without credentials; None takes them where no tokens were told.
        goes_on: the cluster's state is another server's: what became of its default roles there stays so.

    Raises:
        ValueError: there is no such `authorization`.
    """

    def __init__(
        self,
        cluster: Cluster,
        *,
        clock: Clock,
        keys: Keys,
        tokens: Mapping[str, str] | Mapping[User, str] | None,
        authorization: Authorization,
        anonymous: bool | None,
        goes_on: bool = False,
    ) -> None:
        if authorization not in _MODES:
            raise ValueError(f"authorization={authorization!r} is none of {', '.join(map(repr, _MODES))}")
        self._cluster = cluster
        self.keys = keys
        objects = ClusterObjects(cluster)
        self._service_accounts = ServiceAccountTokens(
            objects, clock=clock, new_uid=cluster.storage.new_uid, signer=keys.signer
        )
        cluster.make_token = self._service_accounts.for_secret
        self._enforces = authorization == "RBAC"
        self._accepts_anonymous = tokens is None if anonymous is None else anonymous
        self._is_open = not self._enforces and tokens is None and self._accepts_anonymous
        self.authenticator = Authenticator(
            tokens or {},
            accepts_anonymous=self._accepts_anonymous,
            accepts_strangers=self._is_open,
            keys=keys,
            service_accounts=self._service_accounts,
        )
        self.authorizer: Authorizer = Rbac(objects) if self._enforces else AllowAll()
        self._now = clock.now
        if self._enforces and not (goes_on and objects.has_any(GROUP, "clusterroles")):
            from reconcilekit.testing.apiserver.access.bootstrap import make_default_roles

            make_default_roles(cluster)

    @functools.cached_property
    def _reviewer(self) -> Reviewer:
        from reconcilekit.testing.apiserver.access.reviews import Reviewer

        return Reviewer(authorizer=self.authorizer, authenticator=self.authenticator, now=self._now)

    @functools.cached_property
    def credentials(self) -> Credentials:
        """What makes those of kubeconfigs."""
        from reconcilekit.testing.apiserver.access.credentials import Credentials

        return Credentials(self.keys)

    @property
    def is_authorizing(self) -> bool:
        """Whether RBAC decides."""
        return self._enforces

    @property
    def asks_for_credentials(self) -> bool:
        """Whether a client without credentials would get nowhere."""
        return not self._is_open

    def let_nobody_in(self, name: str) -> None:
        """Have a client without a credential made only where it can do anything.

        Args:
            name: the client's.

        Raises:
            ValueError: RBAC, or the lack of a credential, would have nearly all of its requests refused.
        """
        if self._enforces or not self._accepts_anonymous:
            raise ValueError(
                f"client({name!r}) shows no credential, and this server lets hardly anything be done without one; pass "
                f"user=User({name!r}), an administrator as user=User({name!r}, groups=['system:masters']), or token=..."
            )

    def prove_itself(self) -> Authority:
        """The authority whose certificate clients are to trust, and which those in the cluster find there from now on.

        Raises:
            MissingCryptographyError: the cryptography package isn't installed.
        """
        authority = self.keys.authority
        self._cluster.follow_root_certificate()
        return authority

    def peer_of(self, certificate: bytes | None) -> User | None:
        """Whom a connection's client certificate names.

        Args:
            certificate: in DER; None where none was shown.

        Returns:
            `STRANGER` where it proves nothing, None for nobody.
        """
        if certificate is None:
            return None
        from reconcilekit.testing.apiserver.access.certificates import StrangeCertificateError

        try:
            return self.keys.authority.user_of(certificate)
        except StrangeCertificateError:
            return STRANGER

    def pass_through(self, request: Request, serve: Serve, *, record: Record, peer: User | None = None) -> Answer:
        """Serve the request if it may be served.

        Args:
            request: any.
            serve: what answers requests that are about neither users nor rights.
            record: is told who asks, or whom they act as once that is granted.
            peer: whom the connection's client certificate names.

        Raises:
            StatusError: 401, 403, or what `serve` raises.
        """
        if self._is_open and peer is None and not _needs_a_look(request):
            record.user = ANONYMOUS.name
            return serve(request)
        caller = self._admit(request, record, peer)
        own = self._own_answer(caller, request, serve)
        if own is not None:
            return own
        if self._enforces:
            self._guard_creation(caller, request, serve)
            self._guard(caller, request, serve)
            self._guard_signer(caller, request, serve)
        answer = serve(_named(request, caller.user))
        self._follow(caller, request)
        return answer

    def _admit(self, request: Request, record: Record, peer: User | None) -> Caller:
        from reconcilekit.testing.apiserver.access.impersonation import impersonated

        user = self.authenticator.user_of(request, peer)
        record.user = user.name
        wanted = attributes_of(request)
        user = impersonated(request, user, wanted, self.authorizer)
        record.user = user.name
        decision = self.authorizer.decide(user, wanted)
        if not decision.is_allowed:
            raise forbidden(user, wanted, decision.reason)
        return Caller(user=user, wanted=wanted)

    def _own_answer(self, caller: Caller, request: Request, serve: Serve) -> Answer | None:
        if request.path in _OPENID_PATHS:
            if request.method != "GET":
                raise status.method_not_allowed()
            if request.path == _OPENID_PATHS[0]:
                return _json(self._service_accounts.signer.key_set())
            from reconcilekit.testing.apiserver.origins import url_of

            return _json({**_OPENID, "jwks_uri": f"{url_of(request)}{_OPENID_PATHS[0]}"})
        if request.method != "POST":
            return None
        wanted = caller.wanted
        if (wanted.group, wanted.combined_resource) == ("", "serviceaccounts/token"):
            account = ObjectKey(wanted.namespace, wanted.name)
            return _answered(request, serve, functools.partial(self._service_accounts.request, account))
        review = self._reviewer.review_of(wanted)
        return None if review is None else _answered(request, serve, functools.partial(review, caller.user))

    def _guard_creation(self, caller: Caller, request: Request, serve: Serve) -> None:
        """Refuse a PUT or an apply that would create, of who may not: asked last, by what a dry run comes to."""
        if request.method not in ("PUT", "PATCH") or ClusterObjects(self._cluster).has(request.path):
            return
        creation = attrs.evolve(caller.wanted, verb="create")
        decision = self.authorizer.decide(caller.user, creation)
        if decision.is_allowed:
            return
        rehearsal = _rehearsed(request, serve)
        if rehearsal is not None and rehearsal.status == HTTPStatus.CREATED:
            raise forbidden(caller.user, creation, decision.reason)

    def _guard(self, caller: Caller, request: Request, serve: Serve) -> None:
        """Refuse a role or a binding that grants more than its writer has: by what a dry run makes of it."""
        from reconcilekit.testing.apiserver.access.escalation import Grantor, is_guarded

        wanted = caller.wanted
        if not is_guarded(wanted):
            return
        old = ClusterObjects(self._cluster).find(GROUP, wanted.resource, ObjectKey(wanted.namespace, wanted.name))
        rehearsal = _rehearsed(request, serve)
        if rehearsal is None:
            return
        new = msgspec.json.decode(rehearsal.body, type=dict[str, Any])
        Grantor(user=caller.user, wanted=wanted, authorizer=self.authorizer).check(new, old)

    def _guard_signer(self, caller: Caller, request: Request, serve: Serve) -> None:
        """Refuse a decision about a certificate, or one that is made, of who may not: by what a dry run makes of it."""
        from reconcilekit.testing.apiserver.access.signers import Signatory, is_guarded

        wanted = caller.wanted
        if not is_guarded(wanted):
            return
        old = ClusterObjects(self._cluster).find(wanted.group, wanted.resource, ObjectKey("", wanted.name))
        rehearsal = _rehearsed(request, serve)
        if old is None or rehearsal is None:
            return
        new = msgspec.json.decode(rehearsal.body, type=dict[str, Any])
        Signatory(user=caller.user, wanted=wanted, authorizer=self.authorizer).check(new, old)

    def _follow(self, caller: Caller, request: Request) -> None:
        wanted = caller.wanted
        if self._enforces and (wanted.group, wanted.resource) == (GROUP, "clusterroles") and request.method != "GET":
            from reconcilekit.testing.apiserver.access.bootstrap import aggregate

            aggregate(self._cluster)


_OPENID_PATHS = ("/openid/v1/jwks", "/.well-known/openid-configuration")
_OPENID = {
    "issuer": ISSUER,
    "jwks_uri": "",
    "response_types_supported": ["id_token"],
    "subject_types_supported": ["public"],
    "id_token_signing_alg_values_supported": ["ES256"],
}


def _needs_a_look(request: Request) -> bool:
    # Spelt out, because generators take three times as long, and this is on the way of every request.
    path, headers = request.path, request.headers
    if "authorization" in headers:
        return True
    for mark in _MARKS:
        if mark in path:
            return True
    for name in headers:  # noqa: SIM110 -- as above
        if name.startswith("impersonate-"):
            return True
    return False


def _named(request: Request, user: User) -> Request:
    if _WRITTEN_DOWN not in request.path:
        return request
    return RequestOf(**attrs.asdict(request, recurse=False), requestor=user.info())


def _plain(request: Request) -> dict[str, str]:
    """The headers, asking for the object itself rather than a table of it."""
    return {name: value for name, value in request.headers.items() if name != "accept"}


def _rehearsed(request: Request, serve: Serve) -> Response | None:
    """What a dry run of a write comes to; None where it isn't answered with an object."""
    answer = serve(attrs.evolve(request, query={**request.query, "dryRun": "All"}, headers=_plain(request)))
    return answer if isinstance(answer, Response) and answer.status < HTTPStatus.MULTIPLE_CHOICES else None


def _answered(request: Request, serve: Serve, answer: Callable[[dict[str, Any]], Mapping[str, Any]]) -> Answer:
    """What is asked, as it is read, with its answer.

    Args:
        request: a POST of something that is answered and never stored.
        serve: reads it, and refuses what can't be read.
        answer: makes the answer of the object.

    Raises:
        StatusError: what `serve` and `answer` raise.
    """
    accepted = negotiate(request.headers.get("accept", ""), has_tables=False)
    question = serve(attrs.evolve(request, headers=_plain(request)))
    if not isinstance(question, Response) or question.status != HTTPStatus.CREATED:
        return question
    try:
        body = answer(msgspec.json.decode(question.body, type=dict[str, Any]))
    except status.StatusError as error:
        # What there was to say of the question is said all the same.
        error.headers.update({name: text for name, text in question.headers.items() if name == "warning"})
        raise
    if accepted.transform:
        return serve(request)
    if is_pretty(request.query, request.headers.get("user-agent", "")):
        accepted = attrs.evolve(accepted, is_pretty=True)
    return render(attrs.evolve(question, body=msgspec.json.encode(body)), accepted)


def _json(body: Mapping[str, Any]) -> Response:
    return Response(status=200, headers={"content-type": status.JSON}, body=msgspec.json.encode(body))
