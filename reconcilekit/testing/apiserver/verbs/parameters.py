"""The parameters of requests: read from the query as the real server reads them, and refused in its words."""

from __future__ import annotations

import functools
from collections.abc import Iterator, Mapping, Sequence

import attrs

from reconcilekit.testing.apiserver import status
from reconcilekit.testing.apiserver.go_text import json_text, quoted
from reconcilekit.testing.apiserver.go_text import whole_number as parsed
from reconcilekit.testing.apiserver.status import Cause
from reconcilekit.testing.apiserver.verbs.field_selectors import parse_field_selector
from reconcilekit.testing.apiserver.verbs.label_selectors import parse_label_selector

MAX_MANAGER = 128
"""Bytes of a field manager's name."""

DESPITE_STORE = "ignoreStoreReadErrorWithClusterBreakingPotential"
"""The option that deletes what nobody can read any more; nothing here is so."""

_NOT_OLDER = "NotOlderThan"
_PROPAGATION = ("Foreground", "Background", "Orphan")


def flag(query: Mapping[str, str], name: str) -> bool | None:
    """A yes or no, None where the parameter is missing: all but "0" and "false" is a yes."""
    text = query.get(name)
    return None if text is None else text.lower() not in ("0", "false")


def whole_number(query: Mapping[str, str], name: str) -> int | None:
    """A number, None where the parameter is missing.

    Raises:
        StatusError: 400.
    """
    text = query.get(name)
    return None if text is None else integer(text)


def integer(text: str) -> int:
    """A number, as strconv.ParseInt reads it.

    Raises:
        StatusError: 400.
    """
    value = parsed(text)
    if value is None:
        raise status.bad_request(f"strconv.ParseInt: parsing {quoted(text)}: invalid syntax")
    if not -(2**63) <= value < 2**63:
        raise status.bad_request(f"strconv.ParseInt: parsing {quoted(text)}: value out of range")
    return value


@attrs.frozen(kw_only=True)
class ListOptions:
    """What a list, a watch or a deletecollection was asked for.

    Attributes:
        match: resourceVersionMatch.
        limit: 0 for all.
        timeout: seconds, 0 for the server's own.
        sends_initial: sendInitialEvents; a watch from "" or "0" has it by default, marked by `is_legacy`.
        is_legacy: the request didn't ask for initial events in so many words.
    """

    label_selector: str = ""
    field_selector: str = ""
    is_watch: bool = False
    wants_bookmarks: bool = False
    resource_version: str = ""
    match: str = ""
    limit: int = 0
    timeout: int = 0
    continue_token: str = ""
    sends_initial: bool | None = None
    is_legacy: bool = False


def list_options(query: Mapping[str, str], *, is_watch: bool | None = None) -> ListOptions:
    """ListOptions from a query.

    Args:
        query: the request's.
        is_watch: what the path says of it; None where the query decides.

    Raises:
        StatusError: 400 or 422.
    """
    version, match = query.get("resourceVersion", ""), query.get("resourceVersionMatch", "")
    watches = bool(flag(query, "watch")) if is_watch is None else is_watch
    sends_initial = flag(query, "sendInitialEvents")
    is_legacy = watches and sends_initial is None and not match and version in ("", "0")
    options = ListOptions(
        label_selector=query.get("labelSelector", ""),
        field_selector=query.get("fieldSelector", ""),
        is_watch=watches,
        wants_bookmarks=bool(flag(query, "allowWatchBookmarks")),
        resource_version=version,
        timeout=whole_number(query, "timeoutSeconds") or 0,
        limit=max(whole_number(query, "limit") or 0, 0),
        continue_token=query.get("continue", ""),
        match=_NOT_OLDER if is_legacy else match,
        sends_initial=True if is_legacy else sends_initial,
        is_legacy=is_legacy,
    )
    # The real server reads the selectors where it reads the numbers, before it looks at what goes with what.
    parse_label_selector(options.label_selector)
    parse_field_selector(options.field_selector)
    causes = list(_watch_causes(options) if watches else _list_causes(options))
    if causes:
        raise _invalid("ListOptions", causes)
    return options


def chosen_for_deletion(options: ListOptions, query: Mapping[str, str]) -> ListOptions:
    """What a deletecollection lists: pages, and a limit makes the version exact that is told without a match."""
    is_told = options.resource_version not in ("", "0") and not options.match
    if is_told and not options.limit and not query.get("limit", "").startswith("-"):
        return attrs.evolve(options, match="Exact")
    return options


def _list_causes(options: ListOptions) -> Iterator[Cause]:
    field, match, version = "resourceVersionMatch", options.match, options.resource_version
    if match and not version:
        yield _forbidden(field, "resourceVersionMatch is forbidden unless resourceVersion is provided")
    if match and options.continue_token:
        yield _forbidden(field, "resourceVersionMatch is forbidden when continue is provided")
    if match and match not in ("Exact", _NOT_OLDER):
        yield _unsupported(field, quoted(match), ("Exact", _NOT_OLDER, ""))
    if match == "Exact" and version == "0":
        yield _forbidden(field, 'resourceVersionMatch "exact" is forbidden for resourceVersion "0"')
    if options.sends_initial is not None:
        yield _forbidden("sendInitialEvents", "sendInitialEvents is forbidden for list")


def _watch_causes(options: ListOptions) -> Iterator[Cause]:
    field, match = "resourceVersionMatch", options.match
    if options.sends_initial is not None and match != _NOT_OLDER:
        yield _forbidden(field, f"sendInitialEvents requires setting resourceVersionMatch to {_NOT_OLDER}")
    if match and options.sends_initial is None:
        yield _forbidden(field, "resourceVersionMatch is forbidden for watch unless sendInitialEvents is provided")
    if match and match != _NOT_OLDER:
        yield _unsupported(field, quoted(match), (_NOT_OLDER,))
    if match and options.continue_token:
        yield _forbidden(field, "resourceVersionMatch is forbidden when continue is provided")


@attrs.frozen(kw_only=True)
class WriteOptions:
    """What a create, update or patch was asked for.

    Attributes:
        manager: "" where the user agent names it.
        force: of an apply.
        field_validation: "Ignore", "Warn" or "Strict".
    """

    manager: str = ""
    is_dry_run: bool = False
    force: bool = False
    field_validation: str = "Warn"


_PLAIN_WRITE = WriteOptions()


def write_options(query: Mapping[str, str], kind: str, *, is_apply: bool = False) -> WriteOptions:
    """CreateOptions, UpdateOptions or PatchOptions from a query.

    Args:
        query: the request's.
        kind: their name.
        is_apply: a PatchOptions' patch is an apply.

    Raises:
        StatusError: 422.
    """
    if not query and not is_apply:
        return _PLAIN_WRITE
    if len(query) == 1 and query.get("fieldManager") and not is_apply:
        return _options_of_manager(query["fieldManager"], kind)
    return _read_write_options(query, kind, is_apply=is_apply)


@functools.lru_cache(maxsize=256)
def _options_of_manager(manager: str, kind: str) -> WriteOptions:
    """What most clients ask for, and each of them with every write."""
    return _read_write_options({"fieldManager": manager}, kind, is_apply=False)


def _read_write_options(query: Mapping[str, str], kind: str, *, is_apply: bool) -> WriteOptions:
    manager, validation = query.get("fieldManager", ""), query.get("fieldValidation", "")
    force, dry_run = flag(query, "force"), _dry_run_of(query)
    causes: list[Cause] = []
    if is_apply and not manager:
        message = "Required value: is required for apply patch"
        causes.append(Cause(reason="FieldValueRequired", message=message, field="fieldManager"))
    if kind == "PatchOptions" and not is_apply and force is not None:
        causes.append(_forbidden("force", "may not be specified for non-apply patch"))
    if not manager.isprintable() or len(manager) > MAX_MANAGER // 4:
        # Short printable ones are right, whatever their characters take.
        causes += _manager_causes(manager)
    if dry_run:
        causes += _dry_run_causes(dry_run)
    if validation not in ("", "Ignore", "Warn", "Strict"):
        causes.append(_unsupported("fieldValidation", quoted(validation), ("", "Ignore", "Strict", "Warn")))
    if causes:
        raise _invalid(kind, causes)
    return WriteOptions(
        manager=manager, is_dry_run=bool(dry_run), force=bool(force), field_validation=validation or "Warn"
    )


def delete_options(query: Mapping[str, str], told: Mapping[str, object] | None) -> dict[str, object]:
    """DeleteOptions: the body's where there is one, the query's otherwise.

    Args:
        query: the request's.
        told: the body's; None for none.

    Raises:
        StatusError: 400 or 422.
    """
    options = _delete_options_of(query) if told is None else dict(told)
    causes = list(_delete_causes(options))
    if causes:
        raise _invalid("DeleteOptions", causes)
    return options


def _delete_options_of(query: Mapping[str, str]) -> dict[str, object]:
    found: dict[str, object] = {
        "gracePeriodSeconds": whole_number(query, "gracePeriodSeconds"),
        "orphanDependents": flag(query, "orphanDependents"),
        "propagationPolicy": query.get("propagationPolicy"),
        "dryRun": _dry_run_of(query) or None,
        DESPITE_STORE: flag(query, DESPITE_STORE),
        "preconditions": {name: query[name] for name in ("uid", "resourceVersion") if query.get(name)} or None,
    }
    return {name: value for name, value in found.items() if value is not None}


def _delete_causes(options: Mapping[str, object]) -> Iterator[Cause]:
    policy, dry_run = options.get("propagationPolicy"), options.get("dryRun")
    if policy is not None and options.get("orphanDependents") is not None:
        why = "orphanDependents and deletionPropagation cannot be both set"
        message = f"Invalid value: {quoted(str(policy))}: {why}"
        yield Cause(reason="FieldValueInvalid", message=message, field="propagationPolicy")
    if policy is not None and policy not in _PROPAGATION:
        yield _unsupported("propagationPolicy", quoted(str(policy)), (*_PROPAGATION, "nil"))
    yield from _dry_run_causes(dry_run if isinstance(dry_run, list) else [])
    if options.get(DESPITE_STORE):
        for name in ("propagationPolicy", "orphanDependents", "gracePeriodSeconds", "preconditions"):
            if options.get(name) is not None:
                yield _despite_store(f"cannot be set together with .{name}")


def check_single(options: Mapping[str, object]) -> None:
    """Refuse options that are none for a collection.

    Raises:
        StatusError: 422.
    """
    if options.get(DESPITE_STORE):
        why = "is not allowed with DELETECOLLECTION, try again after removing the option"
        raise _invalid("DeleteOptions", [_despite_store(why)])


def _despite_store(why: str) -> Cause:
    return Cause(reason="FieldValueInvalid", message=f"Invalid value: true: {why}", field=DESPITE_STORE)


def _dry_run_of(query: Mapping[str, str]) -> list[str]:
    return [query["dryRun"]] if query.get("dryRun") is not None else []


def _dry_run_causes(values: Sequence[str]) -> Iterator[Cause]:
    if any(value != "All" for value in values):
        yield _unsupported("dryRun", json_text(values), ("All",))


def _manager_causes(manager: str) -> Iterator[Cause]:
    if len(manager.encode()) > MAX_MANAGER:
        message = f"Too long: may not be more than {MAX_MANAGER} bytes"
        yield Cause(reason="FieldValueTooLong", message=message, field="fieldManager")
    position = 0
    for char in manager:
        if not char.isprintable():
            why = f"invalid character U+{ord(char):04X} (at position {position})"
            message = f"Invalid value: {quoted(manager)}: {why}"
            yield Cause(reason="FieldValueInvalid", message=message, field="fieldManager")
        position += len(char.encode())


def _forbidden(field: str, why: str) -> Cause:
    return Cause(reason="FieldValueForbidden", message=f"Forbidden: {why}", field=field)


def _unsupported(field: str, shown: str, supported: Sequence[str]) -> Cause:
    listed = ", ".join(quoted(value) for value in supported)
    message = f"Unsupported value: {shown}: supported values: {listed}"
    return Cause(reason="FieldValueNotSupported", message=message, field=field)


def _invalid(kind: str, causes: Sequence[Cause]) -> status.StatusError:
    found = status.invalid("meta.k8s.io", kind, "", causes)
    assert found.details is not None
    return found


@functools.lru_cache(maxsize=256)
def manager_of_agent(user_agent: str) -> str:
    """The field manager that a user agent stands for: what precedes its first slash, printable, in 128 bytes."""
    name, length = "", 0
    for char in user_agent.partition("/")[0]:
        if not char.isprintable():
            continue
        length += len(char.encode())
        if length > MAX_MANAGER:
            break
        name += char
    return name or "unknown"
