"""Failures as a real kube-apiserver words them: the `Status` bodies, and what goes with them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import attrs
import msgspec

from reconcilekit.kube.transport import Response
from reconcilekit.testing.apiserver.go_text import quoted

JSON = "application/json"
TEXT = "text/plain; charset=utf-8"

INSTALL_EXTRA = "install the extra `testing` of kube-reconcilekit (in a checkout: pip install '.[testing]')"
"""What failures say where a package is missing that only some of the server needs."""


@attrs.frozen(kw_only=True)
class Cause:
    """One entry of `details.causes`; empty parts are left out."""

    message: str
    reason: str = ""
    field: str = ""

    def encoded(self) -> dict[str, str]:
        """The entry as JSON."""
        entry = {"reason": self.reason, "message": self.message, "field": self.field}
        return {name: value for name, value in entry.items() if value}


class StatusError(Exception):
    """An answer that is a failure.

    Args:
        code: the HTTP status.
        message: the Status' message.
        reason: the Status' reason; "" leaves it out, as the server does for what it didn't map.
        details: the Status' details; None leaves them out, {} doesn't: the server makes that difference.
        retry_after: seconds for the Retry-After header.
        metadata: the Status' metadata; only an expired list fills it.
    """

    def __init__(
        self,
        code: int,
        message: str,
        *,
        reason: str = "",
        details: Mapping[str, object] | None = None,
        retry_after: int | None = None,
        metadata: Mapping[str, object] | None = None,
    ) -> None:
        super().__init__(message)
        self.code = code
        self.reason = reason
        self.details = details
        self.retry_after = retry_after
        self.headers: dict[str, str] = {}
        self.metadata = metadata or {}

    def status(self) -> dict[str, Any]:
        """The Status object."""
        status: dict[str, Any] = {
            "kind": "Status",
            "apiVersion": "v1",
            "metadata": dict(self.metadata),
            "status": "Failure",
            "message": str(self),
        }
        if self.reason:
            status["reason"] = self.reason
        if self.details is not None:
            status["details"] = dict(self.details)
        status["code"] = self.code
        return status

    def response(self) -> Response:
        """The HTTP answer."""
        headers = {"content-type": JSON, **self.headers}
        if self.retry_after is not None:
            headers["retry-after"] = str(self.retry_after)
        return Response(status=self.code, headers=headers, body=msgspec.json.encode(self.status()))


def plain_text(code: int, text: str, *, retry_after: int | None = None) -> Response:
    """An answer that isn't a Status, as the server gives outside its API machinery."""
    headers = {"content-type": TEXT, "x-content-type-options": "nosniff"}
    if retry_after is not None:
        headers["retry-after"] = str(retry_after)
    return Response(status=code, headers=headers, body=text.encode())


def resource_details(group: str, kind: str, name: str, **more: object) -> dict[str, object]:
    """`details` in the server's order, without what is empty."""
    details: dict[str, object] = {"name": name, "group": group, "kind": kind, **more}
    return {key: value for key, value in details.items() if value}


def qualified(name: str, group: str) -> str:
    """How messages name resources and kinds: "configmaps", "deployments.apps"."""
    return f"{name}.{group}" if group else name


def bad_request(message: str) -> StatusError:
    """400."""
    return StatusError(400, message, reason="BadRequest")


def unauthorized() -> StatusError:
    """401."""
    return StatusError(401, "Unauthorized", reason="Unauthorized")


def forbidden(group: str, plural: str, name: str, why: str, causes: Sequence[Cause] = ()) -> StatusError:
    """403."""
    subject = f"{qualified(plural, group)} {quoted(name)}" if name else qualified(plural, group)
    details = resource_details(group, plural, name, causes=[cause.encoded() for cause in causes])
    return StatusError(403, f"{subject} is forbidden: {why}", reason="Forbidden", details=details)


def namespace_terminating(group: str, plural: str, name: str, namespace: str) -> StatusError:
    """403 for new content in a namespace that is going away."""
    cause = Cause(
        reason="NamespaceTerminating", message=f"namespace {namespace} is being terminated", field="metadata.namespace"
    )
    why = f"unable to create new content in namespace {namespace} because it is being terminated"
    return forbidden(group, plural, name, why, [cause])


def not_found(group: str, plural: str, name: str) -> StatusError:
    """404 of an object."""
    details = resource_details(group, plural, name)
    return StatusError(404, f"{qualified(plural, group)} {quoted(name)} not found", reason="NotFound", details=details)


def unknown_resource() -> StatusError:
    """404 of a kind in a group that is served."""
    return StatusError(404, "the server could not find the requested resource", reason="NotFound", details={})


def method_not_allowed() -> StatusError:
    """405."""
    message = "the server does not allow this method on the requested resource"
    return StatusError(405, message, reason="MethodNotAllowed", details={})


def method_not_supported(group: str, plural: str, verb: str) -> StatusError:
    """405 of a custom kind."""
    details = {"group": group, "kind": plural}
    message = f'{verb} is not supported on resources of kind "{qualified(plural, group)}"'
    return StatusError(405, message, reason="MethodNotAllowed", details=details)


_MEDIA_TYPES = ("application/json", "application/yaml", "application/vnd.kubernetes.protobuf")


def not_acceptable(offered: Sequence[str] = _MEDIA_TYPES) -> StatusError:
    """406 of a path that doesn't have what is accepted."""
    message = f"406: Not Acceptable\n\nAvailable representations: {', '.join(offered)}"
    return StatusError(406, message, reason="NotAcceptable", details={})


def unsupported_media_type() -> StatusError:
    """415."""
    return StatusError(415, "415: Unsupported Media Type", reason="UnsupportedMediaType", details={})


def unknown_format(accepted: Sequence[str] = _MEDIA_TYPES) -> StatusError:
    """415 of a body whose encoding isn't read."""
    listed = ", ".join(accepted)
    message = f"the body of the request was in an unknown format - accepted media types include: {listed}"
    return StatusError(415, message, reason="UnsupportedMediaType")


def internal_error(message: str) -> StatusError:
    """500 of what should not have happened."""
    details = {"causes": [{"message": message}]}
    return StatusError(500, f"Internal error occurred: {message}", reason="InternalError", details=details)


def already_exists(group: str, plural: str, name: str) -> StatusError:
    """409 of a create."""
    details = resource_details(group, plural, name)
    message = f"{qualified(plural, group)} {quoted(name)} already exists"
    return StatusError(409, message, reason="AlreadyExists", details=details)


MODIFIED = "the object has been modified; please apply your changes to the latest version and try again"


def conflict(group: str, kind: str, name: str, why: str = MODIFIED) -> StatusError:
    """409 of a precondition; `kind` is the plural, or for deletes the kind, as the server has it."""
    message = f"Operation cannot be fulfilled on {qualified(kind, group)} {quoted(name)}: {why}"
    return StatusError(409, message, reason="Conflict", details=resource_details(group, kind, name))


def expired(message: str, *, continue_token: str = "") -> StatusError:
    """410."""
    metadata = {"continue": continue_token} if continue_token else {}
    return StatusError(410, message, reason="Expired", metadata=metadata)


def too_large_request(limit: int) -> StatusError:
    """413."""
    return StatusError(413, f"Request entity too large: limit is {limit}", reason="RequestEntityTooLarge")


def invalid(group: str, kind: str, name: str, causes: Sequence[Cause]) -> StatusError:
    """422 with its causes; several are joined as the server joins them."""
    # What is found twice is told once, and still a cause twice.
    parts = list(dict.fromkeys(f"{cause.field}: {cause.message}" for cause in causes))
    text = parts[0] if len(parts) == 1 else f"[{', '.join(parts)}]"
    message = f"{qualified(kind, group)} {quoted(name)} is invalid: {text}"
    details = resource_details(group, kind, name, causes=[cause.encoded() for cause in causes])
    return StatusError(422, message, reason="Invalid", details=details)


def invalid_options(kind: str, field: str, reason: str, text: str) -> StatusError:
    """422 about the request's own options; its subject has the empty name."""
    cause = Cause(reason=reason, message=text, field=field)
    details = {"group": "meta.k8s.io", "kind": kind, "causes": [cause.encoded()]}
    message = f'{kind}.meta.k8s.io "" is invalid: {field}: {text}'
    return StatusError(422, message, reason="Invalid", details=details)


def patch_rejected() -> StatusError:
    """422 of a JSON patch: the same for a failed test and a missing path."""
    message = "the server rejected our request due to an error in our request"
    return StatusError(422, message, reason="Invalid", details={})


def version_too_large(requested: int, current: int) -> StatusError:
    """504 of a read at a resourceVersion from the future."""
    cause = Cause(reason="ResourceVersionTooLarge", message="Too large resource version")
    details = {"causes": [cause.encoded()], "retryAfterSeconds": 1}
    message = f"Timeout: Too large resource version: {requested}, current: {current}"
    return StatusError(504, message, reason="Timeout", details=details, retry_after=1)


def timed_out() -> Response:
    """504 of the server's timeout filter: a Status without kind and apiVersion, called plain text."""
    body = {
        "metadata": {},
        "status": "Failure",
        "message": "Timeout: request did not complete within the allotted timeout",
        "reason": "Timeout",
        "details": {},
        "code": 504,
    }
    return Response(status=504, headers={"content-type": TEXT}, body=msgspec.json.encode(body))
