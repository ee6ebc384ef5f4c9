"""Which of a cluster's controllers a server plays."""

from __future__ import annotations

import ipaddress
from types import NoneType

import attrs

from reconcilekit.testing.apiserver import names
from reconcilekit.testing.apiserver.arguments import Types, check_types, is_a_time

_FEWEST_ADDRESSES = 8
"""Of a range: what the real server asks for of Services' addresses."""

_WORKLOADS: Types = {
    **{name: ((int, float), f"{name}=0.5, in seconds") for name in ("ready_after", "completes_after", "stops_after")},
    "delay": ((int, float), "delay=0.02, in seconds"),
    "node": ((str,), "node='node-1', or node='' for none"),
    "pod_range": ((str,), "pod_range='10.244.0.0/16'"),
}
_SWITCHES = ("garbage_collection", "namespaces", "namespace_contents", "tokens", "quotas", "system_objects")
_HOUSEKEEPING: Types = {
    **{name: ((bool,), f"{name}=True or {name}=False") for name in _SWITCHES},
    "delay": ((int, float), "delay=0.5, in seconds"),
    "event_ttl": ((int, float, NoneType), "event_ttl=3600, in seconds, or event_ttl=None for ever"),
    "service_range": ((str,), "service_range='10.0.0.0/24'"),
    "node_ports": ((tuple,), "node_ports=(30000, 32767)"),
}


def _check_times(instance: object, *names: str) -> None:
    for name in names:
        value = getattr(instance, name)
        if value is not None and not is_a_time(value):
            shown = f"{type(instance).__name__}({name}={value})"
            raise ValueError(f"{shown}: time runs forward only; pass seconds >= 0")


def _check_range(name: str, value: str) -> None:
    try:
        network = ipaddress.IPv4Network(value, strict=False)
    except ValueError as error:
        raise ValueError(f"{name}={value!r} is no IPv4 network; pass one, as {name}='10.0.0.0/24'") from error
    address = value.partition("/")[0]
    if str(network.network_address) != address:
        raise ValueError(f"{name}={value!r} has bits set behind its prefix; pass {name}='{network}'")
    if network.num_addresses < _FEWEST_ADDRESSES:
        few = f"holds too few addresses: {network.num_addresses} of the {_FEWEST_ADDRESSES} that it needs"
        raise ValueError(f"{name}={value!r} {few}; pass one of /29 or wider, as {name}='10.0.0.0/24'")


def _check_ports(ports: tuple[int, ...]) -> None:
    example = "pass the first and the last, as node_ports=(30000, 32767)"
    if not all(type(port) is int for port in ports):
        raise TypeError(f"node_ports={ports!r} are no numbers; {example}")
    if len(ports) != 2 or not 1 <= ports[0] <= ports[1] <= 65535:
        raise ValueError(f"node_ports={ports!r} is no range from 1 to 65535; {example}")


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
        pod_range: where Pods' addresses come from, an IPv4 network.

    Raises:
        TypeError: an argument is of another type; says which, and what to pass.
        ValueError: a time is negative or without end, no Node can be called that, or a range is none or too small.
    """

    ready_after: float = 1.0
    completes_after: float = 5.0
    stops_after: float = 0.5
    delay: float = 0.02
    node: str = "node-1"
    pod_range: str = "10.244.0.0/16"

    def __attrs_post_init__(self) -> None:
        check_types(attrs.asdict(self), _WORKLOADS)
        _check_times(self, "ready_after", "completes_after", "stops_after", "delay")
        _check_range("pod_range", self.pod_range)
        for problem in names.subdomain(self.node) if self.node else ():
            raise ValueError(f"node={self.node!r} is no Node's name; pass one as 'node-1', or '' for none: {problem}")


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
            Off by default: tests that count Services find their own only. "default" and "kube-system" are always there,
            and so is kube-public where RBAC decides, for the sake of a default role and binding in it.
        service_range: where Services' clusterIPs come from, an IPv4 network of 8 addresses at least; the first one is
            that of the Service "kubernetes".
        node_ports: the first and the last port for Services of type NodePort and LoadBalancer.

    Raises:
        TypeError: an argument is of another type; says which, and what to pass.
        ValueError: a time is negative or without end, or a range is none or too small.
    """

    garbage_collection: bool = True
    namespaces: bool = True
    namespace_contents: bool = False
    tokens: bool = True
    quotas: bool = True
    workloads: Workloads | None = None
    delay: float = 0.0
    event_ttl: float | None = 3600.0
    system_objects: bool = False
    service_range: str = "10.0.0.0/24"
    node_ports: tuple[int, int] = (30000, 32767)

    def __attrs_post_init__(self) -> None:
        check_types(attrs.asdict(self, recurse=False), _HOUSEKEEPING)
        wanted = "workloads=Workloads(), or None to leave them as they were written"
        check_types({"workloads": self.workloads}, {"workloads": ((Workloads, NoneType), wanted)})
        _check_times(self, "delay", "event_ttl")
        _check_range("service_range", self.service_range)
        _check_ports(self.node_ports)

    @classmethod
    def none(cls) -> Housekeeping:
        """What kube-apiserver does by itself, and nothing else: envtest's world."""
        return cls(garbage_collection=False, namespaces=False, tokens=False, quotas=False, system_objects=True)

    @classmethod
    def cluster(cls, *, workloads: Workloads | None = None) -> Housekeeping:
        """Everything that a whole cluster does."""
        return cls(namespace_contents=True, system_objects=True, workloads=workloads or Workloads())
