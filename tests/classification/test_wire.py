"""Requests without a whole answer: the real exceptions of each library."""

from __future__ import annotations

import asyncio
import errno
import http.client
import json
import socket
import ssl
from collections.abc import Callable

import aiohttp
import kubernetes.aio.client
import kubernetes.client
import msgspec
import multidict
import pydantic
import pytest
import urllib3
import yarl
from aiohttp.client_reqrep import ConnectionKey
from urllib3.connection import HTTPConnection
from urllib3.exceptions import (
    ConnectTimeoutError,
    MaxRetryError,
    NewConnectionError,
    ProtocolError,
    ProxyError,
    ReadTimeoutError,
    SSLError,
)

from reconcilekit.classification import classify
from reconcilekit.errors import (
    BugError,
    CertificateError,
    ConfigError,
    GarbledAnswerError,
    LostAnswerError,
    NotSentError,
    Operation,
    TransientError,
    WireError,
)

CONNECTION = HTTPConnection("127.0.0.1")
POOL = urllib3.HTTPConnectionPool("127.0.0.1")
KEY = ConnectionKey("kubernetes.default", 443, True, True, None, None, None)
VERIFY = ssl.SSLCertVerificationError(1, "[SSL: CERTIFICATE_VERIFY_FAILED] certificate verify failed (_ssl.c:1006)")
HANDSHAKE = ssl.SSLError(1, "[SSL: WRONG_VERSION_NUMBER] wrong version number (_ssl.c:1006)")
EOF = ssl.SSLEOFError(8, "EOF occurred in violation of protocol (_ssl.c:1006)")


def in_max_retry(reason: Exception) -> Exception:
    return MaxRetryError(POOL, "/api", reason)


def silent(kind: Callable[..., Exception], reason: str) -> Exception:
    """The official client's ApiException without an answer."""
    return kind(status=0, reason=reason)


def tls_of_the_official_client(inner: ssl.SSLError) -> Exception:
    return silent(kubernetes.client.ApiException, f"SSLError\n{SSLError(inner)}")


NOT_SENT = {
    "refused": ConnectionRefusedError(errno.ECONNREFUSED, "refused"),
    "DNS": socket.gaierror(-2, "Name or service not known"),
    "ours": NotSentError("refused"),
    "urllib3 refused": in_max_retry(NewConnectionError(CONNECTION, "refused")),
    "urllib3 connect timeout": in_max_retry(ConnectTimeoutError(CONNECTION, "timed out")),
    "urllib3 behind a proxy": in_max_retry(ProxyError("no proxy", NewConnectionError(CONNECTION, "refused"))),
    "aiohttp refused": aiohttp.ClientConnectorError(KEY, OSError(errno.ECONNREFUSED, "refused")),
    "aiohttp DNS": aiohttp.ClientConnectorDNSError(KEY, socket.gaierror(-2, "unknown")),
    "aiohttp connect timeout": aiohttp.ConnectionTimeoutError("timed out"),
}

LOST = {
    "reset": ConnectionResetError(errno.ECONNRESET, "reset"),
    "broken pipe": BrokenPipeError(errno.EPIPE, "pipe"),
    "no route": OSError(errno.EHOSTUNREACH, "no route"),
    "timeout": TimeoutError(),
    "half a line": asyncio.IncompleteReadError(b"{", 2),
    "closed without an answer": http.client.RemoteDisconnected("Remote end closed connection without response"),
    "half a body": http.client.IncompleteRead(b"{"),
    "EOF in TLS": EOF,
    "ours": LostAnswerError("reset"),
    "ours, unspecific": WireError("?"),
    "urllib3 read timeout": ReadTimeoutError(POOL, "/api", "timed out"),
    "urllib3 protocol error": in_max_retry(ProtocolError("aborted", ConnectionResetError())),
    "urllib3 half a body": urllib3.exceptions.IncompleteRead(1, 2),
    "urllib3 EOF in TLS": in_max_retry(SSLError(EOF)),
    "aiohttp disconnected": aiohttp.ServerDisconnectedError(),
    "aiohttp reset": aiohttp.ClientOSError(errno.ECONNRESET, "reset"),
    "aiohttp read timeout": aiohttp.SocketTimeoutError("timed out"),
    "aiohttp total timeout": aiohttp.ServerTimeoutError("timed out"),
    "aiohttp half a body": aiohttp.ClientPayloadError("half"),
    "the official client says nothing": silent(kubernetes.client.ApiException, ""),
    "the official aio client, EOF in TLS": silent(kubernetes.aio.client.ApiException, f"SSLError\n{SSLError(EOF)}"),
}

CERTIFICATE = {
    "ssl": VERIFY,
    "ours": CertificateError("self-signed"),
    "urllib3": in_max_retry(SSLError(VERIFY)),
    "urllib3, wrong host": in_max_retry(SSLError("hostname 'a' doesn't match 'b'")),
    "aiohttp": aiohttp.ClientConnectorCertificateError(KEY, VERIFY),
    "aiohttp fingerprint": aiohttp.ServerFingerprintMismatch(b"a", b"b", "host", 443),
    "official": tls_of_the_official_client(VERIFY),
    "official aio": silent(kubernetes.aio.client.ApiException, f"SSLError\n{VERIFY}"),
}

TLS = {
    "ssl": HANDSHAKE,
    "urllib3": in_max_retry(SSLError(HANDSHAKE)),
    "aiohttp": aiohttp.ClientConnectorSSLError(KEY, HANDSHAKE),
    "official": tls_of_the_official_client(HANDSHAKE),
}


@pytest.mark.parametrize("error", NOT_SENT.values(), ids=NOT_SENT)
def test_connect_and_dns_errors_were_never_sent(error: Exception) -> None:
    verdict = classify(error)

    assert type(verdict) is TransientError
    assert (verdict.rule, verdict.outcome_unknown) == ("not-sent", False)
    assert verdict.__cause__ is error


@pytest.mark.parametrize("error", LOST.values(), ids=LOST)
def test_a_write_whose_answer_is_lost_may_have_been_applied(error: Exception) -> None:
    verdict, of_read = classify(error), classify(error, operation=Operation(verb="list"))

    assert isinstance(verdict, TransientError)
    assert isinstance(of_read, TransientError)
    assert (verdict.rule, verdict.outcome_unknown, of_read.outcome_unknown) == ("connection-lost", True, False)


@pytest.mark.parametrize("error", CERTIFICATE.values(), ids=CERTIFICATE)
def test_a_certificate_is_somebodys_to_mend(error: Exception) -> None:
    verdict = classify(error)

    assert isinstance(verdict, ConfigError)
    assert (verdict.rule, verdict.reason) == ("certificate", "CertificateNotVerified")


@pytest.mark.parametrize("error", TLS.values(), ids=TLS)
def test_other_tls_errors_are_transient(error: Exception) -> None:
    verdict = classify(error)

    assert isinstance(verdict, TransientError)
    assert (verdict.rule, verdict.outcome_unknown) == ("tls", False)


def decode_error(raw: str) -> Exception:
    with pytest.raises(json.JSONDecodeError) as caught:
        json.loads(raw)
    return caught.value


def msgspec_error(raw: bytes) -> Exception:
    with pytest.raises(msgspec.DecodeError) as caught:
        msgspec.json.decode(raw)
    return caught.value


PAGE = aiohttp.ContentTypeError(
    aiohttp.RequestInfo(yarl.URL("https://k"), "GET", multidict.CIMultiDictProxy(multidict.CIMultiDict())),
    (),
    status=200,
    message="unexpected mimetype: text/html",
)

GARBLED = {
    "json": decode_error('{"items": ['),
    "msgspec": msgspec_error(b'{"items": ['),
    "ours": GarbledAnswerError("truncated"),
    "aiohttp": PAGE,
    "official, a proxy's page": silent(kubernetes.client.ApiException, "Unsupported content type: application/pdf"),
}


@pytest.mark.parametrize("error", GARBLED.values(), ids=GARBLED)
def test_a_success_that_cannot_be_read_may_have_been_applied(error: Exception) -> None:
    verdict = classify(error)

    assert isinstance(verdict, TransientError)
    assert (verdict.rule, verdict.outcome_unknown) == ("garbled-answer", True)


def deserialised(body: str, model: str, content_type: str = "application/json") -> Exception:
    """What the official client's own deserialisation raises for a body."""
    with pytest.raises((pydantic.ValidationError, kubernetes.client.ApiException)) as caught:
        kubernetes.client.ApiClient(kubernetes.client.Configuration()).deserialize(body, model, content_type)
    return caught.value


BAD_SECRETS = json.dumps({"items": [{"type": "Opaque", "data": {"password": ["hunter2"]}}]})


def test_one_invalid_item_fails_the_official_clients_whole_list_and_is_config() -> None:
    verdict = classify(deserialised(BAD_SECRETS, "V1SecretList"))

    assert isinstance(verdict, ConfigError)
    assert (verdict.rule, verdict.reason) == ("invalid-object", "InvalidObject")
    assert "data.password" in verdict.message
    assert "hunter2" not in str(verdict)


def test_a_proxys_page_in_the_official_clients_model_is_no_invalid_object() -> None:
    verdict = classify(deserialised("<html>please log in</html>", "V1SecretList", "text/html"))

    assert isinstance(verdict, TransientError)
    assert verdict.rule == "garbled-answer"


def test_a_value_that_the_official_client_cannot_parse_is_config() -> None:
    pod = json.dumps({"metadata": {"creationTimestamp": "yesterday, I think"}})
    verdict = classify(silent(kubernetes.client.ApiException, "Failed to parse `x` as datetime object"))

    assert isinstance(verdict, ConfigError)
    assert isinstance(classify(deserialised(pod, "V1Pod")), ConfigError)


def test_a_typed_read_of_an_object_that_does_not_fit_is_config() -> None:
    with pytest.raises(msgspec.ValidationError) as caught:
        msgspec.json.decode(b'{"replicas": "three"}', type=dict[str, int])

    verdict = classify(caught.value)

    assert isinstance(verdict, ConfigError)
    assert verdict.reason == "InvalidObject"


def test_a_long_list_of_findings_is_cut() -> None:
    class Many(pydantic.BaseModel):
        a: int
        b: int
        c: int
        d: int
        e: int
        f: int
        g: int

    with pytest.raises(pydantic.ValidationError) as caught:
        Many.model_validate({})

    message = classify(caught.value).config_errors[0].args[1]
    assert "e: Field required; and 2 more" in message


def test_a_request_that_the_official_client_cannot_build_is_a_bug() -> None:
    verdict = classify(
        silent(kubernetes.client.ApiException, "Cannot prepare a request message for provided arguments.")
    )

    assert isinstance(verdict, BugError)
    assert verdict.rule == "impossible-request"
    assert str(verdict) == (
        "ApiException: Cannot prepare a request message for provided arguments. "
        "The request was never sent: mend the code that makes it."
    )


@pytest.mark.parametrize("error", [FileNotFoundError("x"), KeyError("x"), ValueError("x"), RuntimeError()])
def test_anything_unknown_is_transient(error: Exception) -> None:
    verdict = classify(error)

    assert isinstance(verdict, TransientError)
    assert (verdict.rule, verdict.outcome_unknown, verdict.retry_after) == ("unknown", False, None)


def test_a_refused_connection_of_the_real_sync_client() -> None:
    configuration = kubernetes.client.Configuration()
    with socket.socket() as unheard:
        unheard.bind(("127.0.0.1", 0))  # bound and never listening: connecting is refused
        configuration.host = f"http://127.0.0.1:{unheard.getsockname()[1]}"
        configuration.retries = False
        with (
            kubernetes.client.ApiClient(configuration) as client,
            pytest.raises(urllib3.exceptions.HTTPError) as caught,
        ):
            kubernetes.client.CoreV1Api(client).list_namespace()

    assert classify(caught.value).rule == "not-sent"
