"""What looking at large Pods costs: in calls, a part more for each part more."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any

import pytest

from reconcilekit.testing.apiserver.validation.affinities import affinity_causes, spread_causes
from reconcilekit.testing.apiserver.validation.container_sources import claim_causes
from reconcilekit.testing.apiserver.validation.pod_warnings import pod_warnings
from reconcilekit.testing.apiserver.validation.security_contexts import pod_context_causes
from reconcilekit.testing.apiserver.validation.warnings import MAX_LENGTH, MAX_TEXT
from tests.calls import calls_of

FEW, MANY = 100, 1000

Found = Iterable[object]


def of_ports(port: Callable[[int], dict[str, Any]], count: int) -> Iterator[str]:
    return pod_warnings({"containers": [{"ports": [port(i) for i in range(count)]}]}, {}, "")


def of_spread(count: int) -> Found:
    return spread_causes(
        [{"topologyKey": f"k{i}", "whenUnsatisfiable": "DoNotSchedule", "maxSkew": 1} for i in range(count)], ""
    )


def of_claims(count: int) -> Found:
    names = [f"n{i}" for i in range(count)]
    return claim_causes([{"name": name} for name in names], dict.fromkeys(names), "")


def calls_for(found: Callable[[int], Found], count: int) -> int:
    return calls_of(lambda: list(found(count)))


@pytest.mark.parametrize(
    "found",
    [
        pytest.param(lambda count: of_ports(lambda i: {"containerPort": i}, count), id="different ports"),
        pytest.param(
            lambda count: of_ports(lambda i: {"containerPort": 80, "hostPort": i + 1}, count), id="ports of the host"
        ),
        pytest.param(
            lambda count: of_ports(lambda i: {"containerPort": 80, "hostPort": 1, "hostIP": f"{i}"}, count),
            id="addresses of the host",
        ),
        pytest.param(lambda count: of_ports(lambda i: {"containerPort": 80}, count), id="one port"),
        pytest.param(of_spread, id="spread constraints"),
        pytest.param(of_claims, id="claims"),
    ],
)
def test_ten_times_as_many_take_ten_times_as_long(found: Callable[[int], Found]) -> None:
    few, many = (calls_for(found, count) for count in (FEW, MANY))

    assert many <= 12 * few


def test_of_ports_that_are_all_alike_no_more_is_told_than_is_sent() -> None:
    told = list(of_ports(lambda i: {"containerPort": 80}, MANY))

    assert sum(len(text[:MAX_TEXT]) for text in told[:-1]) <= MAX_LENGTH
    assert (MAX_LENGTH, MAX_TEXT) == (4096, 256)


class Told(str):
    """A name that counts what it's compared with."""

    __slots__ = ()
    compared = 0

    def __eq__(self, other: object) -> bool:
        Told.compared += 1
        return str.__eq__(self, other)

    __hash__ = str.__hash__


def pull_secrets(names: list[Told]) -> Found:
    return pod_warnings({"imagePullSecrets": [{"name": name} for name in names]}, {}, "")


def sysctls(names: list[Told]) -> Found:
    return pod_context_causes({"sysctls": [{"name": name} for name in names]}, {}, "")


def constraints(names: list[Told]) -> Found:
    return spread_causes([{"topologyKey": name} for name in names], "")


def matched_labels(names: list[Told]) -> Found:
    same, other = names, [Told(f"other-{name}") for name in names]
    term = {"topologyKey": "z", "matchLabelKeys": same, "mismatchLabelKeys": other, "labelSelector": {}}
    needed = {"requiredDuringSchedulingIgnoredDuringExecution": [term]}
    return affinity_causes({"podAffinity": needed}, "")


@pytest.mark.parametrize("found", [pull_secrets, sysctls, constraints, matched_labels])
def test_names_are_not_compared_with_all_others(found: Callable[[list[Told]], Found]) -> None:
    names = [Told(f"n{i}") for i in range(MANY)]
    Told.compared = 0

    list(found(names))

    assert Told.compared <= 20 * MANY
