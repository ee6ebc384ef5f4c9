"""What an error means: the default table for Kubernetes API failures, and rules of your own in front of it.

Usable in any controller: nothing here needs an event loop, a manager or a cluster, and no client is imported.
"""

from __future__ import annotations

from reconcilekit.classification.classifier import (
    DEFAULT_RULES,
    Classifier,
    classify,
    default_classifier,
    default_rules,
)
from reconcilekit.classification.predicates import (
    is_already_exists,
    is_conflict,
    is_expired,
    is_kind_unknown,
    is_namespace_missing,
    is_namespace_terminating,
    is_not_found,
    is_replaced,
    is_resource_version_too_large,
    is_unauthorized,
)
from reconcilekit.classification.retrying import retry_if_transient, wait_retry_after
from reconcilekit.classification.rule import Rule, RuleFailure, RuleFunction

__all__ = [
    # verdicts
    "Classifier",
    "Rule",
    "RuleFailure",
    "RuleFunction",
    "DEFAULT_RULES",
    "classify",
    "default_classifier",
    "default_rules",
    # questions about an answer
    "is_already_exists",
    "is_conflict",
    "is_expired",
    "is_kind_unknown",
    "is_namespace_missing",
    "is_namespace_terminating",
    "is_not_found",
    "is_replaced",
    "is_resource_version_too_large",
    "is_unauthorized",
    # tenacity
    "retry_if_transient",
    "wait_retry_after",
]
