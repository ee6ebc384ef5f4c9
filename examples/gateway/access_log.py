"""What Envoy is asked to write about each request and each connection that found no listener's filter chain.

The listeners the translation renders carry these loggers twice: in the HTTP connection manager's ``access_log`` (one
line a request) and in the listener's own ``access_log`` (one line a connection that was closed before any filter chain
took it, which is where ``filter_chain_not_found`` is told). `examples.gateway.demo.accesslog` reads the lines back.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

ACCESS_LOG_FIELDS = {
    "start": "%START_TIME(%s.%6f)%",
    "protocol": "%PROTOCOL%",
    "method": "%REQ(:METHOD)%",
    "authority": "%REQ(:AUTHORITY)%",
    "path": "%REQ(:PATH)%",
    "request": "%REQ(X-DEMO-REQUEST)%",
    "status": "%RESPONSE_CODE%",
    "flags": "%RESPONSE_FLAGS%",
    "details": "%RESPONSE_CODE_DETAILS%",
    "connection_details": "%CONNECTION_TERMINATION_DETAILS%",
    "transport_failure": "%UPSTREAM_TRANSPORT_FAILURE_REASON%",
    "server_name": "%REQUESTED_SERVER_NAME%",
    "local_address": "%DOWNSTREAM_LOCAL_ADDRESS%",
    "route": "%ROUTE_NAME%",
    "cluster": "%UPSTREAM_CLUSTER_RAW%",
    "upstream": "%UPSTREAM_HOST%",
    "duration_ms": "%DURATION%",
}
"""JSON key of the log line -> Envoy's command operator for its value; `accesslog.parse_line` reads these keys."""


def access_log_config(path: str | Path) -> list[dict[str, Any]]:
    """Proto-JSON access loggers that append one JSON line per request to `path`; fresh dicts at each call.

    Args:
        path: the file; Envoy creates it.
    """
    return [
        {
            "name": "envoy.access_loggers.file",
            "typed_config": {
                "@type": "type.googleapis.com/envoy.extensions.access_loggers.file.v3.FileAccessLog",
                "path": str(path),
                "log_format": {"json_format": dict(ACCESS_LOG_FIELDS)},
            },
        }
    ]
