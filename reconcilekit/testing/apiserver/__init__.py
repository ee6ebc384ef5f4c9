"""An API server of our own, in pure Python: on a loopback socket, or called straight on any clock."""

from __future__ import annotations

from reconcilekit.testing.apiserver.access.users import User
from reconcilekit.testing.apiserver.cluster import Snapshot
from reconcilekit.testing.apiserver.faults import ArmedFault, Fault, FaultHit, Faults
from reconcilekit.testing.apiserver.housekeeping.options import Housekeeping, Workloads
from reconcilekit.testing.apiserver.request_records import RequestRecord
from reconcilekit.testing.apiserver.server import ApiServer
from reconcilekit.testing.apiserver.storage.changes import Change, CompactedError
from reconcilekit.testing.apiserver.wire.limits import Limits
from reconcilekit.testing.apiserver.wire.transport import DirectTransport

__all__ = [
    "ApiServer",
    "ArmedFault",
    "Change",
    "CompactedError",
    "DirectTransport",
    "Fault",
    "FaultHit",
    "Faults",
    "Housekeeping",
    "Limits",
    "RequestRecord",
    "Snapshot",
    "User",
    "Workloads",
]
