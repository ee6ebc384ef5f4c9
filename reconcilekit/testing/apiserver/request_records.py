"""What is known of the requests that a server saw."""

from __future__ import annotations

import fnmatch
import logging
from collections.abc import Mapping

import attrs

from reconcilekit.kube.transport import Request, Response
from reconcilekit.testing.apiserver import status

_log = logging.getLogger(__name__)


@attrs.define(kw_only=True, eq=False)
class RequestRecord:
    """One request that the server saw.

    Attributes:
        user: who sent it, or whom they may act as; "" where the server can't tell, as for 401.
        status: of the answer, 0 where there is none (yet).
        at: the clock's monotonic time of its arrival.
        error: a mistake of the server's own that it met with, for which the answer is 500; None as a rule.
    """

    method: str
    path: str
    query: Mapping[str, str]
    user_agent: str
    at: float
    status: int = 0
    user: str = ""
    error: Exception | None = None

    @classmethod
    def of(cls, request: Request, *, at: float) -> RequestRecord:
        """The record of a request that has just come."""
        return cls(
            method=request.method,
            path=request.path,
            query=request.query,
            user_agent=request.headers.get("user-agent", ""),
            at=at,
        )

    def matches(self, *, method: str, path: str, status: int | None) -> bool:
        """Whether it is one of those; arguments as for `ApiServer.count`."""
        return (
            (method == "*" or self.method in method.split(","))
            and fnmatch.fnmatchcase(self.path, path)
            and status in (None, self.status)
        )


def broken(record: RequestRecord, error: Exception) -> Response:
    """The answer to a request that met with a mistake of the server's own, which is logged with its traceback."""
    record.error = error
    _log.error("%s %s met with a mistake of the API server's own", record.method, record.path, exc_info=error)
    return status.internal_error(f"{type(error).__name__}: {error}").response()
