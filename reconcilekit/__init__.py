"""Kubernetes controllers in which a reconcile is a function from one consistent view to one all-or-nothing commit.

Three audiences, three places: what controllers are written with is here; what stands alone (`classification`,
`backoff`, `state`) has packages of its own; what tests use is `reconcilekit.testing`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from reconcilekit._version import __version__

if TYPE_CHECKING:
    from reconcilekit.backoff import Backoff
    from reconcilekit.cache.scope import Scope
    from reconcilekit.cache.selection import LabelSelector
    from reconcilekit.classification import (
        Classifier,
        classify,
        default_classifier,
        retry_if_transient,
        wait_retry_after,
    )
    from reconcilekit.clock import Clock, SystemClock
    from reconcilekit.errors import (
        ApiError,
        BugError,
        ConfigError,
        ConflictError,
        ReconcileError,
        TransientError,
        WireError,
    )
    from reconcilekit.kube.client import Client
    from reconcilekit.kube.resource import ObjectKey, Resource
    from reconcilekit.runtime.context import Context
    from reconcilekit.runtime.manager import Manager
    from reconcilekit.runtime.outcomes import Outcome, Result, Verdict
    from reconcilekit.runtime.reconciler import Reconciler, Source, Wake, generation_changed
    from reconcilekit.runtime.reports import RunReport
    from reconcilekit.runtime.session import ManagerHealth
    from reconcilekit.runtime.staging import RunClosedError, StagingError
    from reconcilekit.state import StateStore
else:
    from reconcilekit._lazy import lazily

    # Each name is imported where it's first used: who only wants an error class pays neither for asyncio nor for a
    # client. A type checker reads the imports above instead, and so still knows which names there aren't.
    _HOMES = {
        "reconcilekit.backoff": ("Backoff",),
        "reconcilekit.cache.scope": ("Scope",),
        "reconcilekit.cache.selection": ("LabelSelector",),
        "reconcilekit.classification": (
            "Classifier",
            "classify",
            "default_classifier",
            "retry_if_transient",
            "wait_retry_after",
        ),
        "reconcilekit.clock": ("Clock", "SystemClock"),
        "reconcilekit.errors": (
            "ApiError",
            "BugError",
            "ConfigError",
            "ConflictError",
            "ReconcileError",
            "TransientError",
            "WireError",
        ),
        "reconcilekit.kube.client": ("Client",),
        "reconcilekit.kube.resource": ("ObjectKey", "Resource"),
        "reconcilekit.runtime.context": ("Context",),
        "reconcilekit.runtime.manager": ("Manager",),
        "reconcilekit.runtime.outcomes": ("Outcome", "Result", "Verdict"),
        "reconcilekit.runtime.reconciler": ("Reconciler", "Source", "Wake", "generation_changed"),
        "reconcilekit.runtime.reports": ("RunReport",),
        "reconcilekit.runtime.session": ("ManagerHealth",),
        "reconcilekit.runtime.staging": ("RunClosedError", "StagingError"),
        "reconcilekit.state": ("StateStore",),
    }
    __getattr__, __dir__ = lazily(globals(), _HOMES)

__all__ = [
    # a controller
    "Reconciler",
    "Context",
    "Result",
    "Resource",
    "ObjectKey",
    "Source",
    "Wake",
    "generation_changed",
    # running it
    "Manager",
    "ManagerHealth",
    "RunReport",
    "Outcome",
    "Verdict",
    "Client",
    "Scope",
    "LabelSelector",
    # what failures mean
    "ReconcileError",
    "TransientError",
    "ConflictError",
    "ConfigError",
    "BugError",
    "StagingError",
    "RunClosedError",
    "ApiError",
    "WireError",
    # each usable on its own
    "Classifier",
    "classify",
    "default_classifier",
    "retry_if_transient",
    "wait_retry_after",
    "Backoff",
    "StateStore",
    "Clock",
    "SystemClock",
    "__version__",
]
