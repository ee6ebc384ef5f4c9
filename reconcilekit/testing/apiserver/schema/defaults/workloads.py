"""Deployments, StatefulSets, DaemonSets, ReplicaSets, Jobs and CronJobs (pkg/apis/apps/v1, pkg/apis/batch/v1)."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from reconcilekit.testing.apiserver.go_text import quoted
from reconcilekit.testing.apiserver.schema.defaults.filling import Fill, fill
from reconcilekit.testing.apiserver.schema.mistakes import DecodeError

TEMPLATE_GENERATION = "deprecated.daemonset.template.generation"
"""The annotation that a DaemonSet's oldest field has become (pkg/apis/apps/v1/conversion.go)."""

_NUMBER = re.compile(r"[+-]?[0-9]+", re.ASCII)
_APPS = "io.k8s.api.apps.v1."
_BATCH = "io.k8s.api.batch.v1."
_MOST = 2**31 - 1

_rolling_deployment = fill(maxUnavailable="25%", maxSurge="25%")
_deployment_spec = fill(replicas=1, revisionHistoryLimit=10, progressDeadlineSeconds=600)
_rolling_daemon_set = fill(maxUnavailable=1, maxSurge=0)
_rolling_stateful_set = fill(partition=0, maxUnavailable=1)
_stateful_set_spec = fill(podManagementPolicy="OrderedReady", replicas=1, revisionHistoryLimit=10)
_retention = fill(whenDeleted="Retain", whenScaled="Retain")
_job_spec = fill(parallelism=1, completionMode="NonIndexed", suspend=False, manualSelector=False)


def _fill_strategy(strategy: dict[str, Any], rolling: Fill) -> None:
    strategy.setdefault("type", "RollingUpdate")
    if strategy["type"] == "RollingUpdate":
        rolling(strategy.setdefault("rollingUpdate", {}))


def _fill_deployment_spec(spec: dict[str, Any]) -> None:
    _deployment_spec(spec)
    _fill_strategy(spec["strategy"], _rolling_deployment)


def _fill_daemon_set_spec(spec: dict[str, Any]) -> None:
    spec.setdefault("revisionHistoryLimit", 10)
    _fill_strategy(spec["updateStrategy"], _rolling_daemon_set)


def _fill_stateful_set_spec(spec: dict[str, Any]) -> None:
    _stateful_set_spec(spec)
    strategy = spec["updateStrategy"]
    if "type" not in strategy:
        strategy["type"] = "RollingUpdate"
        strategy.setdefault("rollingUpdate", {})
    if strategy["type"] == "RollingUpdate" and "rollingUpdate" in strategy:
        _rolling_stateful_set(strategy["rollingUpdate"])
    for claim in spec.get("volumeClaimTemplates") or ():
        claim |= {"kind": "PersistentVolumeClaim", "apiVersion": "v1"}
    _retention(spec.setdefault("persistentVolumeClaimRetentionPolicy", {}))


def _fill_job(job: dict[str, Any]) -> None:
    spec = job["spec"]
    if "completions" not in spec and "parallelism" not in spec:
        spec["completions"] = 1
    _job_spec(spec)
    spec.setdefault("backoffLimit", _MOST if "backoffLimitPerIndex" in spec else 6)
    spec.setdefault("podReplacementPolicy", "Failed" if "podFailurePolicy" in spec else "TerminatingOrFailed")
    labels = spec["template"].get("metadata", {}).get("labels")
    if labels:
        # The same map: what the server puts into a new Job's template stands there, too.
        job["metadata"].setdefault("labels", labels)


def _fill_daemon_set(daemon_set: dict[str, Any]) -> None:
    annotations = daemon_set["metadata"].get("annotations") or {}
    told = annotations.get(TEMPLATE_GENERATION, "0")
    if not _NUMBER.fullmatch(told):
        raise DecodeError(f"strconv.ParseInt: parsing {quoted(told)}: invalid syntax")
    daemon_set["metadata"]["annotations"] = {**annotations, TEMPLATE_GENERATION: str(int(told))}


def _fill_failure_pattern(pattern: dict[str, Any]) -> None:
    # OpenAPI has an empty one for its default.
    pattern["status"] = pattern.get("status") or "True"


DEFAULTS: Mapping[str, Fill] = {
    f"{_APPS}DeploymentSpec": _fill_deployment_spec,
    f"{_APPS}DaemonSet": _fill_daemon_set,
    f"{_APPS}DaemonSetSpec": _fill_daemon_set_spec,
    f"{_APPS}StatefulSetSpec": _fill_stateful_set_spec,
    f"{_APPS}ReplicaSetSpec": fill(replicas=1),
    f"{_BATCH}Job": _fill_job,
    f"{_BATCH}CronJobSpec": fill(
        concurrencyPolicy="Allow", suspend=False, successfulJobsHistoryLimit=3, failedJobsHistoryLimit=1
    ),
    f"{_BATCH}PodFailurePolicyOnPodConditionsPattern": _fill_failure_pattern,
}
