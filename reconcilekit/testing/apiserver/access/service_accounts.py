"""Tokens of ServiceAccounts: made by TokenRequest, bound to objects that must still be there."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import attrs

from reconcilekit.clock import Clock
from reconcilekit.kube.resource import ObjectKey
from reconcilekit.testing.apiserver import status
from reconcilekit.testing.apiserver.access.rbac import Objects
from reconcilekit.testing.apiserver.access.signing import InvalidTokenError, MissingCryptographyError, Signer
from reconcilekit.testing.apiserver.access.users import User, service_account
from reconcilekit.testing.apiserver.go_text import quoted
from reconcilekit.testing.apiserver.status import Cause

ISSUER = "https://kubernetes.default.svc.cluster.local"
"""Who tokens say they are from, and whom they are for, unless their request names others."""

LEEWAY = 60.0
"""Seconds by which clocks may differ: a token is good for so much longer than it says (go-jose's default)."""

SHORTEST_LIFETIME = 600
LONGEST_LIFETIME = 1 << 32
"""Seconds, as k8s.io/kubernetes' TokenRequest has them."""

_BOUND_KINDS = {"Pod": "pods", "Secret": "secrets", "Node": "nodes"}


@attrs.frozen(kw_only=True)
class Bearer:
    """Whom a token names.

    Attributes:
        audiences: whom the token is for.
    """

    user: User
    audiences: tuple[str, ...]


class ServiceAccountTokens:
    """Makes tokens and checks them.

    Args:
        objects: where ServiceAccounts, Pods, Secrets and Nodes are looked up.
        clock: for their times.
        new_uid: of each token.
        signer: signs and checks them.
    """

    def __init__(self, objects: Objects, *, clock: Clock, new_uid: Callable[[], str], signer: Signer) -> None:
        self._objects = objects
        self._clock = clock
        self._new_uid = new_uid
        self.signer = signer

    def request(self, account_key: ObjectKey, body: Mapping[str, Any]) -> dict[str, Any]:
        """Answer a TokenRequest.

        Args:
            account_key: of the ServiceAccount.
            body: the TokenRequest, as it was read.

        Raises:
            StatusError: 404 for the account or what the token is to be bound to, 409 for another uid, 422; 500 where
                the cryptography package isn't installed.
        """
        account = self._objects.find("", "serviceaccounts", account_key)
        if account is None:
            raise status.not_found("", "serviceaccounts", account_key.name)
        spec = dict(body.get("spec") or {})
        metadata = _checked_metadata(body.get("metadata") or {}, account)
        spec["audiences"] = list(spec.get("audiences") or (ISSUER,))
        seconds = spec["expirationSeconds"]
        _check_lifetime(seconds)
        claims = self._claims(account, spec["audiences"], seconds, self._bound(account_key, spec))
        try:
            token = self.signer.sign(claims)
        except MissingCryptographyError as error:
            raise status.StatusError(500, str(error)) from error
        expiry = self._clock.now().timestamp() + seconds
        spec.setdefault("boundObjectRef", None)
        return {
            "kind": "TokenRequest",
            "apiVersion": "authentication.k8s.io/v1",
            "metadata": {**metadata, "creationTimestamp": _time(self._clock.now().timestamp())},
            "spec": spec,
            "status": {"token": token, "expirationTimestamp": _time(expiry)},
        }

    def for_secret(self, account_key: ObjectKey, secret_key: ObjectKey) -> str | None:
        """The token that a Secret of an account holds and that goes with it; None where nothing can sign it."""
        bound = {"apiVersion": "v1", "kind": "Secret", "name": secret_key.name}
        spec = {"boundObjectRef": bound, "expirationSeconds": LONGEST_LIFETIME}
        try:
            token: str = self.request(account_key, {"spec": spec})["status"]["token"]
        except MissingCryptographyError:
            return None
        return token

    def bearer(self, token: str, audiences: Sequence[str] = (ISSUER,)) -> Bearer:
        """Whom the token names.

        Raises:
            InvalidTokenError: it isn't of this server, is for others, has expired, or what it is bound to has gone.
        """
        claims = self.signer.claims(token, ISSUER)
        now = self._clock.now().timestamp()
        if claims["exp"] + LEEWAY < now:
            raise InvalidTokenError("service account token has expired")
        if claims["nbf"] - LEEWAY > now:
            raise InvalidTokenError("service account token is not valid yet")
        shared = tuple(audience for audience in claims["aud"] if audience in audiences)
        if not shared:
            told, wanted = (f"[{' '.join(map(quoted, names))}]" for names in (claims["aud"], audiences))
            raise InvalidTokenError(f"token audiences {told} is invalid for the target audiences {wanted}")
        return Bearer(user=self._user(claims), audiences=shared)

    def _user(self, claims: Mapping[str, Any]) -> User:
        private = claims["kubernetes.io"]
        namespace, account = private["namespace"], private["serviceaccount"]
        found = self._objects.find("", "serviceaccounts", ObjectKey(namespace, account["name"]))
        if found is None:
            raise InvalidTokenError(f'serviceaccounts "{account["name"]}" not found')
        uid = found["metadata"]["uid"]
        if uid != account["uid"]:
            raise InvalidTokenError(f"service account UID ({uid}) does not match claim ({account['uid']})")
        extra = {"authentication.kubernetes.io/credential-id": (f"JTI={claims['jti']}",)}
        if self._is_gone(found):
            raise InvalidTokenError(f"service account {namespace}/{account['name']} has been deleted")
        for kind in ("pod", "node", "secret"):
            if kind not in private:
                continue
            bound = private[kind]
            if kind != "node" or "pod" not in private:
                self._check_bound(kind, ObjectKey("" if kind == "node" else namespace, bound["name"]), bound["uid"])
            if kind != "secret":
                told = {name: (value,) for name, value in bound.items() if value}
                extra |= {f"authentication.kubernetes.io/{kind}-{name}": value for name, value in told.items()}
        return attrs.evolve(service_account(namespace, account["name"]), uid=uid, extra=extra).authenticated()

    def _check_bound(self, kind: str, key: ObjectKey, uid: str) -> None:
        found = self._objects.find("", f"{kind}s", key)
        if found is None:
            raise InvalidTokenError("service account token has been invalidated")
        if found["metadata"]["uid"] != uid:
            has = found["metadata"]["uid"]
            raise InvalidTokenError(f"{kind} UID ({has}) does not match service account {kind} ref claim ({uid})")
        if self._is_gone(found):
            raise InvalidTokenError("service account token has been invalidated")

    def _is_gone(self, found: Mapping[str, Any]) -> bool:
        """Its deletion was asked for long enough ago, whatever holds it up."""
        deleted = found["metadata"].get("deletionTimestamp")
        return bool(deleted) and datetime.fromisoformat(deleted).timestamp() < self._clock.now().timestamp() - LEEWAY

    def _bound(self, account_key: ObjectKey, spec: Mapping[str, Any]) -> dict[str, Any]:
        """The claim about what the token is bound to."""
        reference = spec.get("boundObjectRef")
        if not reference:
            return {}
        kind, name = reference.get("kind", ""), reference.get("name", "")
        plural = _BOUND_KINDS.get(kind)
        if plural is None or reference.get("apiVersion", "v1") != "v1":
            group, _, version = str(reference.get("apiVersion", "")).rpartition("/")
            raise status.bad_request(f"cannot bind token to object of type {group}/{version}, Kind={kind}")
        key = ObjectKey("" if kind == "Node" else account_key.namespace, name)
        found = self._objects.find("", plural, key)
        if found is None:
            raise status.not_found("", plural, name)
        if kind == "Pod" and (found.get("spec") or {}).get("serviceAccountName", "default") != account_key.name:
            raise status.bad_request(
                f'cannot bind token for serviceaccount "{account_key.name}" to pod running with different '
                "serviceaccount name."
            )
        uid = found["metadata"]["uid"]
        if reference.get("uid") and reference["uid"] != uid:
            raise status.conflict(
                "",
                kind,
                name,
                f"the UID in the bound object reference ({reference['uid']}) does not match the UID in record. "
                "The object might have been deleted and then recreated",
            )
        node = self._node_of(found) if kind == "Pod" else {}
        return {kind.lower(): {"name": name, "uid": uid}, **node}

    def _node_of(self, pod: Mapping[str, Any]) -> dict[str, Any]:
        """The claim about the Pod's Node, which needn't be there."""
        name = (pod.get("spec") or {}).get("nodeName")
        if not name:
            return {}
        node = self._objects.find("", "nodes", ObjectKey("", name))
        return {"node": {"name": name} | ({} if node is None else {"uid": node["metadata"]["uid"]})}

    def _claims(
        self, account: Mapping[str, Any], audiences: list[str], seconds: int, bound: dict[str, Any]
    ) -> dict[str, Any]:
        metadata, now = account["metadata"], int(self._clock.now().timestamp())
        subject = {"name": metadata["name"], "uid": metadata["uid"]}
        return {
            "aud": audiences,
            "exp": now + seconds,
            "iat": now,
            "iss": ISSUER,
            "jti": self._new_uid(),
            "kubernetes.io": {"namespace": metadata["namespace"], **bound, "serviceaccount": subject},
            "nbf": now,
            "sub": service_account(metadata["namespace"], metadata["name"]).name,
        }


def _checked_metadata(told: Mapping[str, Any], account: Mapping[str, Any]) -> dict[str, Any]:
    metadata = {name: account["metadata"][name] for name in ("name", "namespace", "uid")}
    for name in ("name", "namespace"):
        if told.get(name) not in (None, "", metadata[name]):
            message = f'Invalid value: "{told[name]}": must match the service account {name} if specified'
            cause = Cause(reason="FieldValueInvalid", message=message, field=f"metadata.{name}")
            raise status.invalid("authentication.k8s.io", "TokenRequest", metadata["name"], [cause])
    if told.get("uid") not in (None, "", metadata["uid"]):
        why = (
            f"the UID in the token request ({told['uid']}) does not match the UID of the service account "
            f"({metadata['uid']})"
        )
        raise status.conflict("authentication.k8s.io", "TokenRequest", metadata["name"], why)
    return metadata | {name: told[name] for name in ("managedFields",) if name in told}


def _check_lifetime(seconds: int) -> None:
    if seconds < SHORTEST_LIFETIME:
        why = "may not specify a duration less than 10 minutes"
    elif seconds > LONGEST_LIFETIME:
        why = "may not specify a duration larger than 2^32 seconds"
    else:
        return
    cause = Cause(
        reason="FieldValueInvalid", message=f"Invalid value: {seconds}: {why}", field="spec.expirationSeconds"
    )
    raise status.invalid("authentication.k8s.io", "TokenRequest", "", [cause])


def _time(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
