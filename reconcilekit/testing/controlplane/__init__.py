"""A real control plane for tests: etcd, kube-apiserver and kube-controller-manager on loopback, gone with the test."""

from __future__ import annotations

from reconcilekit.testing.controlplane.assets import Assets, find_assets
from reconcilekit.testing.controlplane.errors import ControlPlaneError, MissingBinariesError
from reconcilekit.testing.controlplane.plane import ControlPlane
from reconcilekit.testing.controlplane.users import ADMIN, NAMESPACED, NOBODY, User

__all__ = [
    "ControlPlane",
    # who
    "User",
    "ADMIN",
    "NAMESPACED",
    "NOBODY",
    # with which binaries
    "Assets",
    "find_assets",
    # what goes wrong
    "ControlPlaneError",
    "MissingBinariesError",
]
