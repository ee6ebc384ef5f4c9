"""Who may approve and sign certificates: the check on writes of CertificateSigningRequests' decisions and status.

They are the admission plugins CertificateApproval and CertificateSigning (plugin/pkg/admission/certificates).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import attrs

from reconcilekit.testing.apiserver import status
from reconcilekit.testing.apiserver.access.attributes import Attributes
from reconcilekit.testing.apiserver.access.rbac import Authorizer
from reconcilekit.testing.apiserver.access.users import User
from reconcilekit.testing.apiserver.kinds.traits import SIGNING_REQUESTS

_VERBS: Mapping[str, str] = {"approval": "approve", "status": "sign"}


def is_guarded(wanted: Attributes) -> bool:
    """Whether a request decides about a certificate, or makes one."""
    return (
        (wanted.group, wanted.resource) == SIGNING_REQUESTS
        and wanted.subresource in _VERBS
        and wanted.verb in ("update", "patch")
    )


@attrs.frozen(kw_only=True)
class Signatory:
    """Somebody who approves or signs."""

    user: User
    wanted: Attributes
    authorizer: Authorizer

    def check(self, new: Mapping[str, Any], old: Mapping[str, Any]) -> None:
        """Refuse what the user may not do in the name of the request's signer.

        Args:
            new: the request as it would be stored.
            old: as it is.

        Raises:
            StatusError: 403.
        """
        if self.wanted.subresource == "status" and _reported(new) == _reported(old):
            return
        verb, signer = _VERBS[self.wanted.subresource], str(old["spec"].get("signerName") or "")
        if not any(self._may(verb, name) for name in (signer, f"{signer.partition('/')[0]}/*")):
            why = f'user not permitted to {verb} requests with signerName "{signer}"'
            raise status.forbidden(*SIGNING_REQUESTS, self.wanted.name, why)

    def _may(self, verb: str, signer: str) -> bool:
        asked = Attributes(verb=verb, is_resource=True, group=SIGNING_REQUESTS[0], resource="signers", name=signer)
        return self.authorizer.decide(self.user, asked).is_allowed


def _reported(request: Mapping[str, Any]) -> tuple[object, object]:
    told = request.get("status") or {}
    return told.get("certificate") or "", told.get("conditions") or []
