"""What it takes to prove a controller: virtual time, and an API server of our own that lives in the test's process."""

from __future__ import annotations

from reconcilekit.testing.apiserver import ApiServer, ArmedFault, Fault, FaultHit, Faults, RequestRecord
from reconcilekit.testing.virtual_time import (
    DeadlockError,
    LivelockError,
    VirtualClock,
    VirtualTimeLimitError,
    run_virtual,
)

__all__ = [
    "ApiServer",
    "ArmedFault",
    "Fault",
    "FaultHit",
    "Faults",
    "RequestRecord",
    "DeadlockError",
    "LivelockError",
    "VirtualClock",
    "VirtualTimeLimitError",
    "run_virtual",
]
