"""Real exceptions of each client, made from the same answer."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import attrs
import kubernetes.aio.client
import kubernetes.client
import multidict
import pytest
import urllib3

from reconcilekit.errors import ApiError

RECORDED = [
    json.loads(line) for line in (Path(__file__).parents[1] / "data" / "status-bodies.jsonl").read_text().splitlines()
]


@attrs.frozen(kw_only=True)
class Sent:
    """An answer as it went over the wire."""

    status: int
    body: bytes = b""
    headers: Mapping[str, str] = attrs.field(factory=dict)


@attrs.frozen
class HttpResponse:
    """What the official clients hand to their ApiException."""

    status: int
    reason: str
    data: bytes
    headers: object


def official(sent: Sent) -> Exception:
    response = HttpResponse(sent.status, "Phrase", sent.body, urllib3.HTTPHeaderDict(sent.headers))
    return _raised(kubernetes.client.ApiException, response, sent)


def official_aio(sent: Sent) -> Exception:
    response = HttpResponse(
        sent.status, "Phrase", sent.body, multidict.CIMultiDictProxy(multidict.CIMultiDict(sent.headers))
    )
    return _raised(kubernetes.aio.client.ApiException, response, sent)


def ours(sent: Sent) -> Exception:
    headers = {name.lower(): value for name, value in sent.headers.items()}
    return ApiError(sent.status, body=sent.body, headers=headers, request="POST /api/v1/things")


def _raised(kind: Any, response: HttpResponse, sent: Sent) -> Exception:
    """The class that `from_response` picks for the code, as the official clients do."""
    with pytest.raises(kind) as caught:
        kind.from_response(http_resp=response, body=sent.body.decode(), data=None)
    error: Exception = caught.value
    return error


Client = Callable[[Sent], Exception]

CLIENTS = {"sync": official, "aio": official_aio, "ours": ours}


@pytest.fixture(params=list(CLIENTS))
def client(request: pytest.FixtureRequest) -> Client:
    """Makes the exception that one client raises for an answer; a test that takes it runs for each of the three."""
    made: Client = CLIENTS[request.param]
    return made


@pytest.fixture
def recorded() -> list[dict[str, Any]]:
    """Every failure recorded from a real kube-apiserver."""
    return RECORDED
