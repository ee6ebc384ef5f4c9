"""Which of a cluster's controllers a server plays."""

from __future__ import annotations

import attrs


def _not_negative(instance: object, attribute: attrs.Attribute[float], value: float | None) -> None:
    if value is not None and value < 0:
        name = f"{type(instance).__name__}({attribute.name}={value})"
        raise ValueError(f"{name}: time runs forward only; pass seconds >= 0")


@attrs.frozen(kw_only=True)
class Workloads:
    """How Deployments, StatefulSets, DaemonSets and Jobs come to Pods, and Pods to life. Nothing runs: states change.

    Args:
        ready_after: seconds from a Pod's creation until it is Ready; the default is about a container's start.
        completes_after: seconds from the creation of a Job's Pod until it has succeeded.
        stops_after: seconds that a Pod needs to stop, cut by its grace period; by default that of a process that obeys
            SIGTERM.
        delay: seconds between a change and what the controllers make of it, about what real ones need. With 0 a
            client's next update of what it has just created would always be late.
        node: the Node on which every Pod runs; "" schedules none, and Pods stay Pending.
        pod_range: where Pods' addresses come from.
    """

    ready_after: float = attrs.field(default=1.0, validator=_not_negative)
    completes_after: float = attrs.field(default=5.0, validator=_not_negative)
    stops_after: float = attrs.field(default=0.5, validator=_not_negative)
    delay: float = attrs.field(default=0.02, validator=_not_negative)
    node: str = "node-1"
    pod_range: str = "10.244.0.0/16"


@attrs.frozen(kw_only=True)
class Housekeeping:
    """The controllers of a server, each to be switched; all of them run on the server's clock.

    Args:
        garbage_collection: objects go when all their owners have, foreground and orphaning deletions end. On, because
            a controller that relies on it can't be tested without; off, finalizers of the collector stay for ever.
        namespaces: a deleted Namespace is emptied and goes when nothing is left. Off, it stays Terminating.
        namespace_contents: every Namespace gets a ServiceAccount "default" and a ConfigMap "kube-root-ca.crt". Off by
            default: tests that count ConfigMaps find their own only.
        tokens: Secrets of type kubernetes.io/service-account-token get their token.
        quotas: ResourceQuotas are counted, and so are kept to. Off, nobody counts, and they limit nothing.
        workloads: how Deployments and their like are played; None, the default, leaves them as they were written, as
            controllers' tests that write statuses themselves want it.
        delay: seconds between a change and its garbage collection or a Namespace's next step. The default of 0 does it
            within the request, before its answer; real clusters need from milliseconds to seconds.
        event_ttl: seconds that an Event is kept after its last write, the real server's hour; None keeps it for ever.
        system_objects: the Namespaces kube-public and kube-node-lease, the Service and the ServiceCIDR "kubernetes".
            Off by default: tests that count Services find their own only. "default" and "kube-system" are always there.
        service_range: where Services' clusterIPs come from; the first one is that of the Service "kubernetes".
        node_ports: the first and the last port for Services of type NodePort and LoadBalancer.

    Raises:
        ValueError: a time is negative.
    """

    garbage_collection: bool = True
    namespaces: bool = True
    namespace_contents: bool = False
    tokens: bool = True
    quotas: bool = True
    workloads: Workloads | None = None
    delay: float = attrs.field(default=0.0, validator=_not_negative)
    event_ttl: float | None = attrs.field(default=3600.0, validator=_not_negative)
    system_objects: bool = False
    service_range: str = "10.0.0.0/24"
    node_ports: tuple[int, int] = (30000, 32767)

    @classmethod
    def none(cls) -> Housekeeping:
        """What kube-apiserver does by itself, and nothing else: envtest's world."""
        return cls(garbage_collection=False, namespaces=False, tokens=False, quotas=False, system_objects=True)

    @classmethod
    def cluster(cls, *, workloads: Workloads | None = None) -> Housekeeping:
        """Everything that a whole cluster does."""
        return cls(namespace_contents=True, system_objects=True, workloads=workloads or Workloads())
