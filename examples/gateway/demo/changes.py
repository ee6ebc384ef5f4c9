"""What the demo's user does all the while: change routes, as people do, with the order of things that people rely on.

Each change is followed until the route's own controller says so in its status and Envoy has taken it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from itertools import count
from typing import Any

import attrs

from examples.gateway.controllers import scope_of
from examples.gateway.demo.setting import INTERNAL, PUBLIC, Setting
from examples.gateway.kinds import CONTROLLER_NAME, ENDPOINT_SLICE, HTTP_ROUTE, SERVICE, TOKEN_POLICY
from reconcilekit import ObjectKey, StateStore

SHOP = "shop"
POLL = 0.02
"""Seconds between two looks at whether a change has come through."""

STORES = ("store", "annex")
"""The backends behind the Services that the store moves between."""

PAUSE = (0.0, 0.2)
"""Seconds between two changes of the same thing."""


@attrs.frozen(kw_only=True)
class Change:
    """One change, done.

    Attributes:
        what: for people.
        seconds: until it had come through; None where it hadn't in time.
    """

    what: str
    seconds: float | None


class User:
    """Changes routes, one thing after the other.

    Args:
        setting: what there is.
        state: gives the StateStore of the controllers that are to follow, which are restarted at times.
        patience: seconds that a change may take.

    Attributes:
        changes: what was done so far.
    """

    def __init__(self, setting: Setting, state: Callable[[], StateStore], *, patience: float = 40.0) -> None:
        self._at = setting
        self._state = state
        self._patience = patience
        self._numbers = count(1)
        self._done = asyncio.Event()
        self.changes: list[Change] = []

    async def wait_done(self) -> None:
        """Wait until what was begun has come through, or hasn't in time."""
        await self._done.wait()

    async def change_routes(self, *, until: Callable[[], bool]) -> None:
        """Change several things at once, again and again, until told to stop; what was begun is followed."""
        acts = (
            self._move_the_store,
            self._shift_the_canary,
            self._add_and_remove_a_route,
            self._add_and_remove_a_route,
            self._change_the_token_policy,
        )
        async with asyncio.TaskGroup() as group:
            for act in acts:
                group.create_task(self._repeat(act, until))
        self._done.set()

    async def _repeat(self, act: Callable[[int], Awaitable[None]], until: Callable[[], bool]) -> None:
        while not until():
            await act(next(self._numbers))
            await self._at.clock.sleep(self._at.clock.random.uniform(*PAUSE))

    async def _move_the_store(self, number: int) -> None:
        """A new Service, and at once a route to it; the old Service goes when nobody is sent there any more."""
        name = f"store-{number}"
        backend = STORES[number % len(STORES)]
        await self._create_service(name, self._at.backends.ports[backend])
        await self._change(f"store moves to Service {name}, made just before", "store", _backends((name, 1)))
        for other in self._at.server.objects(SERVICE, namespace=SHOP):
            old = other["metadata"]["name"]
            if old.startswith("store") and old != name and not self._is_used(old):
                await self._at.user.delete(SERVICE, ObjectKey(SHOP, old))
                await self._at.user.delete(ENDPOINT_SLICE, ObjectKey(SHOP, f"{old}-1"))

    async def _shift_the_canary(self, number: int) -> None:
        weight = number % 9 + 1
        rules = self._route("cart")["spec"]["rules"]
        rules[0]["backendRefs"][0]["weight"], rules[0]["backendRefs"][1]["weight"] = 10 - weight, weight
        await self._change(f"cart sends {weight} in 10 to the canary", "cart", {"rules": rules})

    async def _add_and_remove_a_route(self, number: int) -> None:
        name = f"extra-{number}"
        spec = {
            "parentRefs": [{"name": "public", "namespace": "edge"}],
            "hostnames": [f"{name}.example.com"],
            **_backends(("cart", 1)),
        }
        route = {"apiVersion": HTTP_ROUTE.api_version, "kind": HTTP_ROUTE.kind, "spec": spec}
        route["metadata"] = {"name": name, "namespace": SHOP}
        await self._at.user.create(HTTP_ROUTE, route)
        await self._follow(f"route {name} is made", name, 1)
        await self._at.user.delete(HTTP_ROUTE, ObjectKey(SHOP, name))

    async def _change_the_token_policy(self, number: int) -> None:
        """A new TokenPolicy, and at once the route that demands it: it must never be served without."""
        name = f"admin-{number}"
        await self._at.user.create(TOKEN_POLICY, {
            "apiVersion": TOKEN_POLICY.api_version, "kind": TOKEN_POLICY.kind,
            "metadata": {"name": name, "namespace": SHOP}, "spec": {"secretRef": {"name": "admin-token"}},
        })  # fmt: skip
        rules = self._route("admin")["spec"]["rules"]
        old = rules[0]["filters"][0]["extensionRef"]["name"]
        rules[0]["filters"][0]["extensionRef"]["name"] = name
        await self._change(f"admin demands the token of TokenPolicy {name}", "admin", {"rules": rules})
        await self._at.user.delete(TOKEN_POLICY, ObjectKey(SHOP, old))

    async def _create_service(self, name: str, port: int) -> None:
        metadata = {"name": name, "namespace": SHOP}
        await self._at.user.create(SERVICE, {
            "apiVersion": SERVICE.api_version, "kind": SERVICE.kind, "metadata": metadata,
            "spec": {"ports": [{"name": "http", "port": 80, "targetPort": port}]},
        })  # fmt: skip
        labels = {"kubernetes.io/service-name": name}
        await self._at.user.create(ENDPOINT_SLICE, {
            "apiVersion": ENDPOINT_SLICE.api_version, "kind": ENDPOINT_SLICE.kind,
            "metadata": {"name": f"{name}-1", "namespace": SHOP, "labels": labels},
            "addressType": "IPv4",
            "ports": [{"name": "http", "port": port, "protocol": "TCP"}],
            "endpoints": [{"addresses": [self._at.backends.host], "conditions": {"ready": True}}],
        })  # fmt: skip

    async def _change(self, what: str, route: str, spec: dict[str, Any]) -> None:
        answer = await self._at.user.merge_patch(HTTP_ROUTE, ObjectKey(SHOP, route), {"spec": spec})
        await self._follow(what, route, answer.meta.generation)

    async def _follow(self, what: str, route: str, generation: int) -> None:
        started = self._at.clock.monotonic()
        while not (self._is_told(route, generation) and self._is_taken()):
            if self._at.clock.monotonic() - started > self._patience:
                self.changes.append(Change(what=what, seconds=None))
                return
            await self._at.clock.sleep(POLL)
        self.changes.append(Change(what=what, seconds=self._at.clock.monotonic() - started))

    def _is_told(self, route: str, generation: int) -> bool:
        """The route's status speaks of this generation, and well."""
        found = self._at.server.object(HTTP_ROUTE, route, namespace=SHOP)
        parents = ((found or {}).get("status") or {}).get("parents", [])
        conditions = [
            each for parent in parents if parent["controllerName"] == CONTROLLER_NAME for each in parent["conditions"]
        ]
        return bool(conditions) and all(
            each["observedGeneration"] >= generation and each["status"] == "True" for each in conditions
        )

    def _is_taken(self) -> bool:
        snapshot = self._state().snapshot()
        return all(snapshot[scope_of(gateway)].verdict().is_acked for gateway in (PUBLIC, INTERNAL))

    def _is_used(self, service: str) -> bool:
        snapshot = self._state().snapshot()
        return any(f"/{service}/" in name for gateway in (PUBLIC, INTERNAL) for name in snapshot[scope_of(gateway)])

    def _route(self, name: str) -> dict[str, Any]:
        found = self._at.server.object(HTTP_ROUTE, name, namespace=SHOP)
        assert found is not None
        return found


def _backends(*weights: tuple[str, int]) -> dict[str, Any]:
    refs = [{"name": name, "port": 80, "weight": weight} for name, weight in weights]
    return {"rules": [{"backendRefs": refs}]}
