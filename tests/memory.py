"""What something costs in memory."""

from __future__ import annotations

import tracemalloc
from collections.abc import Callable

from tests.calls import no_collection


def peak_bytes(action: Callable[[], object]) -> int:
    """How much was taken at once while it ran."""
    with no_collection():
        tracemalloc.start()
        try:
            action()
            return tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()
