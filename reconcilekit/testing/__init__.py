"""What it takes to prove a controller: virtual time, and an API server of our own that lives in the test's process."""

from __future__ import annotations

from reconcilekit.testing.virtual_time import DeadlockError, VirtualClock, VirtualTimeLimitError, run_virtual

__all__ = [
    "DeadlockError",
    "VirtualClock",
    "VirtualTimeLimitError",
    "run_virtual",
]
