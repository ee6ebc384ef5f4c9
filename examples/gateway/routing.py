"""One HTTPRoute by itself: what its rules come to in Envoy, and what is wrong with them.

Nothing here knows other routes, so none can change what another comes to.
"""

from __future__ import annotations

from typing import Final

import attrs

from examples.gateway import hostnames, matching, rendering
from examples.gateway.backends import Backend, Backends
from examples.gateway.matching import Precedence
from examples.gateway.model import BackendRef, Filter, HTTPRoute, Rule
from examples.gateway.reads import Reads
from examples.gateway.snapshot import JSON
from examples.gateway.tokens import Token, resolve_token
from examples.gateway.verdicts import Condition, Problem, Reason

_HIGHEST_WEIGHT: Final = 1_000_000  # the API's own limit
_BROKEN: Final = "This route can't be served as it is configured."


@attrs.frozen(kw_only=True)
class RoutedMatch:
    """One match of one rule.

    Attributes:
        precedence: where it stands among the matches for one hostname.
        routes: Envoy's routes, to be kept in this order and together.
    """

    precedence: Precedence
    routes: tuple[JSON, ...]


@attrs.frozen(kw_only=True)
class RoutePlan:
    """What a route comes to.

    Attributes:
        matches: of all its rules that can be expressed.
        backends: those that traffic goes to.
        accepted: the condition as it is at each parent that the route attaches to.
        resolved_refs: the condition, the same at every parent.
        partially_invalid: the condition, None where every rule is as the user wrote it, or none is.
    """

    matches: tuple[RoutedMatch, ...]
    backends: tuple[Backend, ...]
    accepted: Condition
    resolved_refs: Condition
    partially_invalid: Condition | None


@attrs.frozen(kw_only=True)
class _RulePlan:
    actions: tuple[tuple[Token, ...], JSON] | None  # None: dropped
    backends: tuple[Backend, ...] = ()
    invalid: str = ""
    unresolved: tuple[Problem, ...] = ()


def plan_route(route: HTTPRoute, *, reads: Reads, backends: Backends) -> RoutePlan:
    """Work out a route.

    A rule whose matches can't be expressed is dropped; one whose filter or backends can't be honoured answers 500. If a
    dropped rule had filters, the whole route answers 500: what it guarded could else fall to a rule without them.

    Args:
        route: the route.
        reads: where its filters are looked up.
        backends: where its backends are.
    """
    bad_hostnames = [hostname for hostname in route.hostnames if not hostnames.is_valid(hostname)]
    if bad_hostnames:
        return unaccepted(f"hostnames {bad_hostnames} aren't lower case DNS names")
    namespace = route.meta.key.namespace
    plans = [_plan_rule(rule, namespace=namespace, reads=reads, backends=backends) for rule in route.rules]
    is_closed = any(plan.actions is None and rule.filters for plan, rule in zip(plans, route.rules, strict=True))
    if is_closed:
        plans = [plan if plan.actions is None else _closed(plan) for plan in plans]
    return RoutePlan(
        matches=tuple(_routed_matches(route, plans)),
        backends=tuple(dict.fromkeys(backend for plan in plans for backend in plan.backends)),
        accepted=_accepted(plans),
        resolved_refs=_resolved_refs(plans),
        partially_invalid=_partially_invalid(plans, is_closed=is_closed),
    )


def unaccepted(message: str) -> RoutePlan:
    """The plan of a route that can't be read or served at all."""
    return RoutePlan(
        matches=(),
        backends=(),
        accepted=Condition("Accepted", False, Reason.UNSUPPORTED_VALUE, message),
        resolved_refs=Condition("ResolvedRefs", True, Reason.RESOLVED_REFS),
        partially_invalid=None,
    )


def _plan_rule(rule: Rule, *, namespace: str, reads: Reads, backends: Backends) -> _RulePlan:
    inexpressible = _inexpressible(rule)
    if inexpressible:
        return _RulePlan(actions=None, invalid=inexpressible)
    unsupported = [entry.type for entry in rule.filters if entry.type != "ExtensionRef" or entry.extension is None]
    filters = [_resolve_filter(entry, namespace, reads) for entry in rule.filters]
    tokens = tuple(token for token in filters if isinstance(token, Token))
    broken = tuple(problem for problem in filters if isinstance(problem, Problem))
    resolved = [(ref, _resolve_backend(ref, namespace, backends)) for ref in rule.backends]
    unresolved = tuple(backend for _, backend in resolved if isinstance(backend, Problem))
    if unsupported or broken:
        return _RulePlan(
            actions=((), rendering.direct_response(500, _BROKEN)),
            invalid=f"filters {unsupported} aren't supported, so it answers 500" if unsupported else "",
            unresolved=(*broken, *unresolved),
        )
    used = tuple(backend for ref, backend in resolved if ref.weight and isinstance(backend, Backend))
    return _RulePlan(actions=(tokens, _action(resolved)), backends=used, unresolved=unresolved)


def _inexpressible(rule: Rule) -> str:
    problems = [problem for match in rule.matches if (problem := matching.unsupported(match)) is not None]
    problems += [f"{name} isn't supported" for name in rule.settings]
    problems += [
        f"weight {backend.weight} of {backend.target.name!r} isn't between 0 and {_HIGHEST_WEIGHT}"
        for backend in rule.backends
        if not 0 <= backend.weight <= _HIGHEST_WEIGHT
    ]
    return "; ".join(problems)


def _resolve_filter(entry: Filter, namespace: str, reads: Reads) -> Token | Problem | None:
    if entry.type != "ExtensionRef" or entry.extension is None:
        return None
    return resolve_token(reads, entry.extension, namespace=namespace)


def _resolve_backend(reference: BackendRef, namespace: str, backends: Backends) -> Backend | Problem:
    if reference.has_filters:
        return Problem(
            Reason.UNSUPPORTED_VALUE,
            f"filters of the backend {reference.target.name!r} aren't supported; put them into the rule",
        )
    return backends.resolve(reference, namespace=namespace)


def _action(resolved: list[tuple[BackendRef, Backend | Problem]]) -> JSON:
    shares = [
        (backend.cluster if isinstance(backend, Backend) else None, reference.weight)
        for reference, backend in resolved
        if reference.weight
    ]
    if not any(cluster for cluster, _ in shares):
        return rendering.direct_response(500, _BROKEN)
    return rendering.forward(shares)


def _closed(plan: _RulePlan) -> _RulePlan:
    return attrs.evolve(plan, actions=((), rendering.direct_response(500, _BROKEN)), backends=())


def _routed_matches(route: HTTPRoute, plans: list[_RulePlan]) -> list[RoutedMatch]:
    return [
        RoutedMatch(
            precedence=matching.precedence(match, seniority=route.meta.seniority, rule=number, index=index),
            routes=_envoy_routes(str(route.meta.key), matching.render(match), *plan.actions),
        )
        for number, (rule, plan) in enumerate(zip(route.rules, plans, strict=True))
        if plan.actions is not None
        for index, match in enumerate(rule.matches)
    ]


def _envoy_routes(name: str, match: JSON, tokens: tuple[Token, ...], action: JSON) -> tuple[JSON, ...]:
    if not tokens:
        return ({"name": name, "match": match, **action},)
    guarded = match
    for token in tokens:
        guarded = matching.demanding(guarded, "authorization", token.authorization)
    return (
        {"name": name, "match": guarded, **action},
        {"name": name, "match": match, **rendering.unauthorized()},
    )


def _accepted(plans: list[_RulePlan]) -> Condition:
    if all(plan.invalid for plan in plans):
        return Condition("Accepted", False, Reason.UNSUPPORTED_VALUE, _invalid_rules(plans))
    return Condition("Accepted", True, Reason.ACCEPTED)


def _partially_invalid(plans: list[_RulePlan], *, is_closed: bool) -> Condition | None:
    if all(plan.invalid for plan in plans) or not any(plan.invalid for plan in plans):
        return None
    # The API prescribes the beginning of this message.
    message = f"Dropped Rule(s): {_invalid_rules(plans)}"
    if is_closed:
        message += "; as a dropped rule has filters, all the others answer 500"
    return Condition("PartiallyInvalid", True, Reason.UNSUPPORTED_VALUE, message)


def _invalid_rules(plans: list[_RulePlan]) -> str:
    return "; ".join(f"rules[{number}]: {plan.invalid}" for number, plan in enumerate(plans) if plan.invalid)


def _resolved_refs(plans: list[_RulePlan]) -> Condition:
    problems = [(number, problem) for number, plan in enumerate(plans) for problem in plan.unresolved]
    if not problems:
        return Condition("ResolvedRefs", True, Reason.RESOLVED_REFS)
    message = "; ".join(f"rules[{number}]: {problem.message}" for number, problem in problems)
    return Condition("ResolvedRefs", False, problems[0][1].reason, message)
