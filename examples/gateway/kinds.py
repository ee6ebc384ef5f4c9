"""The kinds that the controllers read, and the name by which they claim GatewayClasses."""

from __future__ import annotations

from typing import Final

from reconcilekit.kube.resource import Resource

GATEWAY_GROUP: Final = "gateway.networking.k8s.io"
EXTENSION_GROUP: Final = "gateway.reconcilekit.dev"

CONTROLLER_NAME: Final = "gateway.reconcilekit.dev/gateway-controller"
"""GatewayClasses with this `spec.controllerName` are ours; other controllers' entries in shared lists are not."""

GATEWAY_CLASS: Final = Resource(f"{GATEWAY_GROUP}/v1", "GatewayClass")
GATEWAY: Final = Resource(f"{GATEWAY_GROUP}/v1", "Gateway")
HTTP_ROUTE: Final = Resource(f"{GATEWAY_GROUP}/v1", "HTTPRoute")
REFERENCE_GRANT: Final = Resource(f"{GATEWAY_GROUP}/v1beta1", "ReferenceGrant")
TOKEN_POLICY: Final = Resource(f"{EXTENSION_GROUP}/v1alpha1", "TokenPolicy")
NAMESPACE: Final = Resource("v1", "Namespace")
SERVICE: Final = Resource("v1", "Service")
SECRET: Final = Resource("v1", "Secret")
ENDPOINT_SLICE: Final = Resource("discovery.k8s.io/v1", "EndpointSlice")

READ_BY_TRANSLATION: Final = (
    HTTP_ROUTE,
    REFERENCE_GRANT,
    TOKEN_POLICY,
    NAMESPACE,
    SERVICE,
    SECRET,
    ENDPOINT_SLICE,
)
"""What a Gateway's reconcile looks up besides the Gateway and its class."""
