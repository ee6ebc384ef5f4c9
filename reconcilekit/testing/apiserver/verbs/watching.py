"""How a watch begins: what it is told first, and when it is refused."""

from __future__ import annotations

from collections.abc import Callable

from reconcilekit.testing.apiserver import status
from reconcilekit.testing.apiserver.cluster import Cluster
from reconcilekit.testing.apiserver.encoding.negotiation import PROTOBUF, Accepted
from reconcilekit.testing.apiserver.kinds.resources import ResourceType
from reconcilekit.testing.apiserver.storage.storage import Stored
from reconcilekit.testing.apiserver.storage.watch import Encoder, WatchOptions, WatchStream
from reconcilekit.testing.apiserver.verbs.parameters import ListOptions
from reconcilekit.testing.apiserver.verbs.reads import FUTURE_VERSION_PATIENCE, parse_version, watch_selection

MIN_TIMEOUT = 1800.0
"""Seconds that a watch lasts at least where its client doesn't say; as the real server, up to twice as long."""

_NEVER = 2**64
"""A version that no watch gets to: it is told of nothing."""


def open_watch(
    cluster: Cluster,
    served: ResourceType,
    namespace: str,
    options: ListOptions,
    *,
    accepted: Accepted,
    encoder: Encoder | None = None,
) -> WatchStream:
    """A watch that has been told what it has to know at its start.

    Args:
        cluster: where the objects are.
        served: the kind.
        namespace: "" for all.
        options: the request's.
        accepted: the representation.
        encoder: of its lines; None shows objects as they are.

    Raises:
        StatusError: 400 for selectors, 410 where the server is set to say so before it begins.
    """
    selection = watch_selection(served, options)
    if served.custom is not None and served.custom.needs_webhook:
        # What nobody converts isn't told.
        selection = _nothing
    asked = parse_version(options.resource_version)
    collection = cluster.storage.collection(served)
    sends_initial = bool(options.sends_initial)
    is_gone = 0 < asked < collection.compacted and not sends_initial
    gone = status.expired(f"too old resource version: {asked} ({collection.compacted})")
    if is_gone and cluster.refuses_old_watches:
        raise gone
    # From 0 with sendInitialEvents=false: whatever comes after now.
    starts_now = not asked or sends_initial
    is_early = sends_initial and asked > cluster.storage.revision
    timeout = options.timeout or _own_timeout(cluster)
    stream = cluster.watches.open(
        WatchOptions(
            served=served,
            after=_NEVER if is_early else cluster.storage.revision if starts_now else asked,
            selection=selection,
            namespace=namespace,
            timeout=timeout + FUTURE_VERSION_PATIENCE if is_early else timeout,
            wants_bookmarks=options.wants_bookmarks,
            encoder=encoder,
            content_type=accepted.stream_type,
            frame=_framing(accepted),
        )
    )
    if is_early:
        cluster.clock.call_later(FUTURE_VERSION_PATIENCE, lambda: _begin_late(cluster, stream, asked))
    elif sends_initial:
        _tell_state(cluster, stream)
    elif is_gone:
        stream.tell_error(gone)
    elif not starts_now:
        _replay(cluster, stream)
    return stream


def _framing(accepted: Accepted) -> Callable[[bytes], bytes] | None:
    if accepted.media_type != PROTOBUF:
        return None
    from reconcilekit.testing.apiserver.encoding.protobuf import watch_frame

    return watch_frame


def _nothing(_: Stored) -> bool:
    return False


def _own_timeout(cluster: Cluster) -> float:
    return cluster.clock.random.uniform(MIN_TIMEOUT, 2 * MIN_TIMEOUT)


def _tell_state(cluster: Cluster, stream: WatchStream) -> None:
    options = stream.options
    stream.tell_state(cluster.storage.collection(options.served).frozen().within(options.namespace))
    if options.wants_bookmarks:
        stream.tell_bookmark(ends_initial_events=True)


def _begin_late(cluster: Cluster, stream: WatchStream, asked: int) -> None:
    """Tell the state at a version that was of the future, or that it still is."""
    revision = cluster.storage.revision
    if revision < asked:
        stream.tell_error(status.version_too_large(asked, revision))
    elif stream.begin_at(revision):
        _tell_state(cluster, stream)


def _replay(cluster: Cluster, stream: WatchStream) -> None:
    # What a lag still holds back reaches this watch with all the others of its kind.
    progress = cluster.watches.progress(stream.options.served.storage_key)
    for event in cluster.storage.collection(stream.options.served).events_after(stream.options.after):
        if event.revision <= progress:
            stream.tell(event)
            stream.catch_up(event.revision)
