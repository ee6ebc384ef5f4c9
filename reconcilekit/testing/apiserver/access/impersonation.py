"""Acting as somebody else, by the Impersonate-* headers: the old way, and the constrained one of KEP-5284."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from urllib.parse import unquote

import attrs

from reconcilekit.kube.transport import Request
from reconcilekit.testing.apiserver import status
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

SEPARATOR = "\n"
"""Between the values of a header that came several times: it can't be in one, as a comma can."""

_USER, _GROUP, _UID = "impersonate-user", "impersonate-group", "impersonate-uid"
_EXTRA = "impersonate-extra-"
_AUTHENTICATION = "authentication.k8s.io"


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
    for mode in _modes(subject):
        try:
            for attributes in mode.checks(subject, wanted):
                _check(requestor, attributes, authorizer)
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
class _Mode:
    """One way of acting as somebody else.

    Attributes:
        name: "user-info", ...; "" for the old way.
    """

    name: str = ""

    @property
    def verb(self) -> str:
        return f"impersonate:{self.name}" if self.name else "impersonate"

    def checks(self, subject: User, wanted: Attributes) -> Iterator[Attributes]:
        """What the requestor has to be allowed, all of it.

        Raises:
            StatusError: 403 for what this way never allows.
        """
        if self.name:
            yield attrs.evolve(wanted, verb=f"impersonate-on:{self.name}:{wanted.verb}")
        yield self._who(subject)
        if subject.uid:
            yield self._one("uids", subject.uid, group=_AUTHENTICATION)
        for group in subject.groups:
            yield self._one("groups", group)
        for key, values in subject.extra.items():
            for value in values:
                yield attrs.evolve(self._one("userextras", value, group=_AUTHENTICATION), subresource=key)

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
            return self._one("nodes", node)
        account = split_service_account(subject.name)
        if account:
            return attrs.evolve(self._one("serviceaccounts", account[1]), namespace=account[0])
        return self._one("users", subject.name)

    def _one(self, resource: str, name: str, *, group: str = "") -> Attributes:
        group = group or (_AUTHENTICATION if self.name else "")
        return Attributes(verb=self.verb, is_resource=True, group=group, resource=resource, name=name, version="v1")


def _modes(subject: User) -> Iterator[_Mode]:
    is_bare = not (subject.groups or subject.uid or subject.extra)
    if split_node(subject.name):
        if is_bare:
            yield _Mode("arbitrary-node")
    elif split_service_account(subject.name):
        if is_bare:
            yield _Mode("serviceaccount")
    else:
        yield _Mode("user-info")
    yield _Mode()


def _check(requestor: User, attributes: Attributes, authorizer: Authorizer) -> None:
    if attributes.verb.startswith("impersonate:") and attributes.resource == "groups" and attributes.name == MASTERS:
        raise forbidden(requestor, attributes, "impersonating the system:masters group is not allowed")
    decision = authorizer.decide(requestor, attributes)
    if not decision.is_allowed:
        raise forbidden(requestor, attributes, decision.reason)
