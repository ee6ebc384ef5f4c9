"""Acting as somebody else, by the Impersonate-* headers: the old way, and the constrained one of KEP-5284."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from urllib.parse import unquote

import attrs

from reconcilekit.kube.transport import Request
from reconcilekit.testing.apiserver import names, status
from reconcilekit.testing.apiserver.access.attributes import Attributes
from reconcilekit.testing.apiserver.access.rbac import Authorizer, forbidden
from reconcilekit.testing.apiserver.access.users import (
    ANONYMOUS,
    AUTHENTICATED,
    MASTERS,
    UNAUTHENTICATED,
    User,
    service_account,
    split_node,
    split_service_account,
)
from reconcilekit.testing.apiserver.go_text import quoted
from reconcilekit.testing.apiserver.validation.causes import invalid

SEPARATOR = "\n"
"""Between the values of a header that came several times: it can't be in one, as a comma can."""

_USER, _GROUP, _UID = "impersonate-user", "impersonate-group", "impersonate-uid"
_EXTRA = "impersonate-extra-"
_AUTHENTICATION = "authentication.k8s.io"

_ASSOCIATED = "associated-node"
_NODE_NAME = "authentication.kubernetes.io/node-name"
"""What a token that is bound to a Pod or a Node tells of it."""

_MANY = 4
"""Groups, or values of extra, from which the constrained ways ask for all of them at once."""


def impersonated(request: Request, requestor: User, wanted: Attributes, authorizer: Authorizer) -> User:
    """Who the request is to be taken for: the requestor, unless it has the headers.

    Raises:
        StatusError: 400 for headers without a user, 403 where the requestor may not act as that user.
    """
    # Most requests have none of the headers: one look at each name tells.
    if not any(name.startswith("impersonate-") for name in request.headers):
        return requestor
    subject = _told(request.headers)
    if subject is None:
        return requestor
    problem: status.StatusError | None = None
    for mode in _modes(subject, requestor):
        try:
            mode.check(subject, wanted, _Permissions(requestor, authorizer))
        except status.StatusError as error:
            # The first way's refusal is told, whatever the others say.
            problem = problem or error
        else:
            return mode.completed(subject)
    assert problem is not None
    raise problem


def _told(headers: Mapping[str, str]) -> User | None:
    name, uid = headers.get(_USER, ""), headers.get(_UID, "")
    groups = tuple(headers[_GROUP].split(SEPARATOR)) if _GROUP in headers else ()
    extra = {
        unquote(header.removeprefix(_EXTRA)): tuple(values.split(SEPARATOR))
        for header, values in headers.items()
        if header.startswith(_EXTRA)
    }
    if not name and (uid or groups or extra):
        raise status.bad_request(f"requested {_go_syntax(uid, groups, extra)} without impersonating a user name")
    return User(name, groups=groups, uid=uid, extra=extra) if name else None


def _go_syntax(uid: str, groups: tuple[str, ...], extra: Mapping[str, tuple[str, ...]]) -> str:
    """A user as Go's %#v shows it."""
    entries = ", ".join(f"{quoted(key)}:{_go_strings(values)}" for key, values in extra.items())
    mapped = f"map[string][]string{{{entries}}}" if extra else "map[string][]string(nil)"
    return f'&user.DefaultInfo{{Name:"", UID:{quoted(uid)}, Groups:{_go_strings(groups)}, Extra:{mapped}}}'


def _go_strings(values: Iterable[str]) -> str:
    listed = ", ".join(map(quoted, values))
    return f"[]string{{{listed}}}" if listed else "[]string(nil)"


@attrs.frozen
class _Permissions:
    """What a requestor may do."""

    requestor: User
    authorizer: Authorizer

    def have(self, attributes: Attributes) -> bool:
        return self.authorizer.decide(self.requestor, attributes).is_allowed

    def need(self, attributes: Attributes) -> None:
        decision = self.authorizer.decide(self.requestor, attributes)
        if not decision.is_allowed:
            raise self.refusal(attributes, decision.reason)

    def refusal(self, attributes: Attributes, why: str) -> status.StatusError:
        return forbidden(self.requestor, attributes, why)


@attrs.frozen
class _Mode:
    """One way of acting as somebody else.

    Attributes:
        name: "user-info", ...; "" for the old way.
    """

    name: str = ""

    @property
    def verb(self) -> str:
        return f"impersonate:{self.name}" if self.name else "impersonate"

    def check(self, subject: User, wanted: Attributes, permissions: _Permissions) -> None:
        """Whether the requestor is allowed all that it takes.

        Raises:
            StatusError: 403.
        """
        if self.name:
            permissions.need(attrs.evolve(wanted, verb=f"impersonate-on:{self.name}:{wanted.verb}"))
        permissions.need(self._who(subject))
        if subject.uid:
            permissions.need(self._one("uids", subject.uid, group=_AUTHENTICATION))
        self._check_groups(subject, permissions)
        self._check_extra(subject, permissions)

    def _check_groups(self, subject: User, permissions: _Permissions) -> None:
        for never, what in (("", "empty string"), (MASTERS, MASTERS)) if self.name else ():
            if never in subject.groups:
                why = f"impersonating the {what} group is not allowed"
                raise permissions.refusal(self._one("groups", never), why)
        if not self._may_take_many(self._one("groups", "*"), len(subject.groups), permissions):
            for group in subject.groups:
                permissions.need(self._one("groups", group))

    def _check_extra(self, subject: User, permissions: _Permissions) -> None:
        extra = self._one("userextras", "", group=_AUTHENTICATION)
        if self.name:
            for key, values in subject.extra.items():
                if problem := _extra_problem(key, values):
                    raise permissions.refusal(extra, problem)
        count = sum(map(len, subject.extra.values()))
        if self._may_take_many(attrs.evolve(extra, subresource="*", name="*"), count, permissions):
            return
        for key, values in subject.extra.items():
            for value in values:
                permissions.need(attrs.evolve(extra, subresource=key, name=value))

    def _may_take_many(self, all_of_them: Attributes, count: int, permissions: _Permissions) -> bool:
        """Of many, the constrained ways ask first whether all are allowed."""
        return bool(self.name) and count >= _MANY and permissions.have(all_of_them)

    def completed(self, subject: User) -> User:
        """The user with the groups that come by themselves."""
        groups = subject.groups
        account = split_service_account(subject.name)
        if account and not groups:
            groups = service_account(*account).groups
        if self.name and split_node(subject.name):
            groups = ("system:nodes",)
        if subject.name == ANONYMOUS.name:
            groups = (*groups, *({UNAUTHENTICATED} - set(groups)))
        elif UNAUTHENTICATED not in groups:
            groups = (*groups, *({AUTHENTICATED} - set(groups)))
        return attrs.evolve(subject, groups=groups)

    def _who(self, subject: User) -> Attributes:
        node = split_node(subject.name) if self.name else None
        if node:
            # Whoever runs on every node has one rule for all of them; that it is this one was looked at before.
            return self._one("nodes", "*" if self.name == _ASSOCIATED else node)
        account = split_service_account(subject.name)
        if account:
            return attrs.evolve(self._one("serviceaccounts", account[1]), namespace=account[0])
        return self._one("users", subject.name)

    def _one(self, resource: str, name: str, *, group: str = "") -> Attributes:
        group = group or (_AUTHENTICATION if self.name else "")
        return Attributes(verb=self.verb, is_resource=True, group=group, resource=resource, name=name, version="v1")


def _modes(subject: User, requestor: User) -> Iterator[_Mode]:
    is_bare = not (subject.groups or subject.uid or subject.extra)
    if node := split_node(subject.name):
        if is_bare and split_service_account(requestor.name) and requestor.extra.get(_NODE_NAME) == (node,):
            yield _Mode(_ASSOCIATED)
        if is_bare:
            yield _Mode("arbitrary-node")
    elif split_service_account(subject.name):
        if is_bare:
            yield _Mode("serviceaccount")
    else:
        yield _Mode("user-info")
    yield _Mode()


def _extra_problem(key: str, values: tuple[str, ...]) -> str:
    """Why the constrained ways never take this, "" where they may."""
    if not key:
        return "impersonating the empty string key in extra is not allowed"
    domain, _, path = key.partition("/")
    wrong = [invalid("extra.key", domain, why).message for why in names.subdomain(domain)]
    if not domain or not path:
        wrong = [invalid("extra.key", key, 'must be a domain-prefixed path (such as "acme.io/foo")').message]
    if wrong:
        return f"impersonating an invalid key in extra is not allowed: extra.key: {wrong[0]}"
    if "" in values:
        return "impersonating the empty string value in extra is not allowed"
    return ""
