"""How a watch begins: what it is told first, and when it is refused."""

from __future__ import annotations

from collections.abc import Mapping

from reconcilekit.testing.apiserver import status
from reconcilekit.testing.apiserver.cluster import Cluster
from reconcilekit.testing.apiserver.kinds.resources import ResourceType
from reconcilekit.testing.apiserver.storage.watch import WatchOptions, WatchStream
from reconcilekit.testing.apiserver.verbs.reads import parse_count, parse_version
from reconcilekit.testing.apiserver.verbs.selectors import selection

MIN_TIMEOUT = 1800.0
"""Seconds that a watch lasts at least where its client doesn't say; as the real server, up to twice as long."""


def open_watch(cluster: Cluster, served: ResourceType, namespace: str, query: Mapping[str, str]) -> WatchStream:
    """A watch that has been told what it has to know at its start.

    Raises:
        StatusError: 400 or 422 for parameters, 410 where the server is set to say so before it begins.
    """
    asked = parse_version(query.get("resourceVersion", ""))
    sends_initial = query.get("sendInitialEvents") == "true"
    if sends_initial and query.get("resourceVersionMatch") != "NotOlderThan":
        text = "Forbidden: sendInitialEvents requires setting resourceVersionMatch to NotOlderThan"
        raise status.invalid_options("ListOptions", "resourceVersionMatch", "FieldValueForbidden", text)
    collection = cluster.storage.collection(served)
    is_gone = 0 < asked < collection.compacted
    gone = status.expired(f"too old resource version: {asked} ({collection.compacted})")
    if is_gone and not sends_initial and cluster.refuses_old_watches:
        raise gone
    starts_anew = not asked or sends_initial
    stream = cluster.watches.open(
        WatchOptions(
            served=served,
            after=cluster.storage.revision if starts_anew else asked,
            selection=selection(served, query),
            namespace=namespace,
            timeout=parse_count(query, "timeoutSeconds") or _own_timeout(cluster),
            wants_bookmarks=query.get("allowWatchBookmarks") in ("true", "1"),
        )
    )
    if starts_anew:
        _tell_state(cluster, stream, ends_initial_events=sends_initial)
    elif is_gone:
        stream.tell_error(gone)
    else:
        _replay(cluster, stream)
    return stream


def _own_timeout(cluster: Cluster) -> float:
    return cluster.clock.random.uniform(MIN_TIMEOUT, 2 * MIN_TIMEOUT)


def _tell_state(cluster: Cluster, stream: WatchStream, *, ends_initial_events: bool) -> None:
    options = stream.options
    stream.tell_state(cluster.storage.collection(options.served).frozen().within(options.namespace))
    if ends_initial_events and options.wants_bookmarks:
        stream.tell_bookmark(ends_initial_events=True)


def _replay(cluster: Cluster, stream: WatchStream) -> None:
    # What a lag still holds back reaches this watch with all the others of its kind.
    progress = cluster.watches.progress(stream.options.served.storage_key)
    for event in cluster.storage.collection(stream.options.served).events_after(stream.options.after):
        if event.revision <= progress:
            stream.tell(event)
