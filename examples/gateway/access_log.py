"""What Envoy is asked to write about each request and each connection that found no listener's filter chain.

Listeners carry it twice: in the HTTP connection manager (one line a request), and at the listener itself, filtered by
the flag NR (one line for a connection that no filter chain took; nothing else tells ``filter_chain_not_found``).
`examples.gateway.demo.accesslog` reads the lines back.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

ACCESS_LOG_FIELDS = {
    "start": "%START_TIME%",
    "listener": "%FILTER_CHAIN_NAME%",
    "authority": "%REQ(:AUTHORITY)%",
    "method": "%REQ(:METHOD)%",
    "path": "%REQ(:PATH)%",
    "request_id": "%REQ(X-REQUEST-ID)%",
    "status": "%RESPONSE_CODE%",
    "flags": "%RESPONSE_FLAGS%",
    "details": "%RESPONSE_CODE_DETAILS%",
    "termination": "%CONNECTION_TERMINATION_DETAILS%",
    "transport_failure": "%DOWNSTREAM_TRANSPORT_FAILURE_REASON%",
    "route": "%ROUTE_NAME%",
    "cluster": "%UPSTREAM_CLUSTER%",
    "upstream": "%UPSTREAM_HOST%",
    "sni": "%REQUESTED_SERVER_NAME%",
}
"""JSON key of the log line -> Envoy's command operator for its value; `accesslog.parse_line` reads these keys."""


def access_log_config(path: str | Path) -> list[dict[str, Any]]:
    """Proto-JSON access loggers: one JSON line per request or connection, appended to `path`; fresh dicts each time."""
    return [
        {
            "name": "envoy.access_loggers.file",
            "typedConfig": {
                "@type": "type.googleapis.com/envoy.extensions.access_loggers.file.v3.FileAccessLog",
                "path": str(path),
                "logFormat": {"jsonFormat": dict(ACCESS_LOG_FIELDS)},
            },
        }
    ]
