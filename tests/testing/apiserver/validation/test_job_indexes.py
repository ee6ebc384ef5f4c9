"""The indexes that a Job's status tells of, read as Go reads numbers."""

from __future__ import annotations

from typing import Any

import pytest

from tests.testing.apiserver.conftest import Caller

JOBS = "/apis/batch/v1/namespaces/default/jobs"
TEMPLATE = {"spec": {"restartPolicy": "Never", "containers": [{"name": "c", "image": "i"}]}}
NO_NUMBER = "cannot convert string to integer for index:"


@pytest.mark.parametrize(
    ("told", "why"),
    [
        ("+1", ""),
        ("01,3-4", ""),
        ("9" * 5000, NO_NUMBER),
        ("9223372036854775808", NO_NUMBER),
        ("9223372036854775807", "too large index:"),
        ("٣", NO_NUMBER),
    ],
)
def test_indexes_are_numbers_of_64_bits(on_server: Any, told: str, why: str) -> None:
    async def scenario(call: Caller) -> None:
        spec = {"completions": 5, "completionMode": "Indexed", "template": TEMPLATE}
        assert (await call("POST", JOBS, {"metadata": {"name": "j"}, "spec": spec})).status == 201

        answer = await call("PATCH", f"{JOBS}/j/status", {"status": {"completedIndexes": told}}, patch="merge")

        assert answer.status == (422 if why else 200)
        assert not why or f'error parsing completedIndexes: {why} "{told}"' in answer.message

    on_server(scenario)
