"""Reviews: who somebody is and what they may do, asked as an object that is created and never stored."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

import attrs
import msgspec

from reconcilekit.testing.apiserver import status
from reconcilekit.testing.apiserver.access.attributes import Attributes
from reconcilekit.testing.apiserver.access.authentication import Authenticator
from reconcilekit.testing.apiserver.access.rbac import Authorizer
from reconcilekit.testing.apiserver.access.service_accounts import ISSUER
from reconcilekit.testing.apiserver.access.signing import InvalidTokenError
from reconcilekit.testing.apiserver.access.users import User
from reconcilekit.testing.apiserver.status import Cause

_AUTHORIZATION = "authorization.k8s.io"
_AUTHENTICATION = "authentication.k8s.io"

Body = dict[str, Any]
Review = Callable[["Reviewer", User, Body, str], Body]


@attrs.frozen(kw_only=True)
class Reviewer:
    """Answers reviews."""

    authorizer: Authorizer
    authenticator: Authenticator
    now: Callable[[], datetime]

    def review(self, user: User, wanted: Attributes, body: Body) -> Body | None:
        """The review with its status, None where the request is for none.

        Args:
            user: who asks.
            wanted: what the request is about.
            body: the review.

        Raises:
            StatusError: 400 or 422.
        """
        found = _REVIEWS.get((wanted.group, wanted.resource))
        if found is None or wanted.verb != "create" or wanted.name:
            return None
        kind, review = found
        answer = {"kind": kind, "apiVersion": f"{wanted.group}/v1", "metadata": {}}
        return answer | review(self, user, body, wanted.namespace)

    def subject_access(self, user: User, body: Body, namespace: str) -> Body:
        """SubjectAccessReview."""
        del user, namespace
        spec = _spec(body)
        _check_metadata(body)
        causes = [*_access_causes(spec), *_subject_causes(spec)]
        _check(causes)
        return {"spec": spec, "status": self._access(_subject(spec), spec)}

    def local_subject_access(self, user: User, body: Body, namespace: str) -> Body:
        """LocalSubjectAccessReview."""
        del user
        spec, metadata = _spec(body), body.get("metadata") or {}
        causes = [*_access_causes(spec), *_subject_causes(spec)]
        told = (spec.get("resourceAttributes") or {}).get("namespace", "")
        if spec.get("resourceAttributes") is not None and told != (metadata.get("namespace") or namespace):
            causes.append(_invalid("spec.resourceAttributes.namespace", f'"{told}"', "must match metadata.namespace"))
        _check(causes)
        return {"metadata": {"namespace": namespace}, "spec": spec, "status": self._access(_subject(spec), spec)}

    def self_subject_access(self, user: User, body: Body, namespace: str) -> Body:
        """SelfSubjectAccessReview."""
        del namespace
        spec = _spec(body)
        _check_metadata(body)
        _check(list(_access_causes(spec)))
        return {"spec": spec, "status": self._access(user, spec)}

    def self_subject_rules(self, user: User, body: Body, namespace: str) -> Body:
        """SelfSubjectRulesReview."""
        del namespace
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
        return {"spec": {}, "status": found}

    def token(self, user: User, body: Body, namespace: str) -> Body:
        """TokenReview."""
        del user, namespace
        spec = _spec(body)
        if not spec.get("token"):
            raise status.bad_request("token is required for TokenReview in authentication")
        try:
            bearer = self.authenticator.bearer(spec["token"], tuple(spec.get("audiences") or (ISSUER,)))
        except InvalidTokenError as error:
            problem = str(error)
            told = problem if problem == "invalid bearer token" else f"[invalid bearer token, {problem}]"
            return {"spec": spec, "status": {"user": {}, "error": told}}
        found = {"authenticated": True, "user": bearer.user.info(), "audiences": list(bearer.audiences)}
        return {"spec": spec, "status": found}

    def self_subject(self, user: User, body: Body, namespace: str) -> Body:
        """SelfSubjectReview."""
        del body, namespace
        made = self.now().strftime("%Y-%m-%dT%H:%M:%SZ")
        return {"metadata": {"creationTimestamp": made}, "status": {"userInfo": user.info()}}

    def _access(self, subject: User, spec: Mapping[str, Any]) -> Body:
        decision = self.authorizer.decide(subject, _attributes(spec))
        found: Body = {"allowed": decision.is_allowed}
        if decision.reason:
            found["reason"] = decision.reason
        return found


_REVIEWS: Mapping[tuple[str, str], tuple[str, Review]] = {
    (_AUTHORIZATION, "subjectaccessreviews"): ("SubjectAccessReview", Reviewer.subject_access),
    (_AUTHORIZATION, "localsubjectaccessreviews"): ("LocalSubjectAccessReview", Reviewer.local_subject_access),
    (_AUTHORIZATION, "selfsubjectaccessreviews"): ("SelfSubjectAccessReview", Reviewer.self_subject_access),
    (_AUTHORIZATION, "selfsubjectrulesreviews"): ("SelfSubjectRulesReview", Reviewer.self_subject_rules),
    (_AUTHENTICATION, "tokenreviews"): ("TokenReview", Reviewer.token),
    (_AUTHENTICATION, "selfsubjectreviews"): ("SelfSubjectReview", Reviewer.self_subject),
}


def _spec(body: Body) -> Body:
    spec = body.get("spec")
    return spec if isinstance(spec, dict) else {}


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
    # As the server's internal type has it, whose fields have no JSON names.
    shown = other and {"Path": other.get("path", ""), "Verb": other.get("verb", "")}
    why = "exactly one of nonResourceAttributes or resourceAttributes must be specified"
    return [_invalid("spec", msgspec.json.encode(shown).decode(), why)]


def _subject_causes(spec: Mapping[str, Any]) -> list[Cause]:
    if spec.get("user") or spec.get("groups"):
        return []
    return [_invalid("spec.user", '""', "at least one of user or group must be specified")]


def _check_metadata(body: Body) -> None:
    told = {name: value for name, value in (body.get("metadata") or {}).items() if value and name != "managedFields"}
    if told:
        _check([_invalid("metadata", msgspec.json.encode(told).decode(), "must be empty")])


def _invalid(field: str, value: str, why: str) -> Cause:
    return Cause(reason="FieldValueInvalid", message=f"Invalid value: {value}: {why}", field=field)


def _check(causes: list[Cause]) -> None:
    if causes:
        # The server has forgotten the kind by then: the message begins with a dot.
        raise status.invalid(_AUTHORIZATION, "", "", causes)
