"""What is created to be answered and never stored: reviews and TokenRequests, up to their answer."""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs

from reconcilekit.kube.transport import Response
from reconcilekit.testing.apiserver import status
from reconcilekit.testing.apiserver.encoding import bodies
from reconcilekit.testing.apiserver.kinds.resources import ResourceType
from reconcilekit.testing.apiserver.verbs.parameters import write_options

if TYPE_CHECKING:
    from reconcilekit.testing.apiserver.verbs.call import Call

TOKEN_REQUEST = ResourceType(
    group="authentication.k8s.io",
    version="v1",
    kind="TokenRequest",
    plural="tokenrequests",
    singular="tokenrequest",
    is_namespaced=True,
    verbs=("create",),
    definition="io.k8s.api.authentication.v1.TokenRequest",
)


def check_path(served: ResourceType, name: str, namespace: str) -> None:
    """Nothing but the collection that questions are sent to is there.

    Raises:
        StatusError: 404.
    """
    if served.is_question and (name or (served.is_namespaced and not namespace)):
        raise status.unknown_resource()


def ask(call: Call, served: ResourceType) -> Response:
    """The question as it was understood, with its owner; whoever knows the answer puts it in.

    Raises:
        StatusError: 400.
    """
    bodies.check_media_type(call.request)
    options = write_options(call.request.query, "CreateOptions")
    obj = call.read_body(options, served)
    target = attrs.evolve(call.target(options), served=served)
    outcome = call.cluster.asked(target, obj, call.check_namespace)
    if served is call.served:
        return call.written(outcome)
    return Response(status=201, headers={"content-type": status.JSON}, body=outcome.stored.body(served))
