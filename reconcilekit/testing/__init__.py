"""What it takes to prove a controller: virtual time, and an API server of our own that lives in the test's process."""

from __future__ import annotations

from typing import TYPE_CHECKING

# At once, because a module by the same name would take the function's place here when it's imported later.
from reconcilekit.testing.custom_kind import CUSTOM_RESOURCE_DEFINITION, custom_kind

if TYPE_CHECKING:
    from reconcilekit.testing.apiserver import (
        ApiServer,
        ArmedFault,
        Change,
        CompactedError,
        Fault,
        FaultHit,
        Faults,
        Housekeeping,
        Limits,
        RequestRecord,
        Snapshot,
        User,
        Workloads,
    )
    from reconcilekit.testing.stepped_threads import SteppedThreads
    from reconcilekit.testing.virtual_time import (
        DeadlockError,
        LivelockError,
        VirtualClock,
        VirtualTimeLimitError,
        run_virtual,
    )
else:
    from reconcilekit._lazy import lazily

    # Each name is imported where it's first used, as in `reconcilekit`: who tests with virtual time alone pays for no
    # server.
    _HOMES = {
        "reconcilekit.testing.apiserver": (
            "ApiServer",
            "ArmedFault",
            "Change",
            "CompactedError",
            "Fault",
            "FaultHit",
            "Faults",
            "Housekeeping",
            "Limits",
            "RequestRecord",
            "Snapshot",
            "User",
            "Workloads",
        ),
        "reconcilekit.testing.stepped_threads": ("SteppedThreads",),
        "reconcilekit.testing.virtual_time": (
            "DeadlockError",
            "LivelockError",
            "VirtualClock",
            "VirtualTimeLimitError",
            "run_virtual",
        ),
    }
    __getattr__, __dir__ = lazily(globals(), _HOMES)

__all__ = [
    # an API server
    "ApiServer",
    "RequestRecord",
    "Snapshot",
    "Change",
    "CompactedError",
    "Housekeeping",
    "Workloads",
    "User",
    "Limits",
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
