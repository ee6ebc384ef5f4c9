"""Kinds as they are on the server, kept in memory, and views of all of them at one instant."""

from __future__ import annotations

from reconcilekit.cache.cache import Cache, CacheClosedError
from reconcilekit.cache.health import HealthState, KindHealth
from reconcilekit.cache.index import IndexFunctionError
from reconcilekit.cache.listeners import CacheListener
from reconcilekit.cache.reconnect import ReflectorSettings
from reconcilekit.cache.scope import OutOfScopeError, Scope, ScopeConflictError
from reconcilekit.cache.selection import (
    IndexFunction,
    LabelSelector,
    Selection,
    SelectorSyntaxError,
    UnknownIndexError,
)
from reconcilekit.cache.source import ListWatch
from reconcilekit.cache.store import OWNER_INDEX, Change, KindNotSyncedError, Store, StoreStatistics
from reconcilekit.cache.view import UndeclaredKindError, View, ViewClosedError

__all__ = [
    # the cache
    "Cache",
    "CacheListener",
    "Change",
    "HealthState",
    "KindHealth",
    "ListWatch",
    "ReflectorSettings",
    "Scope",
    # reading
    "IndexFunction",
    "LabelSelector",
    "OWNER_INDEX",
    "Selection",
    "Store",
    "StoreStatistics",
    "View",
    # errors
    "CacheClosedError",
    "IndexFunctionError",
    "KindNotSyncedError",
    "OutOfScopeError",
    "ScopeConflictError",
    "SelectorSyntaxError",
    "UndeclaredKindError",
    "UnknownIndexError",
    "ViewClosedError",
]
