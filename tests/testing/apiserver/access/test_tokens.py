"""Who shows which token, and how long it is good."""

from __future__ import annotations

import base64
import sys
from typing import Any

import msgspec
import pytest

from reconcilekit.testing.apiserver.access.users import ADMIN, User

PODS = "/api/v1/namespaces/default/pods"
ACCOUNTS = "/api/v1/namespaces/default/serviceaccounts"
WHOAMI = "/apis/authentication.k8s.io/v1/selfsubjectreviews"
TOO_SHORT = (
    'TokenRequest.authentication.k8s.io "" is invalid: spec.expirationSeconds: Invalid value: 300: may not '
    "specify a duration less than 10 minutes"
)
UNAUTHORIZED = {
    "kind": "Status",
    "apiVersion": "v1",
    "metadata": {},
    "status": "Failure",
    "message": "Unauthorized",
    "reason": "Unauthorized",
    "code": 401,
}


def claims(token: str) -> dict[str, Any]:
    part = token.split(".")[1]
    decoded: dict[str, Any] = msgspec.json.decode(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))
    return decoded


async def new_token(ask: Any, **spec: Any) -> str:
    await ask("POST", ACCOUNTS, {"metadata": {"name": "bot"}}, user=ADMIN)
    made = await ask.admin("POST", f"{ACCOUNTS}/bot/token", {"spec": spec})
    return str(made["status"]["token"])


async def username(ask: Any, **credentials: Any) -> str:
    reply = await ask("POST", WHOAMI, {}, **credentials)
    assert reply.status == 201, reply
    return str(reply.body["status"]["userInfo"]["username"])


def test_static_tokens_name_users_with_groups(play: Any) -> None:
    async def scenario(ask: Any) -> None:
        reply = await ask("POST", WHOAMI, {}, token="j")
        assert reply.body["status"]["userInfo"] == {"username": "jane", "groups": ["dev", "system:authenticated"]}
        assert (await ask("GET", PODS, token="j")).status == 200
        for refused in (await ask("GET", PODS, token="other"), await ask("GET", PODS)):
            assert (refused.status, refused.body) == (401, UNAUTHORIZED)
        assert [record.user for record in ask.server.requests] == ["jane", "jane", "", ""]

    play(scenario, tokens={User("jane", groups=["dev"]): "j"})


@pytest.mark.parametrize(("anonymous", "status"), [(True, 403), (False, 401)])
def test_anonymous_requests_are_a_switch(play: Any, anonymous: bool, status: int) -> None:
    async def scenario(ask: Any) -> None:
        reply = await ask("GET", PODS)
        assert reply.status == status
        if anonymous:
            assert 'User "system:anonymous" cannot list resource "pods"' in reply.message

    play(scenario, anonymous=anonymous, authorization="RBAC")


def test_an_open_server_takes_any_credential(play: Any) -> None:
    async def scenario(ask: Any) -> None:
        assert (await ask("GET", PODS, token="whatever")).status == 200
        assert await username(ask, token="whatever") == "system:anonymous"
        assert await username(ask, token=await new_token(ask)) == "system:serviceaccount:default:bot"

    play(scenario)


def test_a_service_accounts_token_is_signed_and_names_it(play: Any) -> None:
    async def scenario(ask: Any) -> None:
        token = await new_token(ask)
        account = await ask.admin("GET", f"{ACCOUNTS}/bot")
        found = claims(token)
        assert found["sub"] == "system:serviceaccount:default:bot"
        assert found["exp"] - found["iat"] == 3600
        assert found["kubernetes.io"]["serviceaccount"] == {"name": "bot", "uid": account["metadata"]["uid"]}
        reply = await ask("POST", WHOAMI, {}, token=token)
        info = reply.body["status"]["userInfo"]
        assert info["uid"] == account["metadata"]["uid"]
        assert info["groups"] == ["system:serviceaccounts", "system:serviceaccounts:default", "system:authenticated"]
        assert info["extra"] == {"authentication.kubernetes.io/credential-id": [f"JTI={found['jti']}"]}
        header, payload, signature = token.split(".")
        forged = base64.urlsafe_b64encode(msgspec.json.encode(found | {"sub": "x"})).rstrip(b"=").decode()
        assert (await ask("GET", PODS, token=f"{header}.{forged}.{signature}")).status == 401
        assert (await ask("GET", PODS, token=f"{header}.{payload}.{signature[:-4]}AAAA")).status == 401

    play(scenario, anonymous=False)


def test_a_token_expires_on_the_servers_clock(play: Any) -> None:
    async def scenario(ask: Any) -> None:
        token = await new_token(ask, expirationSeconds=600)
        await ask.clock.sleep(659)
        assert (await ask("GET", PODS, token=token)).status == 200
        await ask.clock.sleep(2)
        assert (await ask("GET", PODS, token=token)).status == 401

    play(scenario, anonymous=False)


def test_a_token_dies_with_its_service_account(play: Any) -> None:
    async def scenario(ask: Any) -> None:
        token = await new_token(ask)
        await ask.admin("DELETE", f"{ACCOUNTS}/bot")
        assert (await ask("GET", PODS, token=token)).status == 401
        again = await new_token(ask)
        assert (await ask("GET", PODS, token=token)).status == 401
        assert (await ask("GET", PODS, token=again)).status == 200

    play(scenario, anonymous=False)


def test_a_token_dies_with_the_secret_that_it_is_bound_to(play: Any) -> None:
    async def scenario(ask: Any) -> None:
        secrets = "/api/v1/namespaces/default/secrets"
        await ask.admin("POST", secrets, {"metadata": {"name": "s"}})
        token = await new_token(ask, boundObjectRef={"apiVersion": "v1", "kind": "Secret", "name": "s"})
        assert (await ask("GET", PODS, token=token)).status == 200
        await ask.admin("DELETE", f"{secrets}/s")
        assert (await ask("GET", PODS, token=token)).status == 401

    play(scenario, anonymous=False)


def test_a_token_for_others_is_no_token_here(play: Any) -> None:
    async def scenario(ask: Any) -> None:
        token = await new_token(ask, audiences=["vault"])
        assert (await ask("GET", PODS, token=token)).status == 401
        reviews = "/apis/authentication.k8s.io/v1/tokenreviews"
        told = await ask.admin("POST", reviews, {"spec": {"token": token, "audiences": ["vault", "x"]}})
        assert told["status"]["authenticated"] is True
        assert told["status"]["audiences"] == ["vault"]
        assert told["status"]["user"]["username"] == "system:serviceaccount:default:bot"
        told = await ask.admin("POST", reviews, {"spec": {"token": token}})
        assert "authenticated" not in told["status"]
        assert told["status"]["error"] == (
            '[invalid bearer token, token audiences ["vault"] is invalid for the target audiences '
            '["https://kubernetes.default.svc.cluster.local"]]'
        )
        told = await ask.admin("POST", reviews, {"spec": {"token": f"{token[:-4]}AAAA"}})
        assert told["status"]["error"] == "[invalid bearer token, go-jose/go-jose: error in cryptographic primitive]"
        assert (await ask.admin("POST", reviews, {"spec": {"token": "x"}}))["status"]["error"] == "invalid bearer token"

    play(scenario, anonymous=False)


@pytest.mark.parametrize(
    ("body", "status", "message"),
    [
        (
            {"spec": {"expirationSeconds": 300}},
            422,
            TOO_SHORT,
        ),
        (
            {"spec": {"boundObjectRef": {"kind": "Secret", "apiVersion": "v1", "name": "y"}}},
            404,
            'secrets "y" not found',
        ),
        (
            {"spec": {"boundObjectRef": {"kind": "ConfigMap", "apiVersion": "v1", "name": "y"}}},
            400,
            "cannot bind token to object of type /v1, Kind=ConfigMap",
        ),
    ],
)
def test_refused_token_requests_are_worded_as_the_real_ones(play: Any, body: Any, status: int, message: str) -> None:
    async def scenario(ask: Any) -> None:
        await new_token(ask)
        reply = await ask("POST", f"{ACCOUNTS}/bot/token", body, user=ADMIN)
        assert (reply.status, reply.message) == (status, message)
        missing = await ask("POST", f"{ACCOUNTS}/nobody/token", {"spec": {}}, user=ADMIN)
        assert (missing.status, missing.message) == (404, 'serviceaccounts "nobody" not found')

    play(scenario)


def test_one_seed_gives_the_same_tokens(play: Any) -> None:
    made: list[str] = []

    async def scenario(ask: Any) -> None:
        made.append(await new_token(ask))

    play(scenario)
    play(scenario)
    assert made[0] == made[1]


def test_others_can_check_tokens_by_the_key_set(play: Any) -> None:
    async def scenario(ask: Any) -> None:
        token = await new_token(ask)
        key_set = await ask.admin("GET", "/openid/v1/jwks")
        header = msgspec.json.decode(base64.urlsafe_b64decode(token.split(".")[0] + "=="))
        assert [(key["kid"], key["alg"]) for key in key_set["keys"]] == [(header["kid"], header["alg"])]
        discovery = await ask.admin("GET", "/.well-known/openid-configuration")
        assert discovery["issuer"] == claims(token)["iss"]

    play(scenario, authorization="RBAC")


def test_a_token_request_is_read_and_owned_as_any_object(play: Any) -> None:
    async def scenario(ask: Any) -> None:
        await ask.admin("POST", "/api/v1/namespaces/default/serviceaccounts", {"metadata": {"name": "bot"}})
        path = "/api/v1/namespaces/default/serviceaccounts/bot/token"
        told = await ask.admin("POST", path, {"spec": {"bogus": 1}})
        assert "bogus" not in told["spec"]
        (entry,) = told["metadata"]["managedFields"]
        assert (entry["subresource"], entry["fieldsV1"]) == ("token", {"f:spec": {"f:expirationSeconds": {}}})
        reply = await ask("POST", path, {"spec": {"expirationSeconds": "x"}})
        assert reply.message == (
            'TokenRequest in version "v1" cannot be handled as a TokenRequest: json: cannot unmarshal string into Go '
            "struct field TokenRequestSpec.spec.expirationSeconds of type int64"
        )

    play(scenario)


def test_a_pods_token_tells_of_its_node_and_dies_with_the_pod(play: Any) -> None:
    async def scenario(ask: Any) -> None:
        base = "/api/v1/namespaces/default"
        await ask.admin("POST", f"{base}/serviceaccounts", {"metadata": {"name": "bot"}})
        spec = {"serviceAccountName": "bot", "nodeName": "n1", "containers": [{"name": "c", "image": "i"}]}
        metadata = {"name": "p", "finalizers": ["a.example.com/b"]}
        await ask.admin("POST", f"{base}/pods", {"metadata": metadata, "spec": spec})
        bound = {"apiVersion": "v1", "kind": "Pod", "name": "p"}
        tokens = []
        for has_node in (False, True):
            if has_node:
                await ask.admin("POST", "/api/v1/nodes", {"metadata": {"name": "n1"}})
            told = await ask.admin("POST", f"{base}/serviceaccounts/bot/token", {"spec": {"boundObjectRef": bound}})
            tokens.append(told["status"]["token"])
        for token, has_uid in zip(tokens, (False, True), strict=True):
            reply = await ask("POST", "/apis/authentication.k8s.io/v1/selfsubjectreviews", {}, token=token)
            extra = reply.body["status"]["userInfo"]["extra"]
            assert extra["authentication.kubernetes.io/node-name"] == ["n1"]
            assert ("authentication.kubernetes.io/node-uid" in extra) is has_uid
        await ask.admin("DELETE", "/api/v1/nodes/n1")
        await ask.admin("DELETE", f"{base}/pods/p", {"gracePeriodSeconds": 0})
        reply = await ask("GET", f"{base}/pods/p", token=token)
        assert reply.status == 200, "its finalizer holds it, and a minute may pass"
        await ask.clock.sleep(62)
        assert (await ask("GET", f"{base}/pods/p", token=token)).status == 401

    play(scenario)


def test_without_cryptography_no_token_is_ours(play: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in sys.modules if name.partition(".")[0] == "cryptography"] + ["cryptography"]:
        monkeypatch.setitem(sys.modules, name, None)
    parts = ({"alg": "ES256", "kid": "x"}, {"sub": "x"}, "signature")
    shaped = ".".join(base64.urlsafe_b64encode(msgspec.json.encode(part)).rstrip(b"=").decode() for part in parts)

    async def scenario(ask: Any) -> None:
        reply = await ask("GET", PODS, token=shaped)
        assert (reply.status, reply.body) == (401, UNAUTHORIZED)
        assert (await ask("GET", PODS)).status == 200
        assert (await ask("GET", "/openid/v1/jwks")).body == {"keys": []}
        await ask("POST", ACCOUNTS, {"metadata": {"name": "bot"}})
        reply = await ask("POST", f"{ACCOUNTS}/bot/token", {"spec": {}})
        assert (reply.status, "cryptography package: install the extra `testing`" in reply.message) == (500, True)

    play(scenario)
