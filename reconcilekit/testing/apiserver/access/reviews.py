"""Reviews: who somebody is and what they may do, asked as an object that is created and never stored."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from typing import Any

import attrs

from reconcilekit.testing.apiserver import status
from reconcilekit.testing.apiserver.access.attributes import Attributes
from reconcilekit.testing.apiserver.access.authentication import Authenticator
from reconcilekit.testing.apiserver.access.rbac import Authorizer
from reconcilekit.testing.apiserver.access.selections import passed_over, selection_causes
from reconcilekit.testing.apiserver.access.service_accounts import ISSUER
from reconcilekit.testing.apiserver.access.signing import InvalidTokenError
from reconcilekit.testing.apiserver.access.users import User
from reconcilekit.testing.apiserver.go_text import json_text
from reconcilekit.testing.apiserver.status import Cause

_AUTHORIZATION = "authorization.k8s.io"
_AUTHENTICATION = "authentication.k8s.io"

Body = dict[str, Any]
Review = Callable[["Reviewer", User, Body], Body]


@attrs.frozen(kw_only=True)
class Reviewer:
    """Answers reviews."""

    authorizer: Authorizer
    authenticator: Authenticator
    now: Callable[[], datetime]

    def review_of(self, wanted: Attributes) -> Callable[[User, Body], Body] | None:
        """What answers the review that a request is for, None where it is for none.

        It takes who asks, and the review as it was read; it gives the review with its status, and raises StatusError:
        400 or 422.
        """
        found = _REVIEWS.get((wanted.group, wanted.resource))
        if found is None or wanted.verb != "create" or wanted.name:
            return None
        return functools.partial(found, self)

    def subject_access(self, user: User, body: Body) -> Body:
        """SubjectAccessReview."""
        del user
        spec = _spec(body)
        _check([*_access_causes(spec), *_subject_causes(spec), *_selection_causes(spec), *_metadata_causes(body)])
        return {**body, "status": self._access(_subject(spec), spec)}

    def local_subject_access(self, user: User, body: Body) -> Body:
        """LocalSubjectAccessReview."""
        del user
        spec, metadata = _spec(body), body["metadata"]
        causes = [*_access_causes(spec), *_subject_causes(spec), *_selection_causes(spec)]
        causes += _metadata_causes(body, allowed="namespace")
        attributes, others = spec.get("resourceAttributes"), spec.get("nonResourceAttributes")
        if attributes is not None and (told := attributes.get("namespace", "")) != metadata["namespace"]:
            causes.append(_invalid("spec.resourceAttributes.namespace", f'"{told}"', "must match metadata.namespace"))
        if others is not None:
            causes.append(_invalid("spec.nonResourceAttributes", _shown(others), "disallowed on this kind of request"))
        _check(causes)
        return {**body, "status": self._access(_subject(spec), spec)}

    def self_subject_access(self, user: User, body: Body) -> Body:
        """SelfSubjectAccessReview."""
        spec = _spec(body)
        _check([*_access_causes(spec), *_selection_causes(spec), *_metadata_causes(body)])
        return {**body, "status": self._access(user, spec)}

    def self_subject_rules(self, user: User, body: Body) -> Body:
        """SelfSubjectRulesReview."""
        asked = _spec(body).get("namespace", "")
        if not asked:
            raise status.bad_request("no namespace on request")
        rules, problem = self.authorizer.rules_of(user, asked)
        found: Body = {
            "resourceRules": [rule.as_object() for rule in rules if rule.resources],
            "nonResourceRules": [rule.as_object() for rule in rules if rule.urls],
            "incomplete": False,
        }
        if problem:
            found["evaluationError"] = problem
        return {**body, "metadata": {}, "spec": {}, "status": found}

    def token(self, user: User, body: Body) -> Body:
        """TokenReview."""
        del user
        spec = _spec(body)
        if not spec.get("token"):
            raise status.bad_request("token is required for TokenReview in authentication")
        try:
            bearer = self.authenticator.bearer(spec["token"], tuple(spec.get("audiences") or (ISSUER,)))
        except InvalidTokenError as error:
            problem = str(error)
            told = problem if problem == "invalid bearer token" else f"[invalid bearer token, {problem}]"
            return {**body, "status": {"user": {}, "error": told}}
        found = {"authenticated": True, "user": bearer.user.info(), "audiences": list(bearer.audiences)}
        return {**body, "status": found}

    def self_subject(self, user: User, body: Body) -> Body:
        """SelfSubjectReview."""
        made = self.now().strftime("%Y-%m-%dT%H:%M:%SZ")
        return {**body, "metadata": {"creationTimestamp": made}, "status": {"userInfo": user.info()}}

    def _access(self, subject: User, spec: Mapping[str, Any]) -> Body:
        decision = self.authorizer.decide(subject, _attributes(spec))
        found: Body = {"allowed": decision.is_allowed}
        if decision.reason:
            found["reason"] = decision.reason
        if problems := list(passed_over(spec.get("resourceAttributes") or {})):
            found["evaluationError"] = "; ".join(problems)
        return found


_REVIEWS: Mapping[tuple[str, str], Review] = {
    (_AUTHORIZATION, "subjectaccessreviews"): Reviewer.subject_access,
    (_AUTHORIZATION, "localsubjectaccessreviews"): Reviewer.local_subject_access,
    (_AUTHORIZATION, "selfsubjectaccessreviews"): Reviewer.self_subject_access,
    (_AUTHORIZATION, "selfsubjectrulesreviews"): Reviewer.self_subject_rules,
    (_AUTHENTICATION, "tokenreviews"): Reviewer.token,
    (_AUTHENTICATION, "selfsubjectreviews"): Reviewer.self_subject,
}


def _spec(body: Body) -> Body:
    return body.get("spec") or {}


def _subject(spec: Mapping[str, Any]) -> User:
    extra = {name: tuple(values) for name, values in (spec.get("extra") or {}).items()}
    return User(spec.get("user") or "", groups=spec.get("groups") or (), uid=spec.get("uid") or "", extra=extra)


def _attributes(spec: Mapping[str, Any]) -> Attributes:
    told = spec.get("resourceAttributes")
    if told is None:
        told = spec["nonResourceAttributes"]
        return Attributes(verb=told.get("verb", ""), is_resource=False, path=told.get("path", ""))
    return Attributes(
        verb=told.get("verb", ""),
        is_resource=True,
        group=told.get("group", ""),
        version=told.get("version") or "*",
        resource=told.get("resource", ""),
        subresource=told.get("subresource", ""),
        namespace=told.get("namespace", ""),
        name=told.get("name", ""),
    )


def _access_causes(spec: Mapping[str, Any]) -> list[Cause]:
    other = spec.get("nonResourceAttributes")
    if (spec.get("resourceAttributes") is None) != (other is None):
        return []
    why = "exactly one of nonResourceAttributes or resourceAttributes must be specified"
    return [_invalid("spec", _shown(other), why)]


def _shown(attributes: Mapping[str, Any] | None) -> str:
    """`nonResourceAttributes` as the server's internal type has them, whose fields have no JSON names."""
    shown = attributes and {"Path": attributes.get("path", ""), "Verb": attributes.get("verb", "")}
    return json_text(shown)


def _subject_causes(spec: Mapping[str, Any]) -> list[Cause]:
    if spec.get("user") or spec.get("groups"):
        return []
    return [_invalid("spec.user", '""', "at least one of user or group must be specified")]


def _selection_causes(spec: Mapping[str, Any]) -> Iterable[Cause]:
    return selection_causes(spec.get("resourceAttributes") or {})


def _metadata_causes(body: Body, *, allowed: str = "") -> list[Cause]:
    metadata = body["metadata"]
    if not metadata.keys() - {"managedFields", allowed}:
        return []
    why = f"must be empty except for {allowed}" if allowed else "must be empty"
    return [_invalid("metadata", json_text(metadata, sorts=False), why)]


def _invalid(field: str, value: str, why: str) -> Cause:
    return Cause(reason="FieldValueInvalid", message=f"Invalid value: {value}: {why}", field=field)


def _check(causes: list[Cause]) -> None:
    if causes:
        # The server has forgotten the kind by then: the message begins with a dot.
        raise status.invalid(_AUTHORIZATION, "", "", causes)
