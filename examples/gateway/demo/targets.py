"""What the demo's clients ask for, and what is right."""

from __future__ import annotations

from examples.gateway.demo.changes import STORES
from examples.gateway.demo.http_client import Address
from examples.gateway.demo.setting import ADMIN_TOKEN, Setting
from examples.gateway.demo.traffic import Target


def targets(setting: Setting) -> list[Target]:
    """Plain and encrypted, open and protected, on both Gateways."""
    tls = setting.authority.client_context()
    plain = Address(port=setting.ports["http"], authority="shop.example.com")
    shop = Address(port=setting.ports["https"], authority="shop.example.com", tls=tls)
    admin = Address(port=setting.ports["https"], authority="shop.admin.example.com", tls=tls)
    anyone = Address(port=setting.ports["http"], authority="a.host.that.only.the.health.route.takes")
    ledger = Address(port=setting.ports["internal"], authority="ledger.example.internal")
    stores, carts, canary = frozenset(STORES), frozenset({"cart", "canary"}), frozenset({"canary"})
    token = {"authorization": f"Bearer {ADMIN_TOKEN}"}
    return [
        Target(name="store", address=plain, path="/", services=stores),
        Target(name="store, encrypted", address=shop, path="/", services=stores),
        Target(name="cart", address=plain, path="/cart", services=carts),
        Target(name="cart, encrypted", address=shop, path="/cart", services=carts),
        Target(name="canary", address=plain, path="/cart", headers={"x-canary": "true"}, services=canary),
        Target(name="health", address=anyone, path="/healthz", services=frozenset({"store"})),
        Target(name="ledger", address=ledger, path="/", services=frozenset({"ledger"})),
        Target(name="admin", address=admin, path="/", headers=token, services=frozenset({"store"})),
        Target(name="admin without a token", address=admin, path="/", status=401),
    ]
