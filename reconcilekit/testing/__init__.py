"""What it takes to prove a controller: virtual time, and an API server of our own that lives in the test's process."""

from __future__ import annotations

from reconcilekit.testing.apiserver import (
    ApiServer,
    ArmedFault,
    Change,
    CompactedError,
    Fault,
    FaultHit,
    Faults,
    Housekeeping,
    RequestRecord,
    Snapshot,
    Workloads,
)
from reconcilekit.testing.custom_kind import CUSTOM_RESOURCE_DEFINITION, custom_kind
from reconcilekit.testing.stepped_threads import SteppedThreads
from reconcilekit.testing.virtual_time import (
    DeadlockError,
    LivelockError,
    VirtualClock,
    VirtualTimeLimitError,
    run_virtual,
)

__all__ = [
    # an API server
    "ApiServer",
    "RequestRecord",
    "Snapshot",
    "Change",
    "CompactedError",
    "Housekeeping",
    "Workloads",
    "CUSTOM_RESOURCE_DEFINITION",
    "custom_kind",
    # what goes wrong with it
    "Fault",
    "Faults",
    "ArmedFault",
    "FaultHit",
    # time and threads
    "VirtualClock",
    "run_virtual",
    "SteppedThreads",
    "DeadlockError",
    "LivelockError",
    "VirtualTimeLimitError",
]
