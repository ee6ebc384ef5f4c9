"""Who may do what, by roles and bindings."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconcilekit import ApiError, Resource
from reconcilekit.testing import ApiServer, VirtualClock, run_virtual
from reconcilekit.testing.apiserver.access.attributes import Attributes
from reconcilekit.testing.apiserver.access.rules import Rule, missing
from reconcilekit.testing.apiserver.access.users import ADMIN, User

CONFIG_MAP = Resource("v1", "ConfigMap")
JANE = User("jane", groups=["dev"])
SUBJECT = {"kind": "User", "name": "jane"}
GROUP = "rbac.authorization.k8s.io"
RBAC = f"/apis/{GROUP}/v1"
CORE = "/api/v1/namespaces/default"

CANNOT = 'User "jane" cannot'
CLUSTER, DEFAULT = "at the cluster scope", 'in the namespace "default"'
REFUSALS = [
    ("GET", "/api/v1/nodes", f'nodes is forbidden: {CANNOT} list resource "nodes" in API group "" {CLUSTER}'),
    ("GET", f"{CORE}/pods/a/log", f'pods "a" is forbidden: {CANNOT} get resource "pods/log" in API group "" {DEFAULT}'),
    (
        "DELETE",
        "/apis/apps/v1/namespaces/default/daemonsets",
        f'daemonsets.apps is forbidden: {CANNOT} deletecollection resource "daemonsets" in API group "apps" {DEFAULT}',
    ),
    ("GET", "/apis/x/v1/foos", f'foos.x is forbidden: {CANNOT} list resource "foos" in API group "x" {CLUSTER}'),
    ("GET", "/api/v1/watch/pods", f'pods is forbidden: {CANNOT} watch resource "pods" in API group "" {CLUSTER}'),
    (
        "POST",
        "/api/v1/watch/namespaces/default/pods/a",
        f'pods "a" is forbidden: {CANNOT} watch resource "pods" in API group "" {DEFAULT}',
    ),
    ("GET", "/api/v1/pods?watch=", f'pods is forbidden: {CANNOT} watch resource "pods" in API group "" {CLUSTER}'),
    (
        "GET",
        CORE,
        f'namespaces "default" is forbidden: {CANNOT} get resource "namespaces" in API group "" {DEFAULT}',
    ),
    (
        "GET",
        f"{CORE}/status/a",
        f'namespaces "default" is forbidden: {CANNOT} get resource "namespaces/status" in API group "" {DEFAULT}',
    ),
    ("GET", "/api/v1//pods", f'forbidden: {CANNOT} get resource "" in API group "" {CLUSTER}'),
    (
        "GET",
        "/api/v1/namespaces//pods",
        f'pods is forbidden: {CANNOT} list resource "pods" in API group "" {CLUSTER}',
    ),
    ("GET", "/met\x01rics", f"forbidden: {CANNOT} get path" + r' "/met\x01rics"'),
    ("GET", "/metrics", f'forbidden: {CANNOT} get path "/metrics"'),
]
GREEDY = """\
roles.rbac.authorization.k8s.io "greedy" is forbidden: user "jane" (groups=["dev" "system:authenticated"]) is \
attempting to grant RBAC permissions not currently held:
{APIGroups:[""], Resources:["pods"], Verbs:["delete"]}
{APIGroups:[""], Resources:["secrets"], Verbs:["get" "delete"]}"""


def rule(verbs: str, resources: str, *names: str, group: str = "") -> dict[str, Any]:
    found: dict[str, Any] = {"verbs": verbs.split(","), "apiGroups": [group], "resources": resources.split(",")}
    return found | ({"resourceNames": list(names)} if names else {})


def test_refusals_are_worded_as_the_real_ones(play: Any) -> None:
    async def scenario(ask: Any) -> None:
        reply = await ask("GET", f"{CORE}/configmaps", user=JANE)
        assert reply.body == {
            "kind": "Status",
            "apiVersion": "v1",
            "metadata": {},
            "status": "Failure",
            "message": 'configmaps is forbidden: User "jane" cannot list resource "configmaps" in API group "" in the '
            'namespace "default"',
            "reason": "Forbidden",
            "details": {"kind": "configmaps"},
            "code": 403,
        }
        for method, path, message in REFUSALS:
            reply = await ask(method, path, user=JANE)
            assert (reply.status, reply.message) == (403, message)

    play(scenario, authorization="RBAC")


@pytest.mark.parametrize(
    ("granted", "allowed", "refused"),
    [
        (
            rule("get,list", "configmaps"),
            [("GET", "configmaps"), ("GET", "configmaps/a")],
            [("DELETE", "configmaps/a")],
        ),
        (rule("get", "configmaps", "a"), [("GET", "configmaps/a")], [("GET", "configmaps/b"), ("GET", "configmaps")]),
        (rule("*", "*"), [("GET", "secrets"), ("DELETE", "pods")], []),
        (rule("get", "pods/status"), [("GET", "pods/a/status")], [("GET", "pods/a")]),
        (rule("get", "*/status"), [("GET", "pods/a/status")], [("GET", "pods/a")]),
        (
            rule("list", "configmaps", "a"),
            [("GET", "configmaps?fieldSelector=metadata.name=a")],
            [("GET", "configmaps")],
        ),
        (rule("get", "configmaps", group="apps"), [], [("GET", "configmaps/a")]),
    ],
)
def test_a_rule_allows_what_it_says(
    play: Any, granted: dict[str, Any], allowed: list[tuple[str, str]], refused: list[tuple[str, str]]
) -> None:
    async def scenario(ask: Any) -> None:
        await ask.allow(SUBJECT, granted)
        for method, path in allowed:
            assert (await ask(method, f"{CORE}/{path}", user=JANE)).status != 403, path
        for method, path in refused:
            assert (await ask(method, f"{CORE}/{path}", user=JANE)).status == 403, path
        assert (await ask("GET", "/api/v1/namespaces/other/configmaps/a", user=JANE)).status == 403

    play(scenario, authorization="RBAC")


@pytest.mark.parametrize(
    "subject",
    [
        SUBJECT,
        {"kind": "Group", "name": "dev"},
        {"kind": "Group", "name": "system:authenticated"},
        {"kind": "ServiceAccount", "name": "bot", "namespace": "default"},
    ],
)
def test_users_groups_and_service_accounts_are_bound(play: Any, subject: dict[str, str]) -> None:
    is_account = subject["kind"] == "ServiceAccount"
    user = User("system:serviceaccount:default:bot") if is_account else JANE

    async def scenario(ask: Any) -> None:
        assert (await ask("GET", f"{CORE}/secrets", user=user)).status == 403
        await ask.allow(subject, rule("list", "secrets"))
        assert (await ask("GET", f"{CORE}/secrets", user=user)).status == 200
        assert (await ask("GET", f"{CORE}/secrets")).status == 403

    play(scenario, authorization="RBAC")


def test_cluster_roles_hold_everywhere_or_where_they_are_bound(play: Any) -> None:
    async def scenario(ask: Any) -> None:
        await ask.allow(
            SUBJECT, rule("list", "nodes,secrets"), {"verbs": ["get"], "nonResourceURLs": ["/metrics*"]}, namespace=""
        )
        for path in ("/api/v1/nodes", "/api/v1/secrets", f"{CORE}/secrets"):
            assert (await ask("GET", path, user=JANE)).status == 200
        assert (await ask("GET", "/metrics/slis", user=JANE)).status != 403
        reference = {"apiGroup": GROUP, "kind": "ClusterRole", "name": "view"}
        binding = {"metadata": {"name": "view"}, "roleRef": reference, "subjects": [{"kind": "User", "name": "joe"}]}
        await ask.admin("POST", f"{RBAC}/namespaces/default/rolebindings", binding)
        assert (await ask("GET", f"{CORE}/configmaps", user=User("joe"))).status == 200
        assert (await ask("GET", "/api/v1/configmaps", user=User("joe"))).status == 403

    play(scenario, authorization="RBAC")


def test_who_is_refused_is_told_in_the_record(play: Any) -> None:
    async def scenario(ask: Any) -> None:
        await ask("GET", f"{CORE}/secrets", user=JANE)
        await ask("GET", f"{CORE}/secrets")
        await ask("GET", f"{CORE}/secrets/none", user=ADMIN)
        await ask("GET", f"{CORE}/secrets", user=JANE, impersonate_user="joe")
        assert [(record.status, record.user) for record in ask.server.requests] == [
            (403, "jane"),
            (403, "system:anonymous"),
            (404, "kubernetes-admin"),
            (403, "jane"),
        ]

    play(scenario, authorization="RBAC")


def test_where_anybody_may_all_a_failure_has_its_user_too(play: Any) -> None:
    async def scenario(ask: Any) -> None:
        await ask("GET", f"{CORE}/secrets/none")
        assert [(record.status, record.user) for record in ask.server.requests] == [(404, "system:anonymous")]

    play(scenario)


def test_a_client_is_who_it_says() -> None:
    async def main(clock: VirtualClock) -> None:
        server = ApiServer(clock=clock, authorization="RBAC", tokens={JANE: "secret"})
        admin = server.client("kubectl", user=User("admin", groups=["system:masters"]))
        made = await admin.create(CONFIG_MAP, {"metadata": {"name": "a", "namespace": "default"}})
        for refused in (server.client("jane", user=JANE), server.client("jane", token="secret")):
            with pytest.raises(ApiError, match='User "jane" cannot get resource "configmaps"'):
                await refused.get(CONFIG_MAP, made.key)
        last = server.requests[-1]
        assert (last.user_agent, last.user) == ("jane", "jane")

        before = clock.monotonic()
        await server.client("far", token="secret", latency=lambda: 3.0).discovery.find(CONFIG_MAP)
        assert clock.monotonic() - before >= 3

    run_virtual(main)


def test_default_roles_and_what_they_gather(play: Any) -> None:
    async def scenario(ask: Any) -> None:
        admin = await ask.admin("GET", f"{RBAC}/clusterroles/admin")
        assert any("secrets" in rule["resources"] and "create" in rule["verbs"] for rule in admin["rules"])
        label = {"rbac.authorization.k8s.io/aggregate-to-view": "true"}
        widgets = rule("list", "widgets", group="example.com")
        await ask.admin(
            "POST", f"{RBAC}/clusterroles", {"metadata": {"name": "w", "labels": label}, "rules": [widgets]}
        )
        for name in ("view", "edit", "admin"):
            assert widgets in (await ask.admin("GET", f"{RBAC}/clusterroles/{name}"))["rules"]
        await ask.admin("DELETE", f"{RBAC}/clusterroles/w")
        assert widgets not in (await ask.admin("GET", f"{RBAC}/clusterroles/admin"))["rules"]
        for path in ("/healthz", "/version", "/api"):
            assert (await ask.server.transport(user=JANE).send(_get(path))).status == 200

    play(scenario, authorization="RBAC")


def _get(path: str) -> Any:
    from reconcilekit.kube.transport import Request

    return Request(method="GET", path=path)


def test_a_binding_without_its_role_says_so(play: Any) -> None:
    async def scenario(ask: Any) -> None:
        reference = {"apiGroup": GROUP, "kind": "ClusterRole", "name": "nonesuch"}
        binding = {"metadata": {"name": "broken"}, "roleRef": reference, "subjects": [SUBJECT]}
        await ask.admin("POST", f"{RBAC}/clusterrolebindings", binding)
        reply = await ask("GET", f"{CORE}/secrets", user=JANE)
        assert reply.message.endswith(
            '"default": rbac: RBAC: clusterrole.rbac.authorization.k8s.io "nonesuch" not found'
        )

    play(scenario, authorization="RBAC")


def test_nobody_grants_what_they_lack(play: Any) -> None:
    async def scenario(ask: Any) -> None:
        await ask.allow(
            SUBJECT, rule("create,update,patch,get", "roles,rolebindings", group=GROUP), rule("get", "pods")
        )
        roles, bindings = (f"{RBAC}/namespaces/default/{plural}" for plural in ("roles", "rolebindings"))
        greedy = {"metadata": {"name": "greedy"}, "rules": [rule("get,delete", "secrets,pods")]}
        reply = await ask("POST", roles, greedy, user=JANE)
        assert (reply.status, reply.message) == (403, GREEDY)
        modest = {"metadata": {"name": "modest"}, "rules": [rule("get", "pods")]}
        assert (await ask("POST", roles, modest, user=JANE)).status == 201
        grown = {"rules": [rule("get", "secrets")]}
        merge = "application/merge-patch+json"
        assert (await ask("PATCH", f"{roles}/modest", grown, user=JANE, content_type=merge)).status == 403
        assert (await ask.admin("GET", f"{roles}/modest"))["rules"] == [rule("get", "pods")]

        def binding(kind: str, name: str) -> dict[str, Any]:
            return {"metadata": {"name": "x"}, "roleRef": {"apiGroup": GROUP, "kind": kind, "name": name}}

        assert (await ask("POST", bindings, binding("ClusterRole", "edit"), user=JANE)).status == 403
        reply = await ask("POST", bindings, binding("ClusterRole", "nonesuch"), user=JANE)
        assert (reply.status, reply.message) == (404, f'rolebindings.{GROUP} "nonesuch" not found')
        assert (await ask("POST", bindings, binding("Role", "modest"), user=JANE)).status == 201
        await ask.allow(
            SUBJECT, rule("escalate", "roles", group=GROUP), rule("bind", "clusterroles", "edit", group=GROUP)
        )
        assert (await ask("POST", roles, greedy, user=JANE)).status == 201
        assert (await ask("DELETE", f"{bindings}/x", user=JANE)).status == 403
        await ask.admin("DELETE", f"{bindings}/x")
        assert (await ask("POST", bindings, binding("ClusterRole", "edit"), user=JANE)).status == 201

    play(scenario, authorization="RBAC")


def test_only_cluster_admins_write_aggregation_rules(play: Any) -> None:
    async def scenario(ask: Any) -> None:
        await ask.allow(SUBJECT, rule("create", "clusterroles", group=GROUP), namespace="")
        selectors = {"clusterRoleSelectors": [{"matchLabels": {"a": "b"}}]}
        role = {"metadata": {"name": "x"}, "aggregationRule": selectors}
        reply = await ask("POST", f"{RBAC}/clusterroles", role, user=JANE)
        assert reply.message.endswith("must have cluster-admin privileges to use the aggregationRule")

    play(scenario, authorization="RBAC")


def test_nothing_is_refused_while_authorization_is_off(play: Any) -> None:
    async def scenario(ask: Any) -> None:
        assert (await ask("GET", "/api/v1/secrets")).status == 200
        assert (await ask("GET", f"{RBAC}/clusterroles")).body["items"] == []

    play(scenario)


def choices(*values: str) -> st.SearchStrategy[tuple[str, ...]]:
    return st.lists(st.sampled_from(values), max_size=3, unique=True).map(tuple)


RULES = st.builds(
    Rule,
    verbs=choices("get", "list", "*"),
    groups=choices("", "apps", "*"),
    resources=choices("pods", "pods/log", "*/log", "*", "secrets"),
    names=choices("a", "b"),
    urls=choices("/x", "/x/*", "*", "/y"),
)
WANTED = st.builds(
    Attributes,
    verb=st.sampled_from(["get", "list"]),
    is_resource=st.booleans(),
    path=st.sampled_from(["/x", "/x/z", "/y", "/z"]),
    group=st.sampled_from(["", "apps", "batch"]),
    resource=st.sampled_from(["pods", "secrets", "nodes"]),
    subresource=st.sampled_from(["", "log"]),
    name=st.sampled_from(["", "a", "b"]),
)


@given(st.lists(RULES, max_size=3), RULES, WANTED)
def test_whoever_covers_a_rule_may_do_all_that_it_allows(owned: list[Rule], granted: Rule, wanted: Attributes) -> None:
    if granted.allows(wanted) and not any(rule.allows(wanted) for rule in owned):
        assert missing(owned, [granted])


LEASES = "coordination.k8s.io"
LEASE = {"metadata": {"name": "a"}, "spec": {}}
APPLIED = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a"}}
APPLY = "application/apply-patch+yaml"


def test_what_creates_needs_the_right_to_create(play: Any) -> None:
    applied, lease = f"{CORE}/configmaps/a?fieldManager=m", f"/apis/{LEASES}/v1/namespaces/default/leases/a"

    async def scenario(ask: Any) -> None:
        await ask.allow(SUBJECT, rule("patch,update", "configmaps"), rule("patch,update", "leases", group=LEASES))
        reply = await ask("PATCH", applied, APPLIED, user=JANE, content_type=APPLY)
        cannot = f'configmaps "a" is forbidden: {CANNOT} create resource "configmaps" in API group "" {DEFAULT}'
        assert (reply.status, reply.message) == (403, cannot)
        reply = await ask("PUT", lease, LEASE, user=JANE)
        cannot = (
            f'leases.{LEASES} "a" is forbidden: {CANNOT} create resource "leases" in API group "{LEASES}" {DEFAULT}'
        )
        assert (reply.status, reply.message) == (403, cannot)

        # What would fail anyway says why.
        assert (await ask("PUT", lease, {"metadata": {"name": "b"}}, user=JANE)).status == 400
        merge = "application/merge-patch+json"
        assert (await ask("PATCH", f"{CORE}/configmaps/a", {}, user=JANE, content_type=merge)).status == 404

        # Who changes what is there needs no more than before.
        await ask.admin("POST", f"{CORE}/configmaps", APPLIED)
        there = await ask.admin("PUT", lease, LEASE)
        assert (await ask("PATCH", applied, APPLIED, user=JANE, content_type=APPLY)).status == 200
        assert (await ask("PUT", lease, there, user=JANE)).status == 200

        await ask.allow(SUBJECT, rule("create", "leases", group=LEASES))
        assert (await ask("PUT", f"{lease}b", {"metadata": {"name": "ab"}, "spec": {}}, user=JANE)).status == 201

    play(scenario, authorization="RBAC")
