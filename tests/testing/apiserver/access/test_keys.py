"""What credentials are made with: kept in the folder of a server, and shared by its forks."""

from __future__ import annotations

import base64
from pathlib import Path
from typing import Any

import msgspec
import pytest

from reconcilekit.clock import SystemClock
from reconcilekit.kube.config import load_kubeconfig
from reconcilekit.kube.http import HttpTransport
from reconcilekit.kube.resource import Resource
from reconcilekit.kube.transport import Request
from reconcilekit.testing import ApiServer, Housekeeping, VirtualClock, run_virtual
from reconcilekit.testing.apiserver.access.users import User
from reconcilekit.testing.apiserver.storage.records import DamagedDataError, encode

WHOAMI = Request(method="POST", path="/apis/authentication.k8s.io/v1/selfsubjectreviews", body=b"{}")
CONFIG_MAP = Resource("v1", "ConfigMap")
SECRET = Resource("v1", "Secret")
JANE = User("jane", groups=["dev"])


async def post(server: ApiServer, path: str, body: object) -> Any:
    headers = {"content-type": "application/json"}
    answer = await server.transport().send(
        Request(method="POST", path=path, body=msgspec.json.encode(body), headers=headers)
    )
    assert answer.status == 201, answer.body
    return msgspec.json.decode(answer.body)


async def new_token(server: ApiServer) -> str:
    account = await post(server, "/api/v1/namespaces/default/serviceaccounts", {"metadata": {"generateName": "bot-"}})
    path = f"/api/v1/namespaces/default/serviceaccounts/{account['metadata']['name']}/token"
    return str((await post(server, path, {}))["status"]["token"])


async def whoami(server: ApiServer, token: str) -> tuple[int, str]:
    answer = await server.transport(token=token).send(WHOAMI)
    body = msgspec.json.decode(answer.body)
    return answer.status, body["status"]["userInfo"]["username"] if answer.status == 201 else ""


def files(data: Path) -> list[str]:
    return sorted(path.name for path in data.iterdir())


def written(kubeconfig: dict[str, Any], path: Path) -> Path:
    path.write_bytes(msgspec.json.encode(kubeconfig))
    return path


async def whoami_by(path: Path) -> str:
    transport = HttpTransport(load_kubeconfig(path), user_agent="tester")
    try:
        answer = await transport.send(WHOAMI)
    finally:
        await transport.aclose()
    assert answer.status == 201, answer.body
    return str(msgspec.json.decode(answer.body)["status"]["userInfo"]["username"])


def test_a_serviceaccounts_token_is_good_after_a_restart_and_in_forks(tmp_path: Path) -> None:
    async def first(clock: VirtualClock) -> str:
        server = ApiServer(clock=clock, data=tmp_path)
        token = await new_token(server)
        server.close()
        return token

    async def second(clock: VirtualClock) -> None:
        server = ApiServer(clock=clock, data=tmp_path)
        assert (await whoami(server, token))[0] == 201
        fork = server.fork()
        assert await whoami(fork, token) == await whoami(server, token)
        of_fork = await new_token(fork)
        assert (await whoami(fork, of_fork))[0] == 201
        assert (await whoami(server, of_fork))[0] == 401, "its account is the fork's alone"
        server.close()

    # Another seed, so that the same key isn't just drawn again.
    token = run_virtual(first, seed=1)
    run_virtual(second, seed=2)


def test_forks_share_a_key_that_is_made_after_the_fork() -> None:
    async def main(clock: VirtualClock) -> None:
        server = ApiServer(clock=clock)
        await post(server, "/api/v1/namespaces/default/serviceaccounts", {"metadata": {"name": "bot"}})
        fork = server.fork(clock=clock)
        path = "/api/v1/namespaces/default/serviceaccounts/bot/token"
        token = str((await post(fork, path, {}))["status"]["token"])
        assert (await whoami(server, token))[0] == 201

    run_virtual(main)


@pytest.mark.parametrize("of_whom", ["ServiceAccount", "user"])
def test_a_fork_that_needs_a_key_changes_nothing_of_its_parent(tmp_path: Path, of_whom: str) -> None:
    async def main(clock: VirtualClock, data: Path, *, has_fork: bool) -> tuple[Any, list[str]]:
        server = ApiServer(clock=clock, data=data)
        await post(server, "/api/v1/namespaces/default/serviceaccounts", {"metadata": {"name": "bot"}})
        fork = server.fork(clock=SystemClock())
        if has_fork and of_whom == "ServiceAccount":
            await new_token(fork)
        elif has_fork:
            token = fork.access.keys.token(JANE)
            assert (await whoami(fork, token)) == (201, "jane")
            assert server.access.keys.user_of(token) is None
        made = await post(server, "/api/v1/namespaces/default/configmaps", {"metadata": {"generateName": "a-"}})
        server.close()
        return made, files(data)

    alone = run_virtual(lambda clock: main(clock, tmp_path / "alone", has_fork=False), seed=7)
    forked = run_virtual(lambda clock: main(clock, tmp_path / "forked", has_fork=True), seed=7)
    assert alone == forked


def test_a_fork_honours_what_its_parent_gave(tmp_path: Path) -> None:
    async def main(clock: VirtualClock) -> None:
        server = ApiServer(clock=clock, data=tmp_path, tokens={})
        token = server.access.keys.token(JANE)
        fork = server.fork(clock=SystemClock())
        assert await whoami(fork, token) == (201, "jane")
        assert fork.access.keys.token(JANE) == token
        assert fork.access.keys.token(User("joe")) != server.access.keys.token(User("jim"))
        server.close()

    run_virtual(main)


async def test_a_kubeconfig_is_good_after_a_restart(tmp_path: Path) -> None:
    data, path = tmp_path / "data", tmp_path / "kubeconfig"
    server = ApiServer(clock=SystemClock(), data=data, authorization="RBAC")
    async with server.serve(tls=True) as endpoint:
        by_certificate: dict[str, Any] = endpoint.kubeconfig(user=JANE)
    async with server.serve() as endpoint:
        by_token: dict[str, Any] = endpoint.kubeconfig(user=JANE)
    server.close()
    assert {file.stat().st_mode & 0o777 for file in data.glob("keys*")} == {0o600}

    server = ApiServer(clock=SystemClock(), data=data, authorization="RBAC")
    async with server.serve(tls=True) as endpoint:
        # Another port, unless one asks for the same.
        by_certificate["clusters"][0]["cluster"]["server"] = endpoint.url
        assert await whoami_by(written(by_certificate, path)) == "jane"
        assert endpoint.kubeconfig()["clusters"] == by_certificate["clusters"]
    async with server.serve() as endpoint:
        by_token["clusters"][0]["cluster"]["server"] = endpoint.url
        assert await whoami_by(written(by_token, path)) == "jane"
        assert endpoint.kubeconfig(user=JANE)["users"] == by_token["users"]
    server.close()


async def test_the_cluster_holds_the_authoritys_certificate(tmp_path: Path) -> None:
    server = ApiServer(clock=SystemClock(), data=tmp_path, housekeeping=Housekeeping.cluster())
    client = server.client("test")
    account = {"metadata": {"name": "bot"}}
    await post(server, "/api/v1/namespaces/default/serviceaccounts", account)
    annotations = {"kubernetes.io/service-account.name": "bot"}
    secret = {"metadata": {"name": "s", "annotations": annotations}, "type": "kubernetes.io/service-account-token"}
    await post(server, "/api/v1/namespaces/default/secrets", secret)
    assert held(server) == ("", "")
    async with server.serve(tls=True) as endpoint:
        trusted = endpoint.certificate_authority.decode()
        assert held(server) == (trusted, trusted)
        map_key = server.objects(CONFIG_MAP, namespace="default")[0]["metadata"]
        await client.update(CONFIG_MAP, {"metadata": map_key, "data": {"ca.crt": "mine"}})
        assert held(server) == (trusted, trusted), "it is put right again"
    assert held(server.fork()) == (trusted, trusted)
    server.close()
    server = ApiServer(clock=SystemClock(), data=tmp_path, housekeeping=Housekeeping.cluster())
    await post(server, "/api/v1/namespaces", {"metadata": {"name": "later"}})
    assert held(server, "later")[0] == trusted
    server.close()


def held(server: ApiServer, namespace: str = "default") -> tuple[str, str]:
    """The certificate in the ConfigMap, and in the Secret."""
    config = server.object(CONFIG_MAP, "kube-root-ca.crt", namespace=namespace) or {}
    secret = server.object(SECRET, "s", namespace=namespace) or {}
    return config["data"]["ca.crt"], base64.b64decode(secret.get("data", {}).get("ca.crt", "")).decode()


def test_damaged_keys_are_refused_and_the_folder_is_given_free(tmp_path: Path) -> None:
    async def life(clock: VirtualClock) -> None:
        server = ApiServer(clock=clock, data=tmp_path)
        await new_token(server)
        server.close()

    run_virtual(life)
    keys = tmp_path / "keys"
    whole = keys.read_bytes()
    keys.write_bytes(whole[:-10])
    with pytest.raises(DamagedDataError, match=r"keys, byte 88: the line doesn't match its checksum"):
        run_virtual(life)
    keys.write_bytes(whole.splitlines(keepends=True)[0] + encode(b'{"signing": 7}'))
    with pytest.raises(DamagedDataError, match=r"keys, byte .*: Expected `str`, got `int` - at `\$.signing`"):
        run_virtual(life)
    keys.write_bytes(whole.splitlines(keepends=True)[0])
    with pytest.raises(DamagedDataError, match="keys, byte 88: its end is missing"):
        run_virtual(life)
    keys.write_bytes(whole)
    run_virtual(life)
