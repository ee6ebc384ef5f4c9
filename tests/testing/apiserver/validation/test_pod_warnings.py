"""What Pods are warned of: in the words of the real server, asked the same; a recorded case compares more."""

from __future__ import annotations

from typing import Any

import pytest

from reconcilekit.testing.apiserver.validation.pod_warnings import pod_warnings

NEEDED, PREFERRED = (f"{way}DuringSchedulingIgnoredDuringExecution" for way in ("required", "preferred"))
NULL = "a null labelSelector results in matching no pod"
LABEL = (
    "a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', and must start and "
    "end with an alphanumeric character (e.g. 'MyValue',  or 'my_value',  or '12345', regex used for validation is "
    "'(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?')"
)


def port(**told: Any) -> dict[str, Any]:
    return {"containerPort": 80, "protocol": "TCP", **told}


def of_ports(*ports: dict[str, Any]) -> list[str]:
    return list(pod_warnings({"containers": [{"ports": list(ports)}]}, {}, ""))


def test_a_secret_without_a_name_is_warned_of_and_two_are_twins() -> None:
    told = list(pod_warnings({"imagePullSecrets": [{}, {}]}, {}, ""))

    assert told == [
        'spec.imagePullSecrets[1].name: duplicate name ""',
        'spec.imagePullSecrets[0].name: invalid empty name ""',
        'spec.imagePullSecrets[1].name: invalid empty name ""',
    ]


def test_each_twin_but_the_first_is_told() -> None:
    spec = {
        "imagePullSecrets": [{"name": name} for name in "abaa"],
        "hostAliases": [{"ip": ip} for ip in ("1.1.1.1", "2.2.2.2", "1.1.1.1")],
    }

    assert list(pod_warnings(spec, {}, "")) == [
        'spec.hostAliases[2].ip: duplicate ip "1.1.1.1"',
        'spec.imagePullSecrets[2].name: duplicate name "a"',
        'spec.imagePullSecrets[3].name: duplicate name "a"',
    ]


@pytest.mark.parametrize(
    ("first", "second", "conflict"),
    [
        (port(), port(), "duplicate"),
        (port(), port(hostPort=1), "overlapping"),
        (port(hostPort=1), port(), "overlapping"),
        (port(hostPort=1), port(hostPort=1, hostIP="1.1.1.1"), "dangerously ambiguous"),
        (port(hostPort=1, hostIP="1.1.1.1"), port(hostPort=1), "dangerously ambiguous"),
    ],
)
def test_ports_that_get_in_the_way_of_each_other(first: Any, second: Any, conflict: str) -> None:
    path = "spec.containers[0].ports"

    assert of_ports(first, second) == [f"{path}[1]: {conflict} port definition with {path}[0]"]


def test_ports_that_are_apart() -> None:
    assert not of_ports(
        port(hostPort=1, hostIP="2.2.2.2"),
        port(hostPort=1, hostIP="1.1.1.1"),
        port(hostPort=2),
        port(protocol="UDP"),
        port(containerPort=81),
    )


def test_all_conflicts_of_a_port_are_told_in_order() -> None:
    path = "spec.containers[0].ports"
    shown = "{Name: HostPort:0 ContainerPort:80 Protocol:TCP HostIP:1.1.1.1}"

    told = of_ports(
        port(hostPort=1, hostIP="1.1.1.1"), port(), port(hostPort=1), port(hostPort=2), port(hostIP="1.1.1.1")
    )

    assert told == [
        f"{path}[1]: overlapping port definition with {path}[0]",
        f"{path}[2]: dangerously ambiguous port definition with {path}[0]",
        f"{path}[2]: overlapping port definition with {path}[1]",
        f"{path}[3]: overlapping port definition with {path}[1]",
        f"{path}[4]: hostIP set without hostPort: {shown}",
        *(f"{path}[4]: overlapping port definition with {path}[{other}]" for other in range(4)),
    ]


def test_labels_that_nodes_have_no_more() -> None:
    zone, os = "failure-domain.beta.kubernetes.io/zone", "beta.kubernetes.io/os"
    spec = {
        "nodeSelector": {"beta.kubernetes.io/arch": "a", "x": "y", "z": ""},
        "topologySpreadConstraints": [{"topologyKey": zone, "labelSelector": {}}, {"topologyKey": "z"}],
    }
    terms = [{"matchExpressions": [{"key": os, "operator": "In", "values": ["a b"]}]}]
    affinity = {"nodeAffinity": {NEEDED: {"nodeSelectorTerms": terms}}}
    of_os = f'{os} is deprecated since v1.14; use "kubernetes.io/os" instead'
    of_zone = f'{zone} is deprecated since v1.17; use "topology.kubernetes.io/zone" instead'

    assert list(pod_warnings({**spec, "affinity": affinity}, {}, "")) == [
        'spec.nodeSelector[beta.kubernetes.io/arch]: deprecated since v1.14; use "kubernetes.io/arch" instead',
        f"spec.affinity.nodeAffinity.{NEEDED}.nodeSelectorTerms[0].matchExpressions[0].key: {of_os}",
        f"spec.topologySpreadConstraints[0].topologyKey: {of_zone}",
        f"spec.topologySpreadConstraints[1].labelSelector: {NULL}",
    ]


def test_preferred_labels_that_nothing_has() -> None:
    kind = "beta.kubernetes.io/instance-type"
    term = {"weight": 1, "preference": {"matchExpressions": [{"key": kind, "operator": "In", "values": ["a b"]}]}}
    path = f"spec.affinity.nodeAffinity.{PREFERRED}[0].preference.matchExpressions[0]"

    assert list(pod_warnings({"affinity": {"nodeAffinity": {PREFERRED: [term]}}}, {}, "")) == [
        f'{path}.key: {kind} is deprecated since v1.17; use "node.kubernetes.io/instance-type" instead',
        f"{path}.values[0]: a b is invalid, {LABEL}",
    ]


@pytest.mark.parametrize("kind", ["podAffinity", "podAntiAffinity"])
def test_affinity_to_pods_that_none_matches(kind: str) -> None:
    needed = [{"topologyKey": "z"}, {"topologyKey": "z", "labelSelector": {}}]
    preferred = [{"weight": 1, "podAffinityTerm": {"topologyKey": "z"}}]

    assert list(pod_warnings({"affinity": {kind: {NEEDED: needed, PREFERRED: preferred}}}, {}, "")) == [
        f"spec.affinity.{kind}.{NEEDED}[0].labelSelector: {NULL}",
        f"spec.affinity.{kind}.{PREFERRED}[0].podAffinityTerm.labelSelector: {NULL}",
    ]
