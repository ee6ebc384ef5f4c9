"""What users get wrong: it costs only what it names, and mending it is all that it takes."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Any

import attrs
import pytest

from examples.gateway.kinds import HTTP_ROUTE, REFERENCE_GRANT, SECRET, SERVICE, TOKEN_POLICY
from examples.gateway.snapshot import Snapshot
from reconcilekit import Resource

from .proxying import Request, answer
from .world import (
    HTTP_PORT,
    HTTPS_PORT,
    INTERNAL,
    INTERNAL_PORT,
    PUBLIC,
    TOKEN,
    World,
    certificate,
    check_whole,
    encoded,
    simulate,
)

Break = Callable[[World], Awaitable[Callable[[], Awaitable[None]]]]
"""Does harm, and gives what mends it."""

REQUESTS: Mapping[str, Request] = {
    "store": Request(port=HTTP_PORT, host="shop.example.com"),
    "store, encrypted": Request(port=HTTPS_PORT, host="shop.example.com"),
    "cart": Request(port=HTTP_PORT, host="shop.example.com", path="/cart"),
    "health": Request(port=HTTP_PORT, host="anyone.example.net", path="/healthz"),
    "admin": Request(port=HTTPS_PORT, host="shop.admin.example.com", headers={"authorization": f"Bearer {TOKEN}"}),
    "admin without a token": Request(port=HTTPS_PORT, host="shop.admin.example.com"),
    "ledger": Request(port=INTERNAL_PORT, host="ledger.example.internal"),
}
"""One of each kind; what comes of them is what a user would notice."""


def deleted(resource: Resource, name: str, *, namespace: str = "shop") -> Break:
    async def harm(world: World) -> Callable[[], Awaitable[None]]:
        gone = await world.take_away(resource, name, namespace=namespace)
        return lambda: world.create(gone)

    return harm


def patched(resource: Resource, name: str, bad: dict[str, Any], good: Callable[[], dict[str, Any]]) -> Break:
    async def harm(world: World) -> Callable[[], Awaitable[None]]:
        await world.patch(resource, name, bad)
        return lambda: world.patch(resource, name, good())

    return harm


def shop_certificate() -> dict[str, Any]:
    pair = certificate("shop.example.com")
    return {"data": {"tls.crt": encoded(pair.certificate), "tls.key": encoded(pair.private_key)}}


@attrs.frozen(kw_only=True)
class Case:
    """One mistake, and all that it costs.

    Attributes:
        harm: makes it.
        answers: by request, the answer that differs: a status, None for no listener, "partly" for a share of 500s.
        routes: by route, the reason at its public (or only) Gateway that it isn't resolved.
        listeners: by listener, the reason that its references aren't resolved.
    """

    harm: Break
    answers: Mapping[str, int | str | None] = attrs.field(factory=dict)
    routes: Mapping[str, str] = attrs.field(factory=dict)
    listeners: Mapping[str, str] = attrs.field(factory=dict)


UNREADABLE = {"data": {"tls.crt": encoded("no certificate")}}
TOKENLESS = {"data": {"token": encoded("two words")}}

CASES = {
    "missing Secret of a listener": Case(
        harm=deleted(SECRET, "shop-certificate"),
        answers={"store, encrypted": None},
        listeners={"https-shop": "!InvalidCertificateRef"},
    ),
    "bad certificate": Case(
        harm=patched(SECRET, "shop-certificate", UNREADABLE, shop_certificate),
        answers={"store, encrypted": None},
        listeners={"https-shop": "!InvalidCertificateRef"},
    ),
    "certificate without a grant": Case(
        harm=deleted(REFERENCE_GRANT, "certificate-for-edge"),
        answers={"store, encrypted": None},
        listeners={"https-shop": "!RefNotPermitted"},
    ),
    "backend without a grant": Case(
        harm=deleted(REFERENCE_GRANT, "ledger-for-shop", namespace="payments"),
        answers={"ledger": 500},
        routes={"ledger": "!RefNotPermitted"},
    ),
    "missing Service": Case(
        harm=deleted(SERVICE, "ledger", namespace="payments"),
        answers={"ledger": 500},
        routes={"ledger": "!BackendNotFound"},
    ),
    "one of two Services missing": Case(
        harm=deleted(SERVICE, "cart-canary"),
        answers={"cart": "partly"},
        routes={"cart": "!BackendNotFound"},
    ),
    "missing TokenPolicy": Case(
        harm=deleted(TOKEN_POLICY, "admin"),
        answers={"admin": 500, "admin without a token": 500},
        routes={"admin": "!TokenPolicyNotFound"},
    ),
    "missing Secret of a TokenPolicy": Case(
        harm=deleted(SECRET, "admin-token"),
        answers={"admin": 500, "admin without a token": 500},
        routes={"admin": "!InvalidToken"},
    ),
    "a token that is none": Case(
        harm=patched(SECRET, "admin-token", TOKENLESS, lambda: {"data": {"token": encoded(TOKEN)}}),
        answers={"admin": 500, "admin without a token": 500},
        routes={"admin": "!InvalidToken"},
    ),
}


def observe(world: World) -> dict[str, object]:
    """What a user would notice, by request, by listener and by route."""
    public, internal = world.published(PUBLIC), world.published(INTERNAL)
    answers = {name: _summary(internal if name == "ledger" else public, request) for name, request in REQUESTS.items()}
    listeners = {
        f"listener {name}": world.listener_condition(name, "ResolvedRefs")
        for name in ("http", "https-shop", "https-admin")
    }
    routes = {
        f"route {each['metadata']['name']}": {
            parent: conditions["ResolvedRefs"] for parent, conditions in world.parents(each["metadata"]["name"]).items()
        }
        for each in world.server.objects(HTTP_ROUTE)
    }
    return {**answers, **listeners, **routes}


def _summary(snapshot: Snapshot, request: Request) -> object:
    found = answer(snapshot, request)
    if found is None or found.status is not None:
        return found and found.status
    shares = {share for share, _ in found.shares}
    return "partly" if None in shares and len(shares) > 1 else tuple(sorted(map(str, shares)))


@pytest.mark.parametrize("name", CASES)
def test_a_mistake_costs_only_what_it_names_and_mending_it_is_enough(name: str) -> None:
    case = CASES[name]

    async def main(world: World) -> None:
        async with world.controllers():
            before = observe(world)
            assert before["admin without a token"] == 401
            assert before["admin"] == ("shop/store/80",)

            mend = await case.harm(world)
            await world.settle()

            harmed = observe(world)
            expected = dict(before)
            expected |= case.answers
            for listener, reason in case.listeners.items():
                expected[f"listener {listener}"] = ("False", reason.removeprefix("!"))
            for route, reason in case.routes.items():
                parent = "internal" if route == "ledger" else "public"
                expected[f"route {route}"] = {parent: reason}
            assert harmed == expected
            for gateway in (PUBLIC, INTERNAL):
                for publication in world.publications(gateway):
                    check_whole(publication)
            assert world.gateway_condition("Programmed")[0] == "True"

            await mend()
            await world.settle()

            assert observe(world) == before

    simulate(main)


@pytest.mark.parametrize("name", CASES)
def test_a_mistake_that_is_there_from_the_start_is_mended_as_well(name: str) -> None:
    case = CASES[name]

    async def main(world: World) -> None:
        mend = await case.harm(world)
        async with world.controllers():
            assert {request: observe(world)[request] for request in case.answers} == dict(case.answers)
            assert world.gateway_condition("Programmed")[0] == "True"

            await mend()
            await world.settle()

            mended = observe(world)
            assert mended["admin"] == ("shop/store/80",)
            assert mended["ledger"] == ("payments/ledger/8080",)
            assert mended["cart"] == ("shop/cart-canary/80", "shop/cart/80")
            assert mended["store, encrypted"] == ("shop/store/80",)

    simulate(main)
