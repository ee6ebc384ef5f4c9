"""What an ApiError says, and what it must not say."""

from __future__ import annotations

import json

import pytest

from reconcilekit.errors import ApiError


def status(message: str, **more: object) -> bytes:
    return json.dumps({"kind": "Status", "status": "Failure", "message": message, "code": 409, **more}).encode()


@pytest.mark.parametrize(
    ("error", "text", "reason"),
    [
        (ApiError(409, body=status("taken", reason="Conflict"), request="PUT /x"), "PUT /x: 409: taken", "Conflict"),
        (ApiError(409, body=status("taken")), "409: taken", "Conflict"),
        (
            ApiError(504, body=b'{"metadata":{},"status":"Failure","message":"late","reason":"Timeout","code":504}'),
            "504: late",
            "Timeout",
        ),
        (ApiError(503, body=b"service unavailable", request="GET /x"), "GET /x: 503", "Service Unavailable"),
        (
            ApiError(500, body=b'{"kind":"Secret","data":{"password":"hunter2"},"message":"hunter2"}'),
            "500",
            "Internal Server Error",
        ),
        (ApiError(500, body=b'{"status":"Failure","message":"hunter2"}'), "500", "Internal Server Error"),
        (ApiError(500, body=b"[1]"), "500", "Internal Server Error"),
        (ApiError(599), "599", ""),
        (
            ApiError(500, body=status("m" * 9_000 + "n" * 9_000)),
            "500: " + "m" * 509 + " ... " + "n" * 509,
            "Internal Server Error",
        ),
        (ApiError(500, body=status("m" * 1024)), "500: " + "m" * 1024, "Internal Server Error"),
        (ApiError(502, body=b"[" * 100_000), "502", "Bad Gateway"),
    ],
)
def test_only_a_status_message_reaches_the_text(error: ApiError, text: str, reason: str) -> None:
    assert str(error) == text
    assert error.reason == reason
