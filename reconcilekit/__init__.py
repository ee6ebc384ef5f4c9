"""Kubernetes controllers in which a reconcile is a function from one consistent view to one all-or-nothing commit.

Three audiences, three places: what controllers are written with is here; what stands alone (`classification`,
`backoff`, `state`) has packages of its own; what tests use is `reconcilekit.testing`.
"""

from __future__ import annotations

from reconcilekit._version import __version__
from reconcilekit.backoff import Backoff
from reconcilekit.cache.scope import Scope
from reconcilekit.cache.selection import LabelSelector
from reconcilekit.classification import Classifier, classify, default_classifier, retry_if_transient, wait_retry_after
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
from reconcilekit.runtime.manager import Manager, ManagerHealth
from reconcilekit.runtime.outcomes import Outcome, Result, Verdict
from reconcilekit.runtime.reconciler import Reconciler, Source, Wake, generation_changed
from reconcilekit.runtime.reports import RunReport
from reconcilekit.runtime.staging import RunClosedError, StagingError
from reconcilekit.state import StateStore

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
