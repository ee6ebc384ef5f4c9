"""CertificateSigningRequests, their approval and their certificates (pkg/apis/certificates/validation)."""

from __future__ import annotations

from collections.abc import Sequence

from reconcilekit.testing.apiserver import names
from reconcilekit.testing.apiserver.go_text import quoted
from reconcilekit.testing.apiserver.validation.causes import (
    Found,
    Obj,
    duplicate,
    forbidden,
    invalid,
    one_of,
    required,
    too_long,
    unsupported,
)
from reconcilekit.testing.apiserver.validation.metadata import NameRule
from reconcilekit.testing.apiserver.validation.signing_requests import certificate_problem, request_problem

DECISIONS = ("Approved", "Denied")
"""The conditions that an approval alone writes."""

_LASTING = (*DECISIONS, "Failed")
_STATUSES = ("False", "True", "Unknown")
_LEGACY = "kubernetes.io/legacy-unknown"
_LEAST_SECONDS = 600
_MOST_SIGNER_NAME, _MOST_DOMAIN = 571, 253
_USAGES = (
    "any", "cert sign", "client auth", "code signing", "content commitment", "crl sign", "data encipherment",
    "decipher only", "digital signature", "email protection", "encipher only", "ipsec end system", "ipsec tunnel",
    "ipsec user", "key agreement", "key encipherment", "microsoft sgc", "netscape sgc", "ocsp signing", "s/mime",
    "server auth", "signing", "timestamping",
)  # fmt: skip


def request_causes(request: Obj, old: Obj | None) -> Found:
    """What is wrong with a new one; a change of one can change neither its spec nor its status."""
    if old is not None:
        return
    spec = request["spec"]
    if problem := request_problem(spec.get("request") or ""):
        yield invalid("spec.request", spec.get("request"), problem)
    usages = spec.get("usages") or ()
    if not usages:
        yield required("spec.usages")
    for i, usage in enumerate(usages):
        if usage not in _USAGES:
            yield unsupported(f"spec.usages[{i}]", usage, _USAGES)
    seen: set[str] = set()
    for i, usage in enumerate(usages):
        if usage in seen:
            yield duplicate(f"spec.usages[{i}]", usage)
        seen.add(usage)
    if spec.get("signerName") == _LEGACY:
        yield invalid("spec.signerName", _LEGACY, "the legacy signerName is not allowed via this API version")
    else:
        yield from signer_name_causes(spec.get("signerName", ""), "spec.signerName")
    seconds = spec.get("expirationSeconds")
    if seconds is not None and seconds < _LEAST_SECONDS:
        why = "may not specify a duration less than 600 seconds (10 minutes)"
        yield invalid("spec.expirationSeconds", seconds, why)


def signer_name_causes(name: str, field: str) -> Found:
    """What is wrong with the name of a signer: a domain and a path."""
    if not name:
        yield required(field)
        return
    domain, slash, path = name.partition("/")
    if not slash or "/" in path:
        why = "must be a fully qualified domain and path of the form 'example.com/signer-name'"
        yield invalid(field, name, why)
        return
    yield from too_long(field, domain, _MOST_DOMAIN)
    yield from _part_causes(domain, names.label, field)
    if "." not in domain:
        yield invalid(field, domain, "should be a domain with at least two segments separated by dots")
    yield from _part_causes(path, names.subdomain, field)
    yield from too_long(field, name, _MOST_SIGNER_NAME)


def _part_causes(part: str, rule: NameRule, field: str) -> Found:
    for label in part.split("."):
        if problems := list(rule(label)):
            yield from (invalid(field, part, f"validating label {quoted(label)}: {why}") for why in problems)
            return


def certificate_causes(request: Obj, old: Obj) -> Found:
    """What is wrong with what a write made of the status: it takes a certificate once, and decides nothing."""
    yield from _status_causes(request, old)
    for kind in DECISIONS:
        if len(_conditions(request, kind)) > len(_conditions(old, kind)):
            yield forbidden("status.conditions", f'updates may not add a condition of type "{kind}"')
    before = _certificate(old)
    if before and _certificate(request) != before:
        yield forbidden("status.certificate", "updates may not modify existing certificate content")
    yield from _exclusive_causes(request, old)


def approval_causes(request: Obj, old: Obj) -> Found:
    """What is wrong with what an approval made of the conditions."""
    yield from _status_causes(request, old)
    yield from _exclusive_causes(request, old)


def _status_causes(request: Obj, old: Obj) -> Found:
    yield from _condition_causes(_all(request), _all(old))
    certificate, before = _certificate(request), _certificate(old)
    if certificate and certificate != before and (problem := certificate_problem(certificate)):
        yield invalid("status.certificate", "<certificate data>", problem)
    for kind in _LASTING:
        if len(_conditions(request, kind)) < len(_conditions(old, kind)):
            yield forbidden("status.conditions", f'updates may not remove a condition of type "{kind}"')


def _condition_causes(conditions: Sequence[Obj], old: Sequence[Obj]) -> Found:
    before = [told.get("type", "") for told in old]
    is_strict = len(before) == len(set(before))
    seen = set[str]()
    for i, condition in enumerate(conditions):
        kind, status, field = condition.get("type", ""), condition.get("status", ""), f"status.conditions[{i}]"
        if not kind and "" not in before:
            yield required(f"{field}.type")
        if status:
            yield from one_of(f"{field}.status", status, ("True",) if kind in _LASTING else _STATUSES)
        else:
            yield required(f"{field}.status")
        if kind in seen and is_strict:
            yield duplicate(f"{field}.type", kind)
        seen.add(kind)


def _exclusive_causes(request: Obj, old: Obj) -> Found:
    if not all(_conditions(request, kind) for kind in DECISIONS) or all(_conditions(old, kind) for kind in DECISIONS):
        return
    told = [condition["type"] for condition in _all(request) if condition.get("type") in DECISIONS]
    members = [f'conditions[{{"type": "{kind}"}}]' for kind in told]
    listed = ", ".join(f"`{member}`" for member in members)
    yield invalid("status.conditions", f"{{{', '.join(members)}}}", f"must specify at most one of: {listed}")


def _all(request: Obj) -> Sequence[Obj]:
    return (request.get("status") or {}).get("conditions") or ()


def _conditions(request: Obj, kind: str) -> list[Obj]:
    return [condition for condition in _all(request) if condition.get("type") == kind]


def _certificate(request: Obj) -> str:
    return (request.get("status") or {}).get("certificate") or ""
