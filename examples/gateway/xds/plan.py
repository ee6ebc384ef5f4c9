"""The order of a push: make before break, so that nothing Envoy serves refers to what it doesn't have.

Envoy applies each response at once and on its own, so going from one snapshot to the next is a sequence of states that
are each whole: first the new clusters beside the old ones, then the listeners, then the routes and secrets, and only
when nothing refers to them any more the old listeners and the old clusters go. Pushed all at once, the same change
answers 503 to the requests in between.

Source: https://www.envoyproxy.io/docs/envoy/latest/api-docs/xds_protocol#eventual-consistency-considerations
"""

from __future__ import annotations

from collections.abc import Mapping

import attrs

from .resources import ResourceSet, ResourceType, XdsResource


@attrs.frozen(kw_only=True)
class Step:
    """A state to bring Envoy to; the next one begins when Envoy has acknowledged and warmed all of it.

    Attributes:
        name: what it does, for logs.
        content: the resources of the types it moves; types that are missing stay as they are.
    """

    name: str
    content: ResourceSet = attrs.field(repr=False)


def steps(live: ResourceSet, target: ResourceSet) -> tuple[Step, ...]:
    """The states between what Envoy last acknowledged and what it shall have, in order.

    The order keeps an unprotected route from being served as long as a filter is added with or before the routes that
    rely on it: listeners come before routes. Filters that are to be removed again belong in every listener.

    Args:
        live: what is acknowledged; empty for an Envoy that has just started.
        target: what is published.
    """
    clusters = _merged(live, target, ResourceType.CLUSTER)
    listeners = _without_taken_addresses(
        _merged(live, target, ResourceType.LISTENER), _of(target, ResourceType.LISTENER)
    )
    secrets = _merged(live, target, ResourceType.SECRET)
    return (
        Step(
            name="add clusters",
            content={
                ResourceType.CLUSTER: clusters,
                ResourceType.ENDPOINT: _merged(live, target, ResourceType.ENDPOINT),
                ResourceType.SECRET: _referenced(clusters, secrets),
            },
        ),
        Step(
            name="add listeners",
            content={
                ResourceType.LISTENER: listeners,
                # What is served already keeps its content until the listeners are there.
                ResourceType.ROUTE: _merged(target, live, ResourceType.ROUTE),
                ResourceType.SECRET: {**_merged(target, live, ResourceType.SECRET), **_referenced(clusters, secrets)},
            },
        ),
        Step(
            name="switch routes",
            content={
                ResourceType.LISTENER: listeners,
                ResourceType.ROUTE: _merged(live, target, ResourceType.ROUTE),
                ResourceType.SECRET: secrets,
            },
        ),
        Step(name="drop listeners", content={ResourceType.LISTENER: _of(target, ResourceType.LISTENER)}),
        Step(name="drop clusters", content={ResourceType.CLUSTER: _of(target, ResourceType.CLUSTER)}),
    )


def _of(resources: ResourceSet, kind: ResourceType) -> Mapping[str, XdsResource]:
    return resources.get(kind, {})


def _merged(first: ResourceSet, second: ResourceSet, kind: ResourceType) -> Mapping[str, XdsResource]:
    """Both; where both have a name, the second's content."""
    return {**_of(first, kind), **_of(second, kind)}


def _referenced(clusters: Mapping[str, XdsResource], secrets: Mapping[str, XdsResource]) -> Mapping[str, XdsResource]:
    wanted = {name for cluster in clusters.values() for kind, name in cluster.waits_for if kind is ResourceType.SECRET}
    return {name: secret for name, secret in secrets.items() if name in wanted}


def _without_taken_addresses(
    listeners: Mapping[str, XdsResource], target: Mapping[str, XdsResource]
) -> Mapping[str, XdsResource]:
    """Envoy refuses two listeners on one address, so an old one whose address is taken over goes in the same push."""
    taken = {listener.address: name for name, listener in target.items()}
    return {name: listener for name, listener in listeners.items() if taken.get(listener.address, name) == name}
