"""Every row of the default table, for each client's exception, with the recorded body wherever there is one."""

from __future__ import annotations

import json
from typing import Any

import attrs
import pytest

from reconcilekit.classification import DEFAULT_RULES, classify
from reconcilekit.errors import BugError, ConfigError, ConflictError, Operation, ReconcileError, TransientError
from tests.classification.conftest import RECORDED, Client, Sent

READ = Operation(verb="get")
WRITE = Operation(verb="create")


@attrs.frozen
class T:
    """Transient; U says that the outcome is unknown."""

    rule: str
    U: bool = False
    retry_after: float | None = None
    kind: type[TransientError] = TransientError

    def check(self, verdict: ReconcileError) -> None:
        assert type(verdict) is self.kind
        assert verdict.rule == self.rule
        assert verdict.outcome_unknown is self.U
        assert verdict.retry_after == self.retry_after


def R(rule: str) -> T:
    return T(rule, kind=ConflictError)


@attrs.frozen
class C:
    rule: str
    reason: str

    def check(self, verdict: ReconcileError) -> None:
        assert type(verdict) is ConfigError
        assert (verdict.rule, verdict.reason) == (self.rule, self.reason)


@attrs.frozen
class X:
    rule: str

    def check(self, verdict: ReconcileError) -> None:
        assert type(verdict) is BugError
        assert verdict.rule == self.rule


Expected = T | C | X


def status(code: int, reason: str = "", message: str = "", **details: Any) -> Sent:
    said = {
        "kind": "Status",
        "status": "Failure",
        "reason": reason,
        "message": message,
        "details": details,
        "code": code,
    }
    return Sent(status=code, body=json.dumps(said).encode())


def recorded(case: str) -> Sent:
    return sent(next(line for line in RECORDED if line["case"] == case))


def sent(line: dict[str, Any]) -> Sent:
    body = line["body"] if isinstance(line["body"], str) else json.dumps(line["body"])
    headers = {"Retry-After": line["retry_after"]} if line["retry_after"] else {}
    return Sent(status=line["status"], body=body.encode(), headers=headers)


NAMED = {"name": "x", "kind": "configmaps"}

ROWS: dict[str, tuple[Sent, Operation | None, Expected]] = {
    "400": (recorded("bad json"), None, X("never-succeeds")),
    "405": (recorded("method not allowed"), None, X("never-succeeds")),
    "406": (recorded("not acceptable"), None, X("never-succeeds")),
    "415": (recorded("unsupported media type"), None, X("never-succeeds")),
    "401": (recorded("bad token"), None, T("unauthorized")),
    "401 after the credential was reloaded": (
        recorded("bad token"),
        Operation(is_credential_reloaded=True),
        C("credential-refused", "Unauthorized"),
    ),
    "403 RBAC": (recorded("rbac"), None, C("forbidden", "Forbidden")),
    "403 admission": (status(403, "Forbidden", "denied by a webhook"), None, C("forbidden", "Forbidden")),
    "403 quota exceeded": (recorded("quota exceeded"), None, T("quota-exceeded", retry_after=30)),
    "403 NamespaceTerminating": (
        recorded("namespace is terminating"),
        None,
        C("namespace-terminating", "NamespaceTerminating"),
    ),
    "404 object": (recorded("object not found"), None, C("not-found", "NotFound")),
    "404 kind unknown": (recorded("unknown resource in a known group"), None, C("kind-unknown", "NotFound")),
    "404 group unknown": (recorded("unknown group"), None, C("kind-unknown", "NotFound")),
    "404 namespace unknown": (recorded("namespace missing"), None, C("namespace-missing", "NotFound")),
    "404 by the code alone": (Sent(status=404), None, C("not-found", "NotFound")),
    "409 AlreadyExists": (recorded("already exists"), None, R("already-exists")),
    "409 AlreadyExists on generateName": (
        recorded("already exists"),
        Operation(verb="create", generate_name=True),
        T("name-collision"),
    ),
    "409 Conflict, stale resourceVersion": (recorded("conflict: stale resourceVersion"), None, R("conflict")),
    "409 Conflict, uid precondition": (recorded("conflict: uid precondition on delete"), None, R("conflict")),
    "409 Conflict, uid in the message": (recorded("conflict: uid in an update"), None, R("conflict")),
    "409 by the code alone": (Sent(status=409), None, R("conflict")),
    "409 FieldManagerConflict": (
        recorded("conflict: server-side apply"),
        None,
        C("field-manager-conflict", "FieldManagerConflict"),
    ),
    "410": (status(410, "Expired", "too old resource version: 1 (355835)"), None, R("expired")),
    "413": (recorded("too large, over 3 MB"), None, C("request-too-large", "RequestTooLarge")),
    "422 with causes": (recorded("immutable field"), None, C("invalid", "Invalid")),
    "422 from an admission policy": (recorded("admission policy denies"), None, C("invalid", "Invalid")),
    "422 without causes": (recorded("JSON patch: test fails"), None, R("lost-race")),
    "422 wrong uid in an apply": (
        status(422, "Invalid", "", causes=[{"field": "metadata.uid", "message": "field is immutable"}], **NAMED),
        None,
        R("other-uid"),
    ),
    "429 eviction": (recorded("eviction against a disruption budget"), None, T("throttled", retry_after=10)),
    "500 ServerTimeout": (
        status(500, "ServerTimeout", "try again", retryAfterSeconds=4),
        None,
        T("server-timeout", U=True, retry_after=4),
    ),
    "500 InternalError": (recorded("webhook unreachable"), None, T("internal-error", U=True)),
    "500 by the code alone": (Sent(status=500), None, T("internal-error", U=True)),
    "500 etcdserver: leader changed": (status(500, "", "etcdserver: leader changed"), None, T("etcd-error", U=True)),
    "500 etcdserver: request timed out": (
        status(500, "", "etcdserver: request timed out"),
        None,
        T("etcd-error", U=True),
    ),
    "500 StorageReadError": (status(500, "StorageReadError"), None, C("storage-read-error", "CorruptObject")),
    "500 request is too large": (
        recorded("too large for etcd (1.5 MiB)"),
        None,
        C("too-large-for-etcd", "RequestTooLarge"),
    ),
    "500 of a read": (status(500, "InternalError"), READ, T("internal-error")),
    "502": (Sent(status=502, body=b"<html>"), None, T("bad-gateway", U=True)),
    "503": (recorded("aggregated API down"), None, T("service-unavailable", U=True)),
    "503 of a write": (recorded("aggregated API down"), WRITE, T("service-unavailable", U=True)),
    "503 of a read": (recorded("aggregated API down"), READ, T("service-unavailable")),
    "503 with Retry-After never ran": (
        Sent(status=503, headers={"Retry-After": "7"}),
        WRITE,
        T("service-unavailable", retry_after=7),
    ),
    "504": (recorded("etcd paused: create"), WRITE, T("timeout", U=True)),
    "504 Status without kind": (recorded("etcd gone: create"), None, T("timeout", U=True)),
    "504 ResourceVersionTooLarge": (
        recorded("list: resourceVersion too large"),
        None,
        T("resource-version-too-large", retry_after=1),
    ),
    "507, any other 5xx": (Sent(status=507), None, T("other-server-error", U=True)),
    "408": (Sent(status=408), None, T("other-server-error", U=True)),
    "302, any other answer": (Sent(status=302), None, T("other-answer")),
    "402, any other answer": (Sent(status=402), None, T("other-answer")),
}


@pytest.mark.parametrize("row", ROWS)
def test_row(row: str, client: Client) -> None:
    answer, operation, expected = ROWS[row]
    error = client(answer)

    verdict = classify(error, operation=operation)

    expected.check(verdict)
    assert verdict.__cause__ is error


def test_429_of_our_own_client_has_a_row_of_its_own(client: Client) -> None:
    error = client(recorded("too many requests in flight"))
    rule = {"ApiError": "too-many-requests"}.get(type(error).__name__, "throttled")
    T(rule, retry_after=1).check(classify(error))


def test_every_answer_rule_has_a_row() -> None:
    tested = {expected.rule for _, _, expected in ROWS.values()} | {"too-many-requests"}
    wire = {
        "certificate",
        "tls",
        "impossible-request",
        "not-sent",
        "garbled-answer",
        "invalid-object",
        "connection-lost",
    }
    assert {rule.name for rule in DEFAULT_RULES} == tested | wire


RECORDED_VERDICTS: dict[str, Expected] = {
    "bad json": X("never-succeeds"),
    "wrong kind in body": X("never-succeeds"),
    "wrong type of field": X("never-succeeds"),
    "unknown field, strict": X("never-succeeds"),
    "bad token": T("unauthorized"),
    "object not found": C("not-found", "NotFound"),
    "delete of what is gone": C("not-found", "NotFound"),
    "unknown resource in a known group": C("kind-unknown", "NotFound"),
    "unknown group": C("kind-unknown", "NotFound"),
    "namespace missing": C("namespace-missing", "NotFound"),
    "method not allowed": X("never-succeeds"),
    "not acceptable": X("never-succeeds"),
    "unsupported media type": X("never-succeeds"),
    "already exists": R("already-exists"),
    "conflict: stale resourceVersion": R("conflict"),
    "conflict: uid precondition on delete": R("conflict"),
    "conflict: uid in an update": R("conflict"),
    "conflict: server-side apply": C("field-manager-conflict", "FieldManagerConflict"),
    "apply without a field manager": C("invalid", "Invalid"),
    "JSON patch: test fails": R("lost-race"),
    "JSON patch: path missing": R("lost-race"),
    "invalid name": C("invalid", "Invalid"),
    "immutable field": C("invalid", "Invalid"),
    "too large, over 3 MB": C("request-too-large", "RequestTooLarge"),
    "too large for a ConfigMap (1 MiB of data)": C("invalid", "Invalid"),
    "too large for etcd (1.5 MiB)": C("too-large-for-etcd", "RequestTooLarge"),
    "annotations too long": C("invalid", "Invalid"),
    "quota exceeded": T("quota-exceeded", retry_after=30),
    "rbac": C("forbidden", "Forbidden"),
    "eviction against a disruption budget": T("throttled", retry_after=10),
    "webhook unreachable": T("internal-error", U=True),
    "admission policy denies": C("invalid", "Invalid"),
    "namespace is terminating": C("namespace-terminating", "NamespaceTerminating"),
    "aggregated API down": T("service-unavailable", U=True),
    "aggregated API down: its group in legacy discovery": T("service-unavailable", U=True),
    "list: resourceVersion too large": T("resource-version-too-large", retry_after=1),
    "list: bad resourceVersion": X("never-succeeds"),
    "list: bad continue token": X("never-succeeds"),
    "sendInitialEvents with a resourceVersionMatch missing": C("invalid", "Invalid"),
    "timeout parameter too short": T("timeout", U=True),
    "invalid label selector": X("never-succeeds"),
    "unsupported field selector": X("never-succeeds"),
    "etcd paused: create with timeout=3s": T("timeout", U=True),
    "etcd paused: create": T("timeout", U=True),
    "etcd paused: get": T("timeout", U=True),
    "etcd paused: consistent list": T("timeout", U=True),
    "etcd paused: readyz": T("internal-error", U=True),
    "etcd gone: create": T("timeout", U=True),
    "etcd gone: create, no timeout": T("timeout", U=True),
    "etcd gone: get": T("timeout", U=True),
    "etcd gone: delete": T("timeout", U=True),
    "etcd starting again: create": T("timeout", U=True),
    "too many requests in flight": T("throttled", retry_after=1),
}
"""What each recorded failure means to somebody who knows nothing but the answer."""

FAILURES = [line for line in RECORDED if line.get("status", 0) >= 400]


@pytest.mark.parametrize("line", FAILURES, ids=[line["case"] for line in FAILURES])
def test_recorded_failure(line: dict[str, Any], client: Client) -> None:
    error = client(sent(line))
    expected = RECORDED_VERDICTS[line["case"]]
    if line["status"] == 409 and "etcd" in line["case"]:  # the same request later met its own write
        expected = R("already-exists")
    if line["status"] == 429 and type(error).__name__ == "ApiError" and "flight" in line["case"]:
        expected = attrs.evolve(expected, rule="too-many-requests")

    expected.check(classify(error))


def test_every_recorded_verdict_is_asked_for() -> None:
    assert RECORDED_VERDICTS.keys() == {line["case"] for line in FAILURES}
