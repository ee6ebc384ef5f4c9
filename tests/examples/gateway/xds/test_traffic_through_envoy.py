"""Steady HTTP and HTTPS through a real Envoy: what breaks shows in the clients' counts and in Envoy's own log."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import attrs
import pytest

from examples.gateway.certificates import KeyPair
from examples.gateway.demo.accesslog import AccessLog, causes
from examples.gateway.demo.backends import Backends
from examples.gateway.demo.certificates import Authority
from examples.gateway.demo.http_client import Address
from examples.gateway.demo.traffic import Target, Traffic
from examples.gateway.envoy import EnvoyProcess
from reconcilekit.clock import SystemClock
from tests.examples.gateway.xds.published import World, cluster, free_port, listener, routes, secret, tls

CLOCK = SystemClock()
HOST = "shop.example.com"
CHANGES = 20

PATIENCE = 100.0
"""Seconds for what is known to come."""


@attrs.define
class Shop:
    """An HTTP and an HTTPS listener with a route each, and what to publish for them."""

    envoy: EnvoyProcess
    backends: Backends
    authority: Authority
    http: int
    https: int

    def entries(self, number: int, *, pair: KeyPair, server_name: str = HOST) -> dict[str, dict[str, Any]]:
        """Change `number`: clusters of another name, and the routes to them."""
        service = ("blue", "green")[number % 2]
        name = f"{service}-{number}"
        log = self.envoy.access_log
        secure = listener("https", self.https, route="r", access_log=log)["listener/https"]
        return {
            **listener("http", self.http, route="r", access_log=log),
            "listener/https": tls(secure, server_name=server_name, secret="shop"),
            **secret("shop", pair),
            **routes("r", a=name),
            **cluster(name, self.backends.ports[service]),
        }

    def targets(self) -> list[Target]:
        services = frozenset({"blue", "green"})
        plain = Address(port=self.http, authority=HOST)
        secure = Address(port=self.https, authority=HOST, tls=self.authority.client_context())
        return [
            Target(name="http", address=plain, path="/a", services=services),
            Target(name="https", address=secure, path="/a", services=services),
        ]


@pytest.fixture
def shop(envoy: EnvoyProcess, backends: Backends) -> Shop:
    authority = Authority.create(now=CLOCK.now())
    return Shop(envoy, backends, authority, free_port(), free_port())


async def has_ended(traffic: Traffic, phase: str, number: int) -> None:
    """Wait for as many requests of a phase."""
    async with CLOCK.timeout(PATIENCE):
        while traffic.totals()[phase].requests < number:
            await CLOCK.sleep(0.01)


async def has_met(traffic: Traffic, phase: str, *troubles: str) -> None:
    """Wait until requests of a phase have met each of these."""
    async with CLOCK.timeout(PATIENCE):
        while not all(any(map(met_as(trouble), traffic.totals()[phase].troubles)) for trouble in troubles):
            await CLOCK.sleep(0.01)


def met_as(trouble: str) -> Callable[[str], bool]:
    return lambda told: told.startswith(trouble)


async def test_changes_and_a_new_certificate_fail_no_request(world: World, shop: Shop) -> None:
    pair = shop.authority.issue([HOST])
    await world.publish(shop.entries(0, pair=pair))

    async with Traffic(shop.targets(), clock=CLOCK, clients=4, rate=50, timeout=PATIENCE) as traffic:
        traffic.begin_phase("changes")
        for number in range(1, CHANGES + 1):
            pair = shop.authority.issue([HOST]) if number == CHANGES // 2 else pair
            assert (await world.publish(shop.entries(number, pair=pair))).is_acked
            await has_ended(traffic, "changes", 8 * number)

    assert traffic.totals()["changes"].troubles == {}


async def test_a_lost_filter_chain_and_a_lost_cluster_are_told_by_clients_and_by_envoy(
    world: World, shop: Shop
) -> None:
    pair = shop.authority.issue([HOST])
    whole = shop.entries(0, pair=pair)
    log = AccessLog(shop.envoy.access_log)
    await world.publish(whole)

    async with Traffic(shop.targets(), clock=CLOCK, clients=2, rate=50, timeout=PATIENCE) as traffic:
        traffic.begin_phase("whole")
        await has_ended(traffic, "whole", 8)
        before = traffic.samples
        traffic.begin_phase("holes")
        other_name = shop.entries(0, pair=pair, server_name="else.example.com")
        await world.publish({key: value for key, value in other_name.items() if not key.endswith("blue-0")})
        await has_met(traffic, "holes", "wrong status: 503", "TLS handshake failed")
    found: set[str] = set()
    async with CLOCK.timeout(PATIENCE):
        while len(found) < 2:  # Envoy writes ten times a second
            found |= causes(log.read_new()).keys()
            await CLOCK.sleep(0.01)

    assert [sample for sample in before if sample.trouble is not None] == []
    assert found == {"NR filter_chain_not_found", "NC cluster_not_found"}


async def test_a_bad_certificate_is_refused_and_the_old_one_stays(world: World, shop: Shop) -> None:
    pair, other = shop.authority.issue([HOST]), shop.authority.issue([HOST])
    await world.publish(shop.entries(0, pair=pair))

    mixed = KeyPair(certificate=pair.certificate, private_key=other.private_key)
    verdict = await world.publish(shop.entries(0, pair=mixed))
    await world.wait_put_back()
    async with Traffic(shop.targets(), clock=CLOCK, clients=1, rate=50, timeout=PATIENCE) as traffic:
        traffic.begin_phase("after")
        await has_ended(traffic, "after", 4)

    assert verdict.is_nacked
    assert "Envoy refused secret: " in verdict.reason
    assert world.scope.snapshot().quarantined.keys() == {"secret/shop"}
    assert traffic.totals()["after"].troubles == {}
