"""The DeleteOptions that a body may have."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from reconcilekit.kube.transport import Request
from reconcilekit.testing.apiserver import status
from reconcilekit.testing.apiserver.encoding import bodies
from reconcilekit.testing.apiserver.encoding.negotiation import PROTOBUF_MAGIC

_DEFINITION = "io.k8s.apimachinery.pkg.apis.meta.v1.DeleteOptions"
_KIND, _VERSION = "DeleteOptions", "meta.k8s.io/v1"


def decode_options(body: bytes, request: Request) -> dict[str, Any]:
    """DeleteOptions.

    Raises:
        StatusError: 400.
    """
    options = _protobuf(body) if body.startswith(PROTOBUF_MAGIC) else _told(body, request)
    _check_kind(options)
    from reconcilekit.testing.apiserver.schema.decoding import DecodeError, reader

    try:
        read: dict[str, Any] = reader(_DEFINITION)(options)
    except DecodeError as error:
        raise status.bad_request(str(error)) from error
    return read


def _told(body: bytes, request: Request) -> dict[str, Any]:
    if bodies.is_yaml(request):
        from reconcilekit.testing.apiserver.encoding.yaml_reading import load_yaml

        try:
            body = load_yaml(body)
        except ValueError as error:
            raise status.bad_request(str(error)) from error
    try:
        options = bodies.loads(body)
    except ValueError as error:
        raise status.bad_request(f"couldn't get version/kind; {bodies.describe(body, error)}") from error
    if options is None:
        return {}
    if why := bodies.unreadable_type(options):
        raise status.bad_request(f"couldn't get version/kind; {why}")
    fields: dict[str, Any] = options
    return fields


def _protobuf(body: bytes) -> dict[str, Any]:
    from reconcilekit.testing.apiserver.encoding import protobuf

    try:
        return protobuf.decode_protobuf(body, api_version="v1", kind=_KIND)
    except ValueError as error:
        raise status.bad_request(str(error)) from error


def _check_kind(options: Mapping[str, Any]) -> None:
    kind, version = options.get("kind") or _KIND, options.get("apiVersion") or _VERSION
    if str(version).count("/") > 1:
        raise status.bad_request(f"unexpected GroupVersion string: {version}")
    if kind != _KIND:
        raise status.bad_request(f'no kind "{kind}" is registered for version "{version}" {bodies.SCHEME}')
