"""Configurations of admission webhooks (pkg/apis/admissionregistration/validation)."""

from __future__ import annotations

from collections.abc import Sequence

from reconcilekit.testing.apiserver import names
from reconcilekit.testing.apiserver.crd.webhook_clients import REVIEWS, client_causes, review_causes
from reconcilekit.testing.apiserver.go_text import BLANKS
from reconcilekit.testing.apiserver.validation.causes import Found, Obj, duplicate, invalid, one_of, required, too_many
from reconcilekit.testing.apiserver.validation.selectors import selector_causes

_OPERATIONS = ("*", "CONNECT", "CREATE", "DELETE", "UPDATE")
_SIDE_EFFECTS = ("None", "NoneOnDryRun")
_CHOICES = (
    ("failurePolicy", ("Fail", "Ignore")),
    ("matchPolicy", ("Equivalent", "Exact")),
)
_MOST_CONDITIONS = 64
_LISTS = (("apiGroups", "API groups"), ("apiVersions", "API versions"))


def webhook_configuration_causes(configuration: Obj, old: Obj | None) -> Found:
    """What is wrong with a configuration of mutating or validating webhooks."""
    seen: set[str] = set()
    for i, hook in enumerate(configuration.get("webhooks") or ()):
        field, name = f"webhooks[{i}]", hook.get("name", "")
        yield from _hook_causes(hook, field)
        reviews, where = hook.get("admissionReviewVersions") or (), f"{field}.admissionReviewVersions"
        yield from review_causes(reviews, where, needed=f"must specify one of {', '.join(REVIEWS)}")
        if name in seen:
            yield duplicate(f"{field}.name", name)
        seen.add(name)


def mutating_webhook_configuration_causes(configuration: Obj, old: Obj | None) -> Found:
    """What is wrong with a configuration of mutating webhooks, which may be called again."""
    yield from webhook_configuration_causes(configuration, old)
    for i, hook in enumerate(configuration.get("webhooks") or ()):
        if hook.get("reinvocationPolicy") is not None:
            yield from one_of(f"webhooks[{i}].reinvocationPolicy", hook["reinvocationPolicy"], ("IfNeeded", "Never"))


def _hook_causes(hook: Obj, field: str) -> Found:
    yield from _name_causes(hook.get("name", ""), f"{field}.name")
    for i, rule in enumerate(hook.get("rules") or ()):
        yield from _rule_causes(rule, f"{field}.rules[{i}]")
    for name, known in _CHOICES:
        if hook.get(name) is not None:
            yield from one_of(f"{field}.{name}", hook[name], known)
    if hook.get("sideEffects") is None:
        yield required(f"{field}.sideEffects", f"must specify one of {', '.join(_SIDE_EFFECTS)}")
    else:
        yield from one_of(f"{field}.sideEffects", hook["sideEffects"], _SIDE_EFFECTS)
    seconds = hook.get("timeoutSeconds")
    if seconds is not None and not 1 <= seconds <= 30:
        yield invalid(f"{field}.timeoutSeconds", seconds, "the timeout value must be between 1 and 30 seconds")
    for name in ("namespaceSelector", "objectSelector"):
        yield from selector_causes(hook.get(name) or {}, f"{field}.{name}")
    yield from client_causes(hook.get("clientConfig") or {}, f"{field}.clientConfig")
    yield from _condition_causes(hook.get("matchConditions") or (), f"{field}.matchConditions")


def _condition_causes(conditions: Sequence[Obj], field: str) -> Found:
    """What is wrong with the conditions but for their expressions, which nobody compiles."""
    yield from too_many(field, conditions, _MOST_CONDITIONS)
    seen: set[str] = set()
    for i, condition in enumerate(conditions):
        name = condition.get("name", "")
        if not condition.get("expression", "").strip(BLANKS):
            yield required(f"{field}[{i}].expression")
        if not name:
            yield required(f"{field}[{i}].name")
            continue
        yield from (invalid(f"{field}[{i}].name", name, why) for why in names.qualified(name))
        if name in seen:
            yield duplicate(f"{field}[{i}].name", name)
        seen.add(name)


def _name_causes(name: str, field: str) -> Found:
    if not name:
        yield required(field)
        return
    wrong = list(names.subdomain(name))
    yield from (invalid(field, name, why) for why in wrong)
    if not wrong and name.count(".") < 2:
        yield invalid(field, name, "should be a domain with at least three segments separated by dots")


def _rule_causes(rule: Obj, field: str) -> Found:
    operations = rule.get("operations") or ()
    if not operations:
        yield required(f"{field}.operations")
    yield from _star_causes(operations, f"{field}.operations", "operations")
    for i, operation in enumerate(operations):
        yield from one_of(f"{field}.operations[{i}]", operation, _OPERATIONS)
    for name, what in _LISTS:
        told = rule.get(name) or ()
        if not told:
            yield required(f"{field}.{name}")
        yield from _star_causes(told, f"{field}.{name}", what)
        if name == "apiVersions":
            yield from (required(f"{field}.{name}[{i}]") for i, version in enumerate(told) if not version)
    yield from _resource_causes(rule.get("resources") or (), f"{field}.resources")
    if rule.get("scope") is not None:
        yield from one_of(f"{field}.scope", rule["scope"], ("*", "Cluster", "Namespaced"))


def _star_causes(told: Sequence[str], field: str, what: str) -> Found:
    if "*" in told and len(told) > 1:
        yield invalid(field, told, f"if '*' is present, must not specify other {what}")


def _resource_causes(resources: Sequence[str], field: str) -> Found:
    if not resources:
        yield required(field)
    whole: set[str] = set()
    parts: set[str] = set()
    has_plain = False
    for i, told in enumerate(resources):
        if not told:
            yield required(f"{field}[{i}]")
        resource, slash, part = told.partition("/")
        if not slash:
            has_plain |= told not in ("", "*")
            continue
        if f"*/{part}" in parts or f"{resource}/*" in whole:
            star = f"{resource}/*" if f"{resource}/*" in whole else f"*/{part}"
            yield invalid(f"{field}[{i}]", told, f"if '{star}' is present, must not specify {told}")
        whole |= {told} if part == "*" else set()
        parts |= {told} if resource == "*" else set()
    if len(resources) > 1 and "*/*" in resources:
        yield invalid(field, resources, "if '*/*' is present, must not specify other resources")
    if "*" in resources and has_plain:
        yield invalid(field, resources, "if '*' is present, must not specify other resources without subresources")
