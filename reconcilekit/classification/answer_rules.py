"""The default table, first half: what the API server's answers mean, by code and Status.

The order matters: rows that need a reason, a cause or a message stand before the row of their code alone. The sources
are apimachinery's `api/errors` and `meta/v1/types.go`, and answers recorded from a real kube-apiserver.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import attrs

from reconcilekit.classification.answers import Answer, read_answer
from reconcilekit.classification.predicates import names_no_object, names_other_uid
from reconcilekit.classification.rule import Rule
from reconcilekit.clock import Clock
from reconcilekit.errors import (
    BugError,
    ConfigError,
    ConflictError,
    Operation,
    ReconcileError,
    RetryScope,
    TransientError,
)

QUOTA_RETRY_AFTER: Final = 30.0
"""Seconds before an exceeded quota is tried again: people and deletions free capacity, not milliseconds."""


@attrs.frozen(kw_only=True)
class Case:
    """An answer, what had been asked, and the verdicts that can be given on it."""

    answer: Answer
    operation: Operation
    clock: Clock

    def transient(
        self,
        *,
        may_be_applied: bool = False,
        scope: RetryScope = RetryScope.KEY,
        at_least: float | None = None,
    ) -> TransientError:
        """Retry; `may_be_applied` counts for anything that isn't known to be a read, `at_least` is in seconds."""
        asked = self.answer.retry_after(self.clock)
        return TransientError(
            str(self.answer),
            retry_after=at_least if asked is None else max(asked, at_least or 0.0),
            outcome_unknown=may_be_applied and self.operation.is_write,
            scope=scope,
            api_group=self.operation.api_group if scope is RetryScope.API_GROUP else None,
        )

    def refresh(self) -> ConflictError:
        """Retry once the cache has caught up."""
        return ConflictError(str(self.answer), retry_after=self.answer.retry_after(self.clock))

    def config(self, reason: str, remedy: str) -> ConfigError:
        """Somebody must act, as `remedy` says."""
        return ConfigError(reason, f"{self.answer}; {remedy}")


Judge = Callable[[Case], ReconcileError | None]


@attrs.frozen
class _Row:
    name: str
    statuses: tuple[int, ...]
    outcome: str
    judge: Judge

    def rule(self, clock: Clock) -> Rule:
        def judge(error: Exception, operation: Operation) -> ReconcileError | None:
            if self.statuses and getattr(error, "status", None) not in self.statuses:
                return None
            answer = read_answer(error)
            return None if answer is None else self.judge(Case(answer=answer, operation=operation, clock=clock))

        doc = (self.judge.__doc__ or "").partition("\n")[0].rstrip(".")
        return Rule(name=self.name, judge=judge, matches=doc, outcome=self.outcome)


def answer_rules(clock: Clock) -> tuple[Rule, ...]:
    """The rules for answers, in the order in which they are asked.

    Args:
        clock: tells the time where a Retry-After is a date and the answer doesn't say when it was sent.
    """
    return tuple(row.rule(clock) for row in _ROWS)


def _never_succeeds(case: Case) -> ReconcileError | None:
    """400, 405, 406, 415."""
    return BugError(f"{case.answer}; the request can never succeed as it was sent: mend the code that makes it")


def _credential_refused(case: Case) -> ReconcileError | None:
    """401 again, after the credential was reloaded."""
    if not case.operation.is_credential_reloaded:
        return None
    return case.config("Unauthorized", "the credential is refused even after reloading it: renew or replace it")


def _unauthorized(case: Case) -> ReconcileError | None:
    """401: the credential may just have expired."""
    return case.transient()


def _namespace_terminating(case: Case) -> ReconcileError | None:
    """403 with the cause NamespaceTerminating."""
    if not case.answer.has_cause("NamespaceTerminating"):
        return None
    return case.config("NamespaceTerminating", "nothing can be created there until it is gone and made anew")


def _quota_exceeded(case: Case) -> ReconcileError | None:
    """403 "exceeded quota"."""
    return case.transient(at_least=QUOTA_RETRY_AFTER) if "exceeded quota" in case.answer.message else None


def _forbidden(case: Case) -> ReconcileError | None:
    """403, RBAC or admission."""
    return case.config("Forbidden", "grant the permission or satisfy the admission rule")


def _kind_unknown(case: Case) -> ReconcileError | None:
    """404 that names no object: the kind or its group is unknown."""
    if not names_no_object(case.answer):
        return None
    return case.config("NotFound", "the kind isn't served: install its CRD or its API server, or correct the version")


def _namespace_missing(case: Case) -> ReconcileError | None:
    """404 for "namespaces": the namespace is missing."""
    if case.answer.kind != "namespaces":
        return None
    return case.config("NotFound", "create the namespace")


def _not_found(case: Case) -> ReconcileError | None:
    """404 for an object."""
    return case.config("NotFound", "create it, or correct the reference to it")


def _field_manager_conflict(case: Case) -> ReconcileError | None:
    """409 with FieldManagerConflict causes (server-side apply)."""
    if not case.answer.has_cause("FieldManagerConflict"):
        return None
    return case.config("FieldManagerConflict", "force the apply or leave those fields to their manager")


def _name_collision(case: Case) -> ReconcileError | None:
    """409 AlreadyExists for a generateName."""
    is_collision = case.answer.reason == "AlreadyExists" and case.operation.generate_name
    return case.transient() if is_collision else None


def _already_exists(case: Case) -> ReconcileError | None:
    """409 AlreadyExists."""
    return case.refresh() if case.answer.reason == "AlreadyExists" else None


def _conflict(case: Case) -> ReconcileError | None:
    """409 Conflict: a stale resourceVersion or a failed precondition."""
    return case.refresh()


def _expired(case: Case) -> ReconcileError | None:
    """410 Gone or Expired: a stale watch or continue token."""
    return case.refresh()


def _request_too_large(case: Case) -> ReconcileError | None:
    """413."""
    return case.config("RequestTooLarge", "make the object smaller")


def _other_uid(case: Case) -> ReconcileError | None:
    """422 for metadata.uid: an apply to an object that was replaced or is gone."""
    return case.refresh() if names_other_uid(case.answer) else None


def _invalid(case: Case) -> ReconcileError | None:
    """422 with causes: a bad or immutable field, an admission policy."""
    if not case.answer.causes:
        return None
    return case.config("Invalid", "correct what it names")


def _lost_race(case: Case) -> ReconcileError | None:
    """422 without causes: a JSON patch whose `test` or path missed."""
    return case.refresh()


def _too_many_requests(case: Case) -> ReconcileError | None:
    """429 of our own client, without causes, of an object or its status: the server is overloaded.

    Half of what controllers write goes to the status, and nothing limits that by itself, as a disruption budget does
    an eviction.
    """
    is_of_object = case.operation.subresource in ("", "status")
    is_server_wide = case.answer.is_ours and not case.answer.causes and is_of_object
    return case.transient(scope=RetryScope.SERVER) if is_server_wide else None


def _throttled(case: Case) -> ReconcileError | None:
    """429 of any other kind: a disruption budget, another client's limit."""
    return case.transient()


def _server_timeout(case: Case) -> ReconcileError | None:
    """500 ServerTimeout."""
    return case.transient(may_be_applied=True) if case.answer.reason == "ServerTimeout" else None


def _storage_read_error(case: Case) -> ReconcileError | None:
    """500 StorageReadError: a corrupt object."""
    if case.answer.reason != "StorageReadError":
        return None
    return case.config("CorruptObject", "the stored object can't be read: restore it, or delete it as corrupt")


def _too_large_for_etcd(case: Case) -> ReconcileError | None:
    """500 "etcdserver: request is too large"."""
    if "etcdserver: request is too large" not in case.answer.message:
        return None
    return case.config("RequestTooLarge", "make the object smaller: etcd takes 1.5 MB")


def _etcd_error(case: Case) -> ReconcileError | None:
    """500 "etcdserver: ..." of any other kind, such as "leader changed" (k/k#112152)."""
    return case.transient(may_be_applied=True) if "etcdserver: " in case.answer.message else None


def _internal_error(case: Case) -> ReconcileError | None:
    """500 InternalError, failing webhooks included, and any other 500."""
    return case.transient(may_be_applied=True)


def _bad_gateway(case: Case) -> ReconcileError | None:
    """502: a proxy between."""
    return case.transient(may_be_applied=True)


def _service_unavailable(case: Case) -> ReconcileError | None:
    """503: overload, or an aggregated API that is down; with Retry-After it never ran."""
    never_ran = case.answer.retry_after(case.clock) is not None
    is_group_wide = case.answer.is_ours and case.operation.api_group is not None
    scope = RetryScope.API_GROUP if is_group_wide else RetryScope.KEY
    return case.transient(may_be_applied=not never_ran, scope=scope)


def _version_too_large(case: Case) -> ReconcileError | None:
    """504 with the cause ResourceVersionTooLarge: a read at a version that the server hasn't reached."""
    return case.transient() if case.answer.has_cause("ResourceVersionTooLarge") else None


def _timeout(case: Case) -> ReconcileError | None:
    """504: it may still run."""
    return case.transient(may_be_applied=True)


def _other_server_error(case: Case) -> ReconcileError | None:
    """408 and any other 5xx."""
    is_server_error = case.answer.status == 408 or 500 <= case.answer.status < 600
    return case.transient(may_be_applied=True) if is_server_error else None


def _other_answer(case: Case) -> ReconcileError | None:
    """Any other status from 300 on: unknown is transient."""
    return case.transient() if case.answer.status >= 300 else None


_RETRY = "transient"
_RETRY_UNKNOWN = "transient, outcome unknown"
_REFRESH = "conflict"

_ROWS: Final = (
    _Row("never-succeeds", (400, 405, 406, 415), "bug", _never_succeeds),
    _Row("credential-refused", (401,), "config: Unauthorized", _credential_refused),
    _Row("unauthorized", (401,), _RETRY, _unauthorized),
    _Row("namespace-terminating", (403,), "config: NamespaceTerminating", _namespace_terminating),
    _Row("quota-exceeded", (403,), f"transient, not before {QUOTA_RETRY_AFTER:g} s", _quota_exceeded),
    _Row("forbidden", (403,), "config: Forbidden", _forbidden),
    _Row("kind-unknown", (404,), "config: NotFound", _kind_unknown),
    _Row("namespace-missing", (404,), "config: NotFound", _namespace_missing),
    _Row("not-found", (404,), "config: NotFound", _not_found),
    _Row("field-manager-conflict", (409,), "config: FieldManagerConflict", _field_manager_conflict),
    _Row("name-collision", (409,), _RETRY, _name_collision),
    _Row("already-exists", (409,), _REFRESH, _already_exists),
    _Row("conflict", (409,), _REFRESH, _conflict),
    _Row("expired", (410,), _REFRESH, _expired),
    _Row("request-too-large", (413,), "config: RequestTooLarge", _request_too_large),
    _Row("other-uid", (422,), _REFRESH, _other_uid),
    _Row("invalid", (422,), "config: Invalid", _invalid),
    _Row("lost-race", (422,), _REFRESH, _lost_race),
    _Row("too-many-requests", (429,), "transient, Retry-After for every key", _too_many_requests),
    _Row("throttled", (429,), "transient, Retry-After for this key", _throttled),
    _Row("server-timeout", (500,), _RETRY_UNKNOWN, _server_timeout),
    _Row("storage-read-error", (500,), "config: CorruptObject", _storage_read_error),
    _Row("too-large-for-etcd", (500,), "config: RequestTooLarge", _too_large_for_etcd),
    _Row("etcd-error", (500,), _RETRY_UNKNOWN, _etcd_error),
    _Row("internal-error", (500,), _RETRY_UNKNOWN, _internal_error),
    _Row("bad-gateway", (502,), _RETRY_UNKNOWN, _bad_gateway),
    _Row(
        "service-unavailable",
        (503,),
        "transient, outcome unknown unless Retry-After; Retry-After for its API group",
        _service_unavailable,
    ),
    _Row("resource-version-too-large", (504,), _RETRY, _version_too_large),
    _Row("timeout", (504,), _RETRY_UNKNOWN, _timeout),
    _Row("other-server-error", (), _RETRY_UNKNOWN, _other_server_error),
    _Row("other-answer", (), _RETRY, _other_answer),
)
