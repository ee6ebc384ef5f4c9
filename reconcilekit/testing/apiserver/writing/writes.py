"""Create, update, patch, apply and delete: what becomes of a write between its body and the storage."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

import attrs

from reconcilekit.kube.resource import ObjectKey
from reconcilekit.testing.apiserver import status
from reconcilekit.testing.apiserver.json_values import put_or_drop
from reconcilekit.testing.apiserver.kinds.resources import ResourceType
from reconcilekit.testing.apiserver.kinds.traits import CONDITIONAL_UPDATES
from reconcilekit.testing.apiserver.ownership.tracking import Entries, Ownership, Write, is_same_but_for_times
from reconcilekit.testing.apiserver.storage.storage import Storage, Stored, TooLargeError
from reconcilekit.testing.apiserver.writing import (
    applied,
    builtin,
    changed,
    custom,
    deletion,
    empties,
    identity,
    naming,
    pod_parts,
    preparing,
)
from reconcilekit.testing.apiserver.writing.admission import Admission
from reconcilekit.testing.apiserver.writing.preconditions import (
    Target,
    check_delete_preconditions,
    check_uid,
    check_version,
)
from reconcilekit.testing.apiserver.writing.settling import Settling, set_namespace


@attrs.frozen(kw_only=True)
class Outcome:
    """What a write came to.

    Attributes:
        stored: the object as the answer shows it.
        is_created: 201 rather than 200.
        is_gone: the object is no longer there: deleted, or its last finalizer was removed.
        is_blank: the answer shows an object in which nothing is set.
    """

    stored: Stored
    is_created: bool = False
    is_gone: bool = False
    is_blank: bool = False


Transform = Callable[[dict[str, Any]], dict[str, Any]]
"""Makes the wanted object of the live one, which it must not change."""

Check = Callable[[Mapping[str, Any]], None]
"""Raises where an object isn't what the request may make."""


class Writer:
    """Turns requests' bodies into stored versions; every method is one synchronous step."""

    def __init__(
        self,
        storage: Storage,
        admission: Admission,
        settling: Settling,
        namespace_type: ResourceType,
        ownership: Ownership,
    ) -> None:
        self._storage = storage
        self._admission = admission
        self._settling = settling
        self._ownership = ownership
        self._namespaces = namespace_type

    def create(self, target: Target, obj: dict[str, Any], check: Check | None = None) -> Outcome:
        """POST.

        Args:
            target: where to.
            obj: the body.
            check: of what is read of it; raises where that isn't the one that is meant.

        Raises:
            StatusError: 404 for the namespace, 409 where the name is taken, 422 where it's invalid.
        """
        content = self._content(target, obj)
        if check is not None:
            check(content)
        metadata = content["metadata"]
        objects = self._storage.collection(target.served).objects
        target = naming.named(target, metadata, self._storage.new_suffix, lambda key: key in objects)
        identity.wipe(metadata)
        return self._insert(target, content, is_post=True)

    def asked(self, target: Target, obj: dict[str, Any], check: Check) -> Outcome:
        """POST of what is answered and never stored: read, filled in and owned as any other object.

        Args:
            target: where to.
            obj: the body.
            check: of what is read of it; raises where that isn't the one that is meant.
        """
        content = self._content(target, obj)
        check(content)
        metadata = content["metadata"]
        told = metadata.pop("managedFields", None)
        if target.served.is_namespaced:
            metadata["namespace"] = target.key.namespace
        put_or_drop(metadata, "managedFields", self._ownership.of_create(self._write(target), content, told) or None)
        return Outcome(stored=Stored(target.key, 0, content), is_created=True)

    def replace(self, target: Target, obj: dict[str, Any], check: Check | None = None) -> Outcome:
        """PUT; the body is read before anyone looks whether there is something to replace.

        Args:
            target: where to.
            obj: the body.
            check: of what is read of it; raises where that isn't the one that is meant.
        """
        content = self._content(target, obj)
        if check is not None:
            check(content)
        if naming.creates_by_put(target) and self._find(target) is None:
            naming.check_nobody_meant(target, content["metadata"])
            naming.check_told_version(content["metadata"])
            return self._insert(target, content)
        live = self._live(target)
        wanted = content["metadata"]
        naming.check_told_uid(target, live.uid, wanted)
        naming.check_told_version(wanted)
        is_conditional = target.served.is_custom or target.served.storage_key in CONDITIONAL_UPDATES
        if is_conditional and wanted.get("resourceVersion", "") in ("", "0"):
            raise naming.version_needed(target)
        return self._update(target, live, content)

    def patch(self, target: Target, transform: Transform, check: Check | None = None) -> Outcome:
        """PATCH, but for an apply: whatever `transform` makes of the live object.

        Args:
            target: where to.
            transform: of the patch.
            check: of what is read of its result; raises where that isn't the one that is meant.
        """
        live = self._live(target)
        content = self._content(target, transform(live.full(target.served)), is_patched=True)
        if check is not None:
            check(content)
        naming.check_told_version(content["metadata"])
        if target.subresource == "scale":
            naming.check_told_uid(target, live.uid, content["metadata"])
        check_uid(target, live.uid, content["metadata"])
        return self._update(target, live, content)

    def apply(self, target: Target, config: dict[str, Any], check: Check | None = None) -> Outcome:
        """Server-side apply.

        Args:
            target: where to.
            config: what is applied.
            check: of what it makes of the object; raises where that isn't the one that is meant.

        Raises:
            StatusError: 409 for conflicts and a stale resourceVersion, 422 for another uid.
        """
        target = attrs.evolve(target, is_apply=True)
        content = applied.configuration(config)
        live = self._find(target)
        if live is None and target.subresource and not naming.creates_by_status(target):
            raise target.not_found()
        before = {} if live is None else live.content
        made, entries = self._ownership.of_apply(self._write(target), before, content, force=target.force)
        read = self._as_read(target, made, content, is_change=made is not before)
        if live is None:
            naming.check_not_meant(target, read["metadata"])
        if check is not None:
            check(made)
        naming.check_told_version(read["metadata"])
        if live is None:
            read["metadata"].setdefault("name", target.key.name)
            return self._insert(target, read, entries)
        check_version(target, live, read["metadata"])
        check_uid(target, live.uid, read["metadata"])
        read["metadata"].pop("managedFields", None)
        pod_parts.restrict(target.subresource, read, live.content)
        if made is not before or not (target.served.custom and target.served.custom.is_read_anew):
            self._settling.settle(target, live, read)
        return self._finish(target, live, read, entries)

    def delete(self, target: Target, options: Mapping[str, Any]) -> Outcome:
        """DELETE with its DeleteOptions; an object with finalizers or a grace period stays until they are over.

        Raises:
            StatusError: 404, or 409 for a precondition.
        """
        live = self._live(target)
        preconditions = options.get("preconditions") or {}
        check_delete_preconditions(target, live, preconditions)
        now = datetime.fromisoformat(self._storage.timestamp())
        verdict = deletion.decide(target.served, live.content, options, now)
        if verdict.is_final:
            if deletion.loses_finalizers(target.served, live.content):
                # The real server has no version of it in hand then, neither to show nor to compare.
                if target.is_dry_run:
                    return Outcome(stored=live, is_gone=True, is_blank=True)
                if preconditions.get("resourceVersion") is not None:
                    raise target.conflict(naming.other_version(target, "", live.revision))
            return Outcome(stored=live if target.is_dry_run else self._removed(target, live), is_gone=True)
        return Outcome(stored=live) if verdict.content is None else self._put(target, verdict.content, live)

    def _removed(self, target: Target, live: Stored) -> Stored:
        """Remove the object; its last version has the deletion's."""
        self._storage.remove(target.served, target.key)
        revision = self._storage.revision
        return Stored(live.key, revision, {**live.content, "metadata": {**live.meta, "resourceVersion": str(revision)}})

    def _content(self, target: Target, obj: dict[str, Any], *, is_patched: bool = False) -> dict[str, Any]:
        """The object as it is stored, in containers of its own down to the metadata."""
        if target.served.definition:
            content = builtin.decoded(target, obj, is_patched=is_patched)
            empties.note(target, obj)
            if (obj.get("metadata") or {}).get("managedFields") == []:
                # Go tells an empty list from none, and so resets the ownership.
                content["metadata"]["managedFields"] = []
            return content
        if target.served.custom is not None:
            obj = custom.decoded(target, target.served.custom, obj, is_patched=is_patched)
        content = {name: value for name, value in obj.items() if name not in identity.PARTS}
        if target.served.is_custom and identity.PARTS[0] in obj:
            content |= identity.other(obj, target.served)
        content["metadata"] = custom.with_go_strings(dict(content.get("metadata") or {}))
        return content

    def _live(self, target: Target) -> Stored:
        live = self._find(target)
        if live is None:
            raise target.not_found()
        return live

    def _find(self, target: Target) -> Stored | None:
        found = self._storage.collection(target.served).objects.get(target.key)
        kind = target.served.custom
        if found is None or kind is None or not kind.is_read_anew:
            return found
        shown = kind.as_shown(found.content)
        # What this version's schema doesn't know is lost with the next write in it, even if that changes nothing.
        is_as_read = found.is_as_read and shown is found.content
        return Stored(found.key, found.revision, shown, is_as_read=is_as_read)

    def _insert(
        self, target: Target, content: dict[str, Any], entries: Entries | None = None, *, is_post: bool = False
    ) -> Outcome:
        served, key = target.served, target.key
        self._check_kind_stays(target)
        self._check_namespace(target)
        metadata = content["metadata"]
        told = metadata.pop("managedFields", None)
        version = metadata.pop("resourceVersion", "")
        set_namespace(target, metadata)
        reported = content.pop("status", None) if served.has_status and not target.subresource else None
        if served.definition and not target.subresource:
            put_or_drop(content, "status", builtin.empty_status(served.definition))
        else:
            self._admission.default(served, content)
        if entries is None:
            entries = self._ownership.of_create(self._write(target), empties.as_owned(target, content), told)
        if target.subresource:
            # What a write to the status made has it owned, and lost.
            put_or_drop(content, "status", builtin.empty_status(served.definition))
        # A PUT that creates owns what it sent of this all the same, where a POST has lost it by now.
        identity.wipe(content["metadata"])
        if served is self._namespaces:
            # A name that was generated comes too late for whoever creates to own the label.
            metadata["labels"] = {**(metadata.get("labels") or {}), "kubernetes.io/metadata.name": key.name}
        if served.storage_key in preparing.WITH_STATUS and reported:
            content["status"] = reported
        if served.definition:
            self._settling.fill_in(target, content, None)
        self._settling.check(target, content, None)
        # Of a new object nobody minds a version that can't be read.
        is_version = bool(version) and not naming.is_malformed(version) and int(version) != 0
        if is_version and is_post and not target.is_dry_run:
            raise status.StatusError(500, "resourceVersion should not be set on objects to be created")
        if (there := self._find(target)) is not None:
            raise naming.already_there(served, content["metadata"], there.meta)
        return self._store_new(target, content, entries, version)

    def _store_new(self, target: Target, content: dict[str, Any], entries: Entries, version: str) -> Outcome:
        served, metadata = target.served, content["metadata"]
        metadata["uid"] = self._storage.new_uid()
        metadata["creationTimestamp"] = self._storage.timestamp()
        if finish := preparing.FINISH.get(served.storage_key):
            finish(content)
        if served.has_generation:
            metadata["generation"] = 1
        if entries:
            metadata["managedFields"] = entries
        if target.is_dry_run:
            # Nobody looks at it there, nor puts another in its place.
            put_or_drop(metadata, "resourceVersion", version or None)
        return self._put(target, content, None)

    def _as_read(
        self, target: Target, made: dict[str, Any], config: dict[str, Any], *, is_change: bool
    ) -> dict[str, Any]:
        from reconcilekit.testing.apiserver.crd.values.metadata import without_malformed

        served = target.served
        if served.definition:
            empties.note(target, made)
            return applied.read_built_in(served, made, config)
        # Nobody decodes what an apply made of a custom object: a time that is none is overwritten unread.
        content = {**made, "metadata": without_malformed(made.get("metadata") or {})}
        if is_change:
            # What the version in which it is stored leaves out stays so, unless something changes.
            self._admission.default(served, content)
        return content

    def _write(self, target: Target) -> Write:
        return Write(
            served=target.served,
            face=None if target.is_apply else target.face,
            manager=target.manager,
            subresource=target.subresource,
            time=self._storage.timestamp(),
        )

    def _check_kind_stays(self, target: Target) -> None:
        if target.served.is_ending:
            why = "create not allowed while custom resource definition is terminating"
            raise status.forbidden(target.served.group, target.served.plural, target.key.name, why)

    def _check_namespace(self, target: Target) -> None:
        if not target.served.is_namespaced:
            return
        name = target.key.namespace
        namespace = self._storage.collection(self._namespaces).objects.get(ObjectKey("", name))
        if namespace is None:
            raise status.not_found("", "namespaces", name)
        if namespace.meta.get("deletionTimestamp"):
            raise status.namespace_terminating(target.served.group, target.served.plural, target.key.name, name)

    def _update(self, target: Target, live: Stored, content: dict[str, Any]) -> Outcome:
        metadata = content["metadata"]
        check_version(target, live, metadata)
        told = metadata.pop("managedFields", None)
        if not target.served.definition and target.subresource != "scale":
            self._admission.default(target.served, content)
        owned = empties.as_owned(target, content)
        entries = self._ownership.of_update(self._write(target), live.content, owned, told)
        pod_parts.restrict(target.subresource, content, live.content)
        self._settling.settle(target, live, content)
        return self._finish(target, live, content, entries)

    def _finish(self, target: Target, live: Stored, content: dict[str, Any], entries: Entries) -> Outcome:
        metadata, old = content["metadata"], live.meta
        # The storage takes it away, where a dry run doesn't come to, and others see a change until then.
        link = None if target.is_dry_run else metadata.pop("selfLink", None)
        is_newer = changed.is_new_generation(target, live.content, content)
        is_known = live.is_as_read and not (is_newer or target.nulls)
        is_same = is_known and changed.is_same(live.content, applied.written(target, content))
        owners = old.get("managedFields") or []
        if is_same and (entries == owners if link is not None else is_same_but_for_times(entries, owners)):
            return Outcome(stored=live)
        if is_newer:
            metadata["generation"] = old.get("generation", 0) + 1
        put_or_drop(metadata, "managedFields", entries or None)
        if deletion.is_released(target.served, live.content, content):
            put_or_drop(metadata, "selfLink", link or metadata.get("selfLink"))
            return self._remove_last(target, live, content)
        return self._put(target, content, live)

    def _remove_last(self, target: Target, live: Stored, content: dict[str, Any]) -> Outcome:
        # The version without finalizers is never stored, so its answer has the old resourceVersion.
        content["metadata"]["resourceVersion"] = str(live.revision)
        if not target.is_dry_run:
            self._storage.remove(target.served, target.key)
        return Outcome(stored=Stored(target.key, live.revision, content), is_gone=True)

    def _put(self, target: Target, content: dict[str, Any], live: Stored | None) -> Outcome:
        read, is_as_read = applied.read_back(target, content)
        is_as_read = is_as_read and not target.nulls
        if target.is_dry_run:
            if live is not None:
                read["metadata"]["resourceVersion"] = str(live.revision)
            stored = Stored(target.key, live.revision if live else 0, read)
        else:
            stored = self._stored(target, read, is_as_read=is_as_read)
        return Outcome(stored=stored, is_created=live is None)

    def _stored(self, target: Target, content: dict[str, Any], *, is_as_read: bool) -> Stored:
        try:
            return self._storage.put(target.served, target.key, content, is_as_read=is_as_read)
        except TooLargeError:
            # The server tries once more without what it has added itself.
            if content["metadata"].pop("managedFields", None) is None:
                raise
            return self._storage.put(target.served, target.key, content, is_as_read=is_as_read)
