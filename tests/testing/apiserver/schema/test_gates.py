"""Fields behind gates that are off: what is dropped, and that nothing else is copied; a recording has the rest."""

from __future__ import annotations

from typing import Any

from reconcilekit.testing.apiserver.schema.definitions import definition
from reconcilekit.testing.apiserver.schema.gates import DROPPED, drop_disabled

POD = "io.k8s.api.core.v1.Pod"


def _pod(**container: Any) -> dict[str, Any]:
    return {"metadata": {"name": "a"}, "spec": {"containers": [{"name": "a", **container}]}}


def test_the_table_names_fields_that_there_are() -> None:
    for name, fields in DROPPED.items():
        assert fields <= definition(name).fields.keys()


def test_what_has_none_of_them_stays_the_same_object() -> None:
    pod = _pod(lifecycle={"preStop": {"exec": {"command": ["a"]}}})
    spec = pod["spec"]

    drop_disabled(POD, pod)

    assert pod["spec"] is spec


def test_what_has_some_is_copied_and_left_alone() -> None:
    pod = _pod(lifecycle={"stopSignal": "SIGTERM", "preStop": {"sleep": {"seconds": 1}}})
    spec = pod["spec"]

    drop_disabled(POD, pod)

    assert pod["spec"]["containers"][0]["lifecycle"] == {"preStop": {"sleep": {"seconds": 1}}}
    assert spec["containers"][0]["lifecycle"]["stopSignal"] == "SIGTERM"


def test_a_lifecycle_of_nothing_else_goes_with_it() -> None:
    pod = _pod(lifecycle={"stopSignal": "SIGTERM"})

    drop_disabled(POD, pod)

    assert pod == _pod()
