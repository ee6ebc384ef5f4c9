"""What is read from an answer: Status or not, Retry-After in its forms, and the questions that callers ask."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconcilekit.classification import (
    classify,
    default_classifier,
    is_already_exists,
    is_conflict,
    is_expired,
    is_kind_unknown,
    is_namespace_missing,
    is_namespace_terminating,
    is_not_found,
    is_replaced,
    is_resource_version_too_large,
    is_unauthorized,
)
from reconcilekit.errors import ApiError, Operation, RetryScope, TransientError
from reconcilekit.testing.virtual_time import VirtualClock
from tests.classification.conftest import Client, Sent
from tests.classification.test_table import recorded, status

IN_30 = "Wed, 01 Jan 2025 00:00:30 GMT"
"""30 s after the start of every virtual clock."""


def retry_after(error: Exception) -> float | None:
    verdict = default_classifier(clock=VirtualClock()).classify(error)
    assert isinstance(verdict, TransientError)
    return verdict.retry_after


class TestRetryAfter:
    @pytest.mark.parametrize(
        ("headers", "seconds"),
        [
            ({"Retry-After": "7"}, 7.0),
            ({"retry-after": " 0 "}, 0.0),
            ({"Retry-After": IN_30}, 30.0),
            ({"Retry-After": IN_30, "Date": "Wed, 01 Jan 2025 00:00:20 GMT"}, 10.0),
            ({"Retry-After": "Tue, 31 Dec 2024 11:00:00 GMT"}, 0.0),
            ({"Retry-After": "-7"}, None),
            ({"Retry-After": "soon"}, None),
            ({"Retry-After": "inf"}, None),
            ({"Retry-After": "9" * 400}, None),
            ({}, None),
        ],
    )
    def test_header(self, headers: dict[str, str], seconds: float | None, client: Client) -> None:
        assert retry_after(client(Sent(status=429, headers=headers))) == seconds

    def test_details_where_there_is_no_header(self, client: Client) -> None:
        assert retry_after(client(status(429, "TooManyRequests", retryAfterSeconds=5))) == 5.0
        assert retry_after(client(status(429, "TooManyRequests", retryAfterSeconds=10**400))) is None

    @given(st.text())
    def test_no_header_breaks_it(self, text: str) -> None:
        verdict = classify(ApiError(503, headers={"retry-after": text, "date": text}))
        assert verdict.rule == "service-unavailable"

    def test_a_quota_is_slow_but_never_faster_than_the_server_asks(self) -> None:
        quota = recorded("quota exceeded")
        assert retry_after(ApiError(403, body=quota.body, headers={"retry-after": "90"})) == 90.0
        assert retry_after(ApiError(403, body=quota.body, headers={"retry-after": "2"})) == 30.0


class TestScope:
    def scope(self, error: Exception, operation: Operation | None = None) -> tuple[RetryScope, str | None]:
        verdict = classify(error, operation=operation)
        assert isinstance(verdict, TransientError)
        return verdict.scope, verdict.api_group

    def test_an_overloaded_server_is_everybodys(self) -> None:
        assert self.scope(ApiError(429, operation=Operation(verb="list"))) == (RetryScope.SERVER, None)

    def test_an_eviction_is_its_keys_alone(self) -> None:
        eviction = recorded("eviction against a disruption budget")
        assert self.scope(ApiError(429, body=eviction.body)) == (RetryScope.KEY, None)
        assert self.scope(ApiError(429, operation=Operation(subresource="eviction"))) == (RetryScope.KEY, None)
        assert self.scope(ApiError(429, operation=Operation(subresource="status")))[0] is RetryScope.SERVER

    def test_a_503_is_its_api_groups(self) -> None:
        operation = Operation(verb="get", api_group="metrics.k8s.io")
        assert self.scope(ApiError(503, operation=operation)) == (RetryScope.API_GROUP, "metrics.k8s.io")
        assert self.scope(ApiError(503, operation=Operation(api_group=""))) == (RetryScope.API_GROUP, "")
        assert self.scope(ApiError(503)) == (RetryScope.KEY, None)

    @pytest.mark.parametrize("code", [429, 503])
    def test_another_client_speaks_for_its_key_alone(self, code: int, client: Client) -> None:
        error = client(Sent(status=code))
        if not isinstance(error, ApiError):
            assert self.scope(error, Operation(api_group="apps")) == (RetryScope.KEY, None)


class TestStatus:
    def test_it_is_known_by_its_fields_where_it_does_not_say_its_kind(self, client: Client) -> None:
        said = {"metadata": {}, "status": "Failure", "message": "exceeded quota: q", "code": 403}
        assert classify(client(Sent(status=403, body=json.dumps(said).encode()))).rule == "quota-exceeded"

    @pytest.mark.parametrize(
        "body",
        [
            b"",
            b"<html>token=hunter2</html>",
            b'"hunter2"',
            b'{"message": "hunter2"}',
            b'{"kind": "Secret", "status": 3, "message": "hunter2"}',
            b"\xff hunter2",
            b'{"kind": "Status", "message": {"password": "hunter2"}}',
            b'{"x":' * 5000,
        ],
    )
    def test_what_is_no_status_counts_by_its_code_and_stays_out_of_messages(self, body: bytes) -> None:
        verdict = classify(ApiError(403, body=body))

        assert verdict.rule == "forbidden"
        assert "hunter2" not in str(verdict)

    def test_neither_body_nor_headers_of_an_unknown_answer_reach_the_message(self, client: Client) -> None:
        error = client(Sent(status=418, body=b"hunter2", headers={"Set-Cookie": "hunter2"}))
        assert "hunter2" not in str(classify(error))

    def test_a_message_says_request_code_reason_text_and_remedy(self) -> None:
        rbac = recorded("rbac")
        verdict = classify(ApiError(403, body=rbac.body, request="GET /api/v1/namespaces/sb/configmaps"))

        assert str(verdict) == (
            "Forbidden: GET /api/v1/namespaces/sb/configmaps: 403 Forbidden: configmaps is forbidden: "
            'User "nobody" cannot list resource "configmaps" in API group "" in the namespace "sb"; '
            "grant the permission or satisfy the admission rule"
        )

    def test_without_a_status_the_message_has_the_phrase_of_the_exception(self) -> None:
        watch = type(
            "ApiException", (Exception,), {"status": 410, "reason": "Expired: too old", "body": None, "headers": None}
        )
        assert str(classify(watch())) == "Kubernetes API: 410 Expired: too old"

    @given(st.recursive(st.none() | st.integers() | st.text(), lambda x: st.lists(x) | st.dictionaries(st.text(), x)))
    def test_no_body_breaks_it(self, body: object) -> None:
        assert classify(ApiError(403, body=json.dumps(body).encode())).rule == "forbidden"

    def test_something_else_with_a_status_is_no_answer(self) -> None:
        class JobError(Exception):
            status = "failed"

        class NumberedError(Exception):
            status = 404

        assert [classify(JobError()).rule, classify(NumberedError()).rule] == ["unknown", "unknown"]


WRONG_UID = status(422, "Invalid", causes=[{"field": "metadata.uid", "message": "field is immutable"}], name="x")

QUESTIONS: list[tuple[Callable[[BaseException], bool], Sent, bool]] = [
    (is_not_found, recorded("object not found"), True),
    (is_not_found, recorded("namespace missing"), True),
    (is_not_found, Sent(status=404), True),
    (is_not_found, recorded("unknown resource in a known group"), False),
    (is_not_found, recorded("unknown group"), False),
    (is_not_found, Sent(status=404, body=b"<html>"), False),
    (is_not_found, Sent(status=410), False),
    (is_kind_unknown, recorded("unknown resource in a known group"), True),
    (is_kind_unknown, recorded("unknown group"), True),
    (is_kind_unknown, recorded("object not found"), False),
    (is_kind_unknown, Sent(status=403), False),
    (is_namespace_missing, recorded("namespace missing"), True),
    (is_namespace_missing, recorded("object not found"), False),
    (is_namespace_terminating, recorded("namespace is terminating"), True),
    (is_namespace_terminating, recorded("rbac"), False),
    (is_already_exists, recorded("already exists"), True),
    (is_already_exists, recorded("conflict: stale resourceVersion"), False),
    (is_conflict, recorded("conflict: stale resourceVersion"), True),
    (is_conflict, recorded("already exists"), False),
    (is_conflict, recorded("conflict: server-side apply"), False),
    (is_conflict, Sent(status=403), False),
    (is_replaced, recorded("conflict: uid in an update"), True),
    (is_replaced, recorded("conflict: uid precondition on delete"), True),
    (is_replaced, recorded("conflict: stale resourceVersion"), False),
    (is_replaced, WRONG_UID, True),
    (is_replaced, recorded("immutable field"), False),
    (is_expired, Sent(status=410), True),
    (is_expired, Sent(status=404), False),
    (is_resource_version_too_large, recorded("list: resourceVersion too large"), True),
    (is_resource_version_too_large, recorded("etcd paused: create"), False),
    (is_unauthorized, recorded("bad token"), True),
    (is_unauthorized, recorded("rbac"), False),
]


@pytest.mark.parametrize(
    ("question", "answer", "truth"),
    QUESTIONS,
    ids=[f"{each[0].__name__} {each[1].status} {each[2]}" for each in QUESTIONS],
)
def test_question(question: Callable[[BaseException], bool], answer: Sent, truth: bool, client: Client) -> None:
    error = client(answer)

    assert question(error) is truth
    assert question(classify(error)) is truth
    assert question(ValueError()) is False
