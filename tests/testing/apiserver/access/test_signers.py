"""CertificateSigningRequests: who asks is written down, and who approves and signs must be let."""

from __future__ import annotations

import base64
from typing import Any

import pytest

from reconcilekit.testing.apiserver.access.users import ADMIN, User

PATH = "/apis/certificates.k8s.io/v1/certificatesigningrequests"
ROLES = "/apis/rbac.authorization.k8s.io/v1/clusterroles"
BINDINGS = "/apis/rbac.authorization.k8s.io/v1/clusterrolebindings"
JANE = User("jane", groups=["dev"], uid="7", extra={"scopes": ("a",)})
MERGE = "application/merge-patch+json"


def request(pem: str, **spec: Any) -> dict[str, Any]:
    told = {"request": base64.b64encode(pem.encode()).decode(), "signerName": "example.com/any", "usages": ["any"]}
    return {"metadata": {"name": "r"}, "spec": {**told, **spec}}


@pytest.fixture(scope="module")
def pem() -> str:
    """A request as openssl makes it, for a key that nobody keeps."""
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "u")])
    made = x509.CertificateSigningRequestBuilder().subject_name(subject)
    signed = made.sign(ec.generate_private_key(ec.SECP256R1()), hashes.SHA256())
    return signed.public_bytes(serialization.Encoding.PEM).decode()


def test_who_asks_is_written_down_whatever_they_say(play: Any, pem: str) -> None:
    async def scenario(ask: Any) -> None:
        body = request(pem, username="root", groups=["system:masters"], uid="0", extra={"x": ["y"]})
        made = (await ask("POST", PATH, body, user=JANE)).body
        told = {name: made["spec"][name] for name in ("username", "uid", "groups", "extra")}
        groups = ["dev", "system:authenticated"]
        assert told == {"username": "jane", "uid": "7", "groups": groups, "extra": {"scopes": ["a"]}}
        assert made["status"] == {}
        assert "managedFields" not in made["metadata"]

    play(scenario)


def test_nobody_is_written_down_where_nobody_is_asked_for_credentials(play: Any, pem: str) -> None:
    async def scenario(ask: Any) -> None:
        made = (await ask("POST", PATH, request(pem, username="root", uid="0"))).body
        assert made["spec"]["username"] == "system:anonymous"
        assert made["spec"]["groups"] == ["system:unauthenticated"]
        assert "uid" not in made["spec"]

    play(scenario)


def test_each_write_changes_its_part(play: Any, pem: str) -> None:
    async def scenario(ask: Any) -> None:
        made = (await ask("POST", PATH, request(pem), user=JANE)).body
        decided = {"type": "Approved", "status": "True", "reason": "r"}
        patch = {"spec": {"usages": ["signing"]}, "status": {"conditions": [decided], "certificate": "eA=="}}
        patched = await ask("PATCH", f"{PATH}/r", patch, content_type=MERGE)
        assert (patched.body["spec"], patched.body["status"]) == (made["spec"], {})
        patched = await ask("PATCH", f"{PATH}/r/approval", patch, content_type=MERGE)
        now = made["metadata"]["creationTimestamp"]
        dated = {**decided, "lastUpdateTime": now, "lastTransitionTime": now}
        assert (patched.body["spec"], patched.body["status"]) == (made["spec"], {"conditions": [dated]})
        other = {"status": {"conditions": [{**decided, "reason": "other"}, {"type": "Failed", "status": "True"}]}}
        patched = await ask("PATCH", f"{PATH}/r/status", other, content_type=MERGE)
        assert patched.body["status"]["conditions"][0] == dated
        assert patched.body["status"]["conditions"][1]["lastTransitionTime"] == now
        denied = {"status": {"conditions": [dated, {"type": "Denied", "status": "True"}]}}
        refused = await ask("PATCH", f"{PATH}/r/status", denied, content_type=MERGE)
        assert 'updates may not add a condition of type "Denied"' in refused.message
        refused = await ask("PATCH", f"{PATH}/r/approval", denied, content_type=MERGE)
        assert "must specify at most one of" in refused.message
        refused = await ask("PATCH", f"{PATH}/r/approval", {"status": None}, content_type=MERGE)
        assert 'updates may not remove a condition of type "Approved"' in refused.message

    play(scenario)


@pytest.mark.parametrize(("verb", "part"), [("approve", "approval"), ("sign", "status")])
@pytest.mark.parametrize("signer", ["example.com/any", "example.com/*"])
def test_the_signers_name_must_be_granted(play: Any, pem: str, verb: str, part: str, signer: str) -> None:
    name = "certificates.k8s.io"
    write = {"apiGroups": [name], "resources": [f"certificatesigningrequests/{part}"], "verbs": ["patch"]}
    granted = {"apiGroups": [name], "resources": ["signers"], "resourceNames": [signer], "verbs": [verb]}
    patch = {"status": {"conditions": [{"type": "Approved" if verb == "approve" else "X", "status": "True"}]}}

    async def scenario(ask: Any) -> None:
        await ask.admin("POST", PATH, request(pem))
        await ask.admin("POST", ROLES, {"metadata": {"name": "r"}, "rules": [write]})
        reference = {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "r"}
        subject = {"apiGroup": "rbac.authorization.k8s.io", "kind": "User", "name": "jane"}
        await ask.admin("POST", BINDINGS, {"metadata": {"name": "r"}, "roleRef": reference, "subjects": [subject]})

        refused = await ask("PATCH", f"{PATH}/r/{part}", patch, user=JANE, content_type=MERGE)
        why = f'user not permitted to {verb} requests with signerName "example.com/any"'
        assert (refused.status, refused.message) == (
            403, f'certificatesigningrequests.certificates.k8s.io "r" is forbidden: {why}'
        )  # fmt: skip
        labels = {"metadata": {"labels": {"a": "b"}}}
        relabelled = await ask("PATCH", f"{PATH}/r/{part}", labels, user=JANE, content_type=MERGE)
        assert relabelled.status == (403 if verb == "approve" else 200)

        await ask.admin("PUT", f"{ROLES}/r", {"metadata": {"name": "r"}, "rules": [write, granted]})
        assert (await ask("PATCH", f"{PATH}/r/{part}", patch, user=JANE, content_type=MERGE)).status == 200

    play(scenario, authorization="RBAC")


def test_what_is_no_certificate_is_no_answer(play: Any, pem: str) -> None:
    async def scenario(ask: Any) -> None:
        await ask("POST", PATH, request(pem), user=ADMIN)
        for text, why in (
            ("x", "must contain at least one CERTIFICATE PEM block"),
            (pem, 'only CERTIFICATE PEM blocks are allowed, found "CERTIFICATE REQUEST"'),
        ):
            told = {"status": {"certificate": base64.b64encode(text.encode()).decode()}}
            refused = await ask("PATCH", f"{PATH}/r/status", told, content_type=MERGE)
            assert refused.message.endswith(f'status.certificate: Invalid value: "<certificate data>": {why}')

    play(scenario)


def test_nobody_gets_a_certificate_for_everything(play: Any) -> None:
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    subject = x509.Name([x509.NameAttribute(x509.NameOID.ORGANIZATION_NAME, "system:masters")])
    made = x509.CertificateSigningRequestBuilder().subject_name(subject)
    signed = made.sign(ec.generate_private_key(ec.SECP256R1()), hashes.SHA256())
    text = signed.public_bytes(serialization.Encoding.PEM).decode()

    async def scenario(ask: Any) -> None:
        refused = await ask("POST", PATH, request(text, signerName="kubernetes.io/kube-apiserver-client"))
        why = "use of kubernetes.io/kube-apiserver-client signer with system:masters group is not allowed"
        assert refused.message == f'certificatesigningrequests.certificates.k8s.io "r" is forbidden: {why}'
        assert (await ask("POST", PATH, request(text))).status == 201

    play(scenario)
