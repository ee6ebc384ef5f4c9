"""Secrets that hold a ServiceAccount's token."""

from __future__ import annotations

import base64
from typing import Any

import pytest

from reconcilekit.testing import Housekeeping
from tests.testing.apiserver.conftest import Caller

CORE = "/api/v1/namespaces/default"


def secret(name: str, account: str) -> dict[str, Any]:
    metadata = {"name": name, "annotations": {"kubernetes.io/service-account.name": account}}
    return {"metadata": metadata, "type": "kubernetes.io/service-account-token"}


def test_a_secret_gets_a_token_that_the_server_takes_while_the_account_is_there(on_server: Any) -> None:
    pytest.importorskip("cryptography")

    async def scenario(call: Caller) -> None:
        account = await call("POST", f"{CORE}/serviceaccounts", {"metadata": {"name": "robot"}})
        await call("POST", f"{CORE}/secrets", secret("s", "robot"))

        body = (await call("GET", f"{CORE}/secrets/s")).body

        uid = body["metadata"]["annotations"]["kubernetes.io/service-account.uid"]
        assert uid == account.body["metadata"]["uid"]
        assert base64.b64decode(body["data"]["namespace"]) == b"default"
        token = base64.b64decode(body["data"]["token"]).decode()
        review = {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenReview", "spec": {"token": token}}
        told = await call("POST", "/apis/authentication.k8s.io/v1/tokenreviews", review)
        assert told.body["status"]["user"]["username"] == "system:serviceaccount:default:robot"

        await call("DELETE", f"{CORE}/serviceaccounts/robot")
        assert (await call("GET", f"{CORE}/secrets/s")).status == 404

    on_server(scenario)


def test_a_secret_of_nobody_goes(on_server: Any) -> None:
    async def scenario(call: Caller) -> None:
        assert (await call("POST", f"{CORE}/secrets", secret("s", "nobody"))).status == 201
        assert (await call("GET", f"{CORE}/secrets/s")).status == 404

    on_server(scenario)


def test_switched_off_it_stays_empty(on_server: Any) -> None:
    async def scenario(call: Caller) -> None:
        await call("POST", f"{CORE}/secrets", secret("s", "nobody"))
        assert "data" not in (await call("GET", f"{CORE}/secrets/s")).body

    on_server(scenario, housekeeping=Housekeeping(tokens=False))
