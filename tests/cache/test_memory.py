from __future__ import annotations

import gc
import json
import tracemalloc

from reconcilekit.cache import Scope, Store
from reconcilekit.cache.timeline import Timeline
from reconcilekit.kube.objects import RawObject, parse_object
from reconcilekit.kube.resource import Resource

POD = Resource("v1", "Pod")
SIZE = 3_500
COUNT = 2_000


def pod(number: int) -> bytes:
    owner = {
        "apiVersion": "apps/v1",
        "kind": "ReplicaSet",
        "name": f"web-{number % 100}",
        "uid": f"11111111-0000-0000-0000-{number % 100:012d}",
        "controller": True,
    }
    metadata = {
        "name": f"web-{number:06d}-abcde",
        "namespace": f"ns-{number % 50}",
        "uid": f"00000000-0000-0000-0000-{number:012d}",
        "resourceVersion": str(100_000 + number),
        "creationTimestamp": "2025-01-01T00:00:00Z",
        "labels": {"app": "web", "pod-template-hash": "abcdef", "tier": f"t{number % 7}"},
        "ownerReferences": [owner],
    }
    shell = {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": ""}
    return json.dumps(shell | {"spec": "x" * (SIZE - len(json.dumps(shell)))}).encode()


def test_a_pod_of_3_5_kb_takes_about_5_kb_and_the_store_next_to_nothing_of_it() -> None:
    raws = [pod(number) for number in range(COUNT)]
    store = Store(POD, scope=Scope(), timeline=Timeline())
    gc.collect()
    tracemalloc.start()
    try:
        parsed = (parse_object(raw, field_manager="m", resource=POD) for raw in raws)
        objects: dict[object, RawObject] = {obj.key: obj for obj in parsed}
        held = tracemalloc.get_traced_memory()[0] / COUNT
        store.replace("", {obj.key: obj for obj in objects.values()}, "1")
        with_store = tracemalloc.get_traced_memory()[0] / COUNT
    finally:
        tracemalloc.stop()

    assert held <= 5_000
    assert with_store - held <= 150
