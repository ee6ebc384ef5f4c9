"""What a snapshot has to hold before it may be published."""

from __future__ import annotations

from typing import Any

import pytest

from examples.gateway import rendering
from examples.gateway.rendering import DataPlane
from examples.gateway.snapshot import InconsistentSnapshotError, Snapshot, check
from examples.gateway.xds.resources import encode

DATA_PLANE = DataPlane(access_log="/dev/null")


def entries() -> dict[str, dict[str, Any]]:
    """A plain and a TLS listener, each with one route to one cluster."""
    routes = [{"name": "default/web", "match": {"prefix": "/"}, **rendering.forward([("default/web/80", 1)])}]
    plain = rendering.plain_filter_chain("http/8080", data_plane=DATA_PLANE)
    tls = rendering.tls_filter_chain(
        "https/8443/shop.example.com",
        server_name="shop.example.com",
        secrets=["default/shop"],
        data_plane=DATA_PLANE,
    )
    return {
        "listener/tcp-8080": rendering.listener("tcp-8080", port=8080, filter_chains=[plain], data_plane=DATA_PLANE),
        "listener/tcp-8443": rendering.listener("tcp-8443", port=8443, filter_chains=[tls], data_plane=DATA_PLANE),
        "route/http/8080": rendering.route_configuration(
            "http/8080", [rendering.virtual_host("*", domains=["*"], routes=routes)]
        ),
        "route/https/8443/shop.example.com": rendering.route_configuration(
            "https/8443/shop.example.com",
            [rendering.virtual_host("shop.example.com", domains=["shop.example.com"], routes=routes)],
        ),
        "cluster/default/web/80": rendering.cluster("default/web/80"),
        "endpoint/default/web/80": rendering.load_assignment("default/web/80", [("127.0.0.1", 9000)]),
        "secret/default/shop": rendering.tls_secret("default/shop", certificate_chain="PEM", private_key="PEM"),
    }


def offender(broken: dict[str, dict[str, Any]]) -> str:
    with pytest.raises(InconsistentSnapshotError) as caught:
        check(Snapshot.from_entries(broken))
    return caught.value.offender


def test_whole_snapshot_passes_and_survives_the_round_trip() -> None:
    snapshot = Snapshot.from_entries(entries())

    check(snapshot)

    assert snapshot.entries() == entries()


def test_repr_counts_and_shows_no_secret() -> None:
    assert repr(Snapshot.from_entries(entries())) == "<Snapshot 2 listener, 2 route, 1 cluster, 1 endpoint, 1 secret>"


@pytest.mark.parametrize(
    ("missing", "blamed"),
    [
        ("cluster/default/web/80", "route/http/8080"),
        ("endpoint/default/web/80", "cluster/default/web/80"),
        ("route/http/8080", "listener/tcp-8080"),
        ("route/https/8443/shop.example.com", "listener/tcp-8443"),
        ("secret/default/shop", "listener/tcp-8443"),
    ],
)
def test_whoever_refers_to_a_missing_resource_is_blamed(missing: str, blamed: str) -> None:
    broken = entries()
    del broken[missing]

    assert offender(broken) == blamed


def test_weighted_cluster_that_is_missing_is_found() -> None:
    broken = entries()
    host = broken["route/http/8080"]["virtualHosts"][0]
    host["routes"] = [{"match": {"prefix": "/"}, **rendering.forward([("default/web/80", 1), ("gone", 1)])}]

    assert offender(broken) == "route/http/8080"


def test_two_filter_chains_with_one_match_are_refused() -> None:
    broken = entries()
    broken["listener/tcp-8443"]["filterChains"] *= 2

    assert offender(broken) == "listener/tcp-8443"


def test_listener_without_filter_chain_is_refused() -> None:
    broken = entries()
    broken["listener/tcp-8443"]["filterChains"] = []

    assert offender(broken) == "listener/tcp-8443"


def test_two_listeners_on_one_address_are_refused() -> None:
    broken = entries()
    broken["listener/tcp-8443"]["address"] = broken["listener/tcp-8080"]["address"]

    assert offender(broken) == "listener/tcp-8443"


def test_domain_in_two_virtual_hosts_is_refused() -> None:
    broken = entries()
    hosts = broken["route/http/8080"]["virtualHosts"]
    hosts.append(rendering.virtual_host("other", domains=["a.example.com", "*"], routes=[]))

    assert offender(broken) == "route/http/8080"


def test_resource_under_another_name_is_refused() -> None:
    broken = entries()
    broken["cluster/default/web/80"]["name"] = "default/web/81"

    assert offender(broken) == "cluster/default/web/80"


def test_entry_of_an_unknown_type_is_refused() -> None:
    assert offender({"runtime/x": {}}) == "runtime/x"


@pytest.mark.parametrize("entry", sorted(entries()))
def test_every_resource_is_encodable(entry: str) -> None:
    assert encode(entry, entries()[entry]).name == entry.partition("/")[2]
