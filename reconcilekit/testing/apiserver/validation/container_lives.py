"""How containers start, are probed, stop and start again (pkg/apis/core/validation)."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from reconcilekit.testing.apiserver import names
from reconcilekit.testing.apiserver.validation.causes import (
    Found,
    Obj,
    duplicate,
    forbidden,
    invalid,
    not_negative,
    one_of,
    required,
    too_many,
)

PROBES = ("livenessProbe", "readinessProbe", "startupProbe")
RESTART_POLICIES = ("Always", "Never", "OnFailure")

_HANDLERS = ("exec", "httpGet", "tcpSocket", "grpc")
_SCHEMES = ("HTTP", "HTTPS")
_COUNTS = ("initialDelaySeconds", "timeoutSeconds", "periodSeconds", "successThreshold", "failureThreshold")
_RESIZED = ("cpu", "memory")
_RESIZE_POLICIES = ("NotRequired", "RestartContainer")
_ACTIONS = ("Restart", "RestartAllContainers")
_OPERATORS = ("In", "NotIn")
_MOST_RULES, _MOST_CODES = 20, 255
_HEADER_RULE = (
    "a valid HTTP header must consist of alphanumeric characters or '-' (e.g. 'X-Header-Name', regex used for "
    "validation is '[-A-Za-z0-9]+')"
)


def life_causes(container: Obj, grace: int | None, field: str) -> Found:
    """What is wrong with the hooks and the probes of a container.

    Args:
        container: it.
        grace: the seconds that its Pod has to stop.
        field: where it stands.
    """
    for name in ("postStart", "preStop"):
        handler = (container.get("lifecycle") or {}).get(name)
        if handler is not None:
            yield from _handler_causes(handler, f"{field}.lifecycle.{name}", more=("sleep",), grace=grace)
    for name in PROBES:
        if name in container:
            yield from _probe_causes(container[name], name, f"{field}.{name}")


def _probe_causes(probe: Obj, kind: str, field: str) -> Found:
    yield from _handler_causes(probe, field)
    for name in _COUNTS:
        yield from not_negative(f"{field}.{name}", probe.get(name))
    grace = probe.get("terminationGracePeriodSeconds")
    if grace is not None and grace <= 0:
        yield invalid(f"{field}.terminationGracePeriodSeconds", grace, "must be greater than 0")
    if kind == "readinessProbe":
        if grace is not None:
            yield invalid(f"{field}.terminationGracePeriodSeconds", grace, "must not be set for readinessProbes")
    elif probe.get("successThreshold") != 1:
        yield invalid(f"{field}.successThreshold", probe.get("successThreshold", 0), "must be 1")


def _handler_causes(handler: Obj, field: str, more: tuple[str, ...] = (), grace: int | None = None) -> Found:
    told = [name for name in (*_HANDLERS, *more) if name in handler]
    if not told:
        yield required(field, "must specify a handler type")
    for name in told[:1]:
        yield from _action_causes(name, handler[name], grace, f"{field}.{name}")
    yield from (forbidden(f"{field}.{name}", "may not specify more than 1 handler type") for name in told[1:])


def _action_causes(name: str, action: Obj, grace: int | None, field: str) -> Found:
    if name == "exec" and not action.get("command"):
        yield required(f"{field}.command")
    if name == "httpGet" and not action.get("path"):
        yield required(f"{field}.path")
    if name in ("httpGet", "tcpSocket", "grpc"):
        port = action.get("port", 0)
        wrong: Iterator[str] = names.port_number(port) if isinstance(port, int) else names.port_name(port)
        yield from (invalid(f"{field}.port", port, why) for why in wrong)
    if name == "httpGet":
        yield from one_of(f"{field}.scheme", action.get("scheme"), _SCHEMES)
        for header in action.get("httpHeaders") or ():
            if not re.fullmatch("[-A-Za-z0-9]+", header.get("name", "")):
                yield invalid(f"{field}.httpHeaders", header.get("name", ""), _HEADER_RULE)
    if name == "sleep" and grace is not None and not 0 <= action.get("seconds", 0) <= grace:
        why = f"must be non-negative and less than terminationGracePeriodSeconds ({grace})"
        yield invalid(field, action.get("seconds", 0), why)


def restart_causes(container: Obj, field: str) -> Found:
    """What is wrong with what a container says of its being started again."""
    policy, rules = container.get("restartPolicy"), container.get("restartPolicyRules") or ()
    if policy is None and not rules:
        return
    if policy is None:
        yield required(f"{field}.restartPolicy", "must specify restartPolicy when restart rules are used")
    else:
        yield from one_of(f"{field}.restartPolicy", policy, RESTART_POLICIES)
    yield from too_many(f"{field}.restartPolicyRules", rules, _MOST_RULES)
    for i, rule in enumerate(rules):
        yield from _rule_causes(rule, f"{field}.restartPolicyRules[{i}]")


def _rule_causes(rule: Obj, field: str) -> Found:
    yield from one_of(f"{field}.action", rule.get("action"), _ACTIONS)
    codes = rule.get("exitCodes")
    if codes is None:
        yield required(f"{field}.exitCodes", "must be specified")
        return
    yield from one_of(f"{field}.exitCodes.operator", codes.get("operator"), _OPERATORS)
    yield from too_many(f"{field}.exitCodes.values", codes.get("values") or (), _MOST_CODES)


def initial_causes(container: Obj, grace: int | None, field: str) -> Found:
    """What is wrong with what only some initial containers may have: those that stay beside the others."""
    if container.get("restartPolicy") == "Always":
        yield from life_causes(container, grace, field)
        return
    for name in ("lifecycle", *PROBES):
        if name in container:
            yield forbidden(f"{field}.{name}", "may not be set for init containers without restartPolicy=Always")
    for i, resized in enumerate(container.get("resizePolicy") or ()):
        if resized.get("restartPolicy") == "RestartContainer":
            why = "must not be set to 'RestartContainer' for non-sidecar initContainers"
            yield invalid(f"{field}.resizePolicy[{i}].restartPolicy", "RestartContainer", why)


def resize_policy_causes(policies: Sequence[Obj], pod_policy: str, field: str) -> Found:
    """What is wrong with how a container is to be resized."""
    seen: set[str] = set()
    for i, told in enumerate(policies):
        resource, policy = told.get("resourceName", ""), told.get("restartPolicy", "")
        if resource in seen:
            yield duplicate(f"{field}[{i}]", resource)
        seen.add(resource)
        for value, known in ((resource, _RESIZED), (policy, _RESIZE_POLICIES)):
            if value:
                yield from one_of(field, value, known)
            else:
                yield required(field)
        if pod_policy == "Never" and policy != "NotRequired":
            yield invalid(field, policy, "must be 'NotRequired' when pod `restartPolicy` is 'Never'")
