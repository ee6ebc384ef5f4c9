"""JSON answers in the form that was asked for: indented, as YAML or protobuf, compressed where that pays."""

from __future__ import annotations

import zlib
from collections.abc import Generator, Mapping
from http import HTTPStatus

import attrs
import msgspec

from reconcilekit.kube.transport import Response
from reconcilekit.testing.apiserver import status
from reconcilekit.testing.apiserver.encoding.negotiation import JSON, PROTOBUF, YAML, Accepted, negotiate
from reconcilekit.testing.apiserver.pacing import Steps

COMPRESSED_FROM = 128 * 1024
"""Bytes from which answers are compressed for clients that take gzip."""

COMPRESSED_AT_ONCE = 256 * 1024
"""Bytes of one step: about a millisecond."""

_GZIP = 16 + zlib.MAX_WBITS


def render(response: Response, accepted: Accepted) -> Response:
    """The answer, as YAML, protobuf or indented where that is accepted; what isn't JSON stays as it is."""
    if response.headers.get("content-type") != JSON or (accepted.media_type == JSON and not accepted.is_pretty):
        return response
    if accepted.media_type == YAML:
        headers = {**response.headers, "content-type": YAML}
        return attrs.evolve(response, headers=headers, body=as_yaml(response.body))
    if accepted.media_type == PROTOBUF:
        from reconcilekit.testing.apiserver.encoding import protobuf

        written = protobuf.as_protobuf(response.body)
        if written is None:
            return response
        return attrs.evolve(response, headers={**response.headers, "content-type": PROTOBUF}, body=written)
    return attrs.evolve(response, body=msgspec.json.format(response.body, indent=2))


def refusal(error: status.StatusError, accept: str) -> Response:
    """A failure in what its client accepts, by the Accept header; in JSON where that is nothing that there is."""
    response = error.response()
    if error.code == HTTPStatus.GATEWAY_TIMEOUT:
        return response
    try:
        return render(response, negotiate(accept))
    except status.StatusError:
        return response


def as_yaml(body: bytes) -> bytes:
    """A JSON document as YAML, its keys in order."""
    import yaml

    # libyaml's, where it is there, takes a third of the time.
    dumper = getattr(yaml, "CSafeDumper", yaml.SafeDumper)
    text = yaml.dump(
        msgspec.json.decode(body), Dumper=dumper, default_flow_style=False, sort_keys=True, allow_unicode=True
    )
    return str(text).encode()


def compress(response: Response, request_headers: Mapping[str, str]) -> Response | Steps:
    """The answer, compressed where it is large and its client takes gzip."""
    if len(response.body) < COMPRESSED_FROM or "content-encoding" in response.headers:
        return response
    if not _takes_gzip(request_headers.get("accept-encoding", "")):
        return response
    return Steps(_compressing(response))


def _takes_gzip(accepted: str) -> bool:
    """Whether gzip is among what is accepted, without a weight: the real server looks for the bare word."""
    return "gzip" in accepted and any(each.strip() == "gzip" for each in accepted.split(","))


def _compressing(response: Response) -> Generator[None, None, Response]:
    packer, packed = zlib.compressobj(level=1, wbits=_GZIP), []
    for start in range(0, len(response.body), COMPRESSED_AT_ONCE):
        packed.append(packer.compress(response.body[start : start + COMPRESSED_AT_ONCE]))
        yield
    packed.append(packer.flush())
    headers = {**response.headers, "content-encoding": "gzip", "vary": "Accept-Encoding"}
    return attrs.evolve(response, headers=headers, body=b"".join(packed))
