"""What a strategic merge patch of long lists costs: each item is looked up, not looked for."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from typing_extensions import override

from reconcilekit.testing.apiserver.writing.strategic import StrategicPatch
from tests.calls import calls_of
from tests.testing.apiserver.conftest import Caller

POD = "io.k8s.api.core.v1.PodSpec"
METADATA = "io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta"
SERVICES = "/api/v1/namespaces/default/services"


class Name(str):
    """A text of which each comparison is a call that counts."""

    __slots__ = ()

    @override
    def __eq__(self, other: object) -> bool:
        return str.__eq__(self, other) is True

    __hash__ = str.__hash__


Case = tuple[str, dict[str, Any], dict[str, Any]]


def _named(names: list[Name], **more: Any) -> list[dict[str, Any]]:
    return [{"name": name, **more} for name in names]


def _containers_in_order(names: list[Name]) -> Case:
    order = _named(names[::-1])
    patch = {"containers": _named(names[::-2], image="b"), "$setElementOrder/containers": order}
    return POD, {"containers": _named(names, image="a")}, patch


def _order_alone(names: list[Name]) -> Case:
    return POD, {"containers": _named(names)}, {"$setElementOrder/containers": _named(names[::-2])}


def _deleted_containers(names: list[Name]) -> Case:
    patch = {"containers": [{"name": name, "$patch": "delete"} for name in names[::-1]]}
    return POD, {"containers": _named(names)}, patch


def _new_finalizers(names: list[Name]) -> Case:
    half = len(names) // 2
    return METADATA, {"finalizers": names[half:]}, {"finalizers": [*names[::-1], *names]}


def _deleted_finalizers(names: list[Name]) -> Case:
    return METADATA, {"finalizers": names}, {"$deleteFromPrimitiveList/finalizers": names[::-1]}


def _retained_fields(names: list[Name]) -> Case:
    fields = dict.fromkeys(map(str, names), 1)
    return "", dict(fields), {**fields, "$retainKeys": names[::-1]}


CASES = [
    _containers_in_order,
    _order_alone,
    _deleted_containers,
    _new_finalizers,
    _deleted_finalizers,
    _retained_fields,
]


@pytest.mark.parametrize("case", CASES)
def test_a_list_four_times_as_long_costs_about_four_times_as_much(case: Callable[[list[Name]], Case]) -> None:
    def cost(number: int) -> int:
        # Equal names are different objects, as those of two documents are.
        definition, live, patch = case([Name(f"n{i}") for i in range(number)])
        again = {key: [_copy(item) for item in told] if isinstance(told, list) else told for key, told in live.items()}
        return calls_of(lambda: StrategicPatch(patch=patch, definition=definition)(again))

    cost(4)
    assert cost(400) < 6 * cost(100)


def _copy(item: Any) -> Any:
    return {key: _copy(told) for key, told in item.items()} if isinstance(item, dict) else Name(item)


@pytest.mark.parametrize(
    ("patch", "told"),
    [
        ({"$setElementOrder/ports": [{"port": 80}, {"port": 1}]}, [80, 1]),
        ({"$setElementOrder/ports": [{"port": 80.0}, {"port": 1.0}]}, [1, 80]),
        ({"$setElementOrder/ports": [{"port": 80}, {"port": True}]}, [1, 80]),
        ({"ports": [{"port": True, "$patch": "delete"}, {"port": 1.0, "$patch": "delete"}]}, [1, 80]),
        ({"ports": [{"port": 1, "$patch": "delete"}]}, [80]),
        ({"ports": [{"port": 1.0, "name": "x"}]}, "spec.ports[1]: Duplicate value: "),
        (
            {"ports": [{"port": 1}], "$setElementOrder/ports": [{"port": True}, {"port": 80}]},
            "The order in patch list:\n[map[port:1]]\n doesn't match $setElementOrder list:",
        ),
    ],
)
def test_one_and_true_and_a_fraction_are_three_keys(on_server: Any, patch: Any, told: Any) -> None:
    async def scenario(call: Caller) -> None:
        ports = [{"port": 1, "name": "x"}, {"port": 80, "name": "y"}]
        made = {"metadata": {"name": "a"}, "spec": {"clusterIP": "None", "ports": ports}}
        assert (await call("POST", SERVICES, made)).status == 201
        answer = await call("PATCH", f"{SERVICES}/a", {"spec": patch}, patch="strategic")
        if isinstance(told, str):
            assert told in answer.body["message"]
        else:
            assert [port["port"] for port in answer.body["spec"]["ports"]] == told

    on_server(scenario)


def test_the_deepest_key_is_compared(on_server: Any) -> None:
    async def scenario(call: Caller) -> None:
        made = {"metadata": {"name": "a"}, "spec": {"clusterIP": "None", "ports": [{"port": 1}]}}
        assert (await call("POST", SERVICES, made)).status == 201
        key: Any = "x"
        for _ in range(240):
            key = {"a": key}
        patch = {"spec": {"$setElementOrder/ports": [{"port": key}, {"port": 1}]}}
        assert (await call("PATCH", f"{SERVICES}/a", patch, patch="strategic")).status == 200

    on_server(scenario)
