"""One request to a resource: what its method means there, and what it is answered with."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from typing import Any

import attrs

from reconcilekit.kube.resource import ObjectKey
from reconcilekit.kube.transport import Request, Response
from reconcilekit.testing.apiserver import status
from reconcilekit.testing.apiserver.cluster import Cluster
from reconcilekit.testing.apiserver.encoding import bodies
from reconcilekit.testing.apiserver.encoding.negotiation import Accepted
from reconcilekit.testing.apiserver.encoding.options import decode_options
from reconcilekit.testing.apiserver.encoding.routes import Route
from reconcilekit.testing.apiserver.go_text import quoted
from reconcilekit.testing.apiserver.kinds.resources import ResourceType
from reconcilekit.testing.apiserver.pacing import Steps
from reconcilekit.testing.apiserver.storage.storage import Stored
from reconcilekit.testing.apiserver.storage.watch import WatchStream
from reconcilekit.testing.apiserver.verbs import conversions, custom_verbs, notices, questions
from reconcilekit.testing.apiserver.verbs.answers import Presenter, deleted
from reconcilekit.testing.apiserver.verbs.parameters import (
    DESPITE_STORE,
    WriteOptions,
    check_single,
    chosen_for_deletion,
    delete_options,
    list_options,
    manager_of_agent,
    write_options,
)
from reconcilekit.testing.apiserver.verbs.reads import parse_version, search
from reconcilekit.testing.apiserver.verbs.watching import open_watch
from reconcilekit.testing.apiserver.writing import naming
from reconcilekit.testing.apiserver.writing.preconditions import RequestOf, Target, yaml_problem
from reconcilekit.testing.apiserver.writing.warnings import warning_headers, with_warnings
from reconcilekit.testing.apiserver.writing.writes import Check, Outcome

Answer = Response | WatchStream

Begun = Answer | Steps
"""What a request comes to in one step: an answer, or one that takes more of them."""

_COLLECTION_VERBS = {"GET": "list", "POST": "create", "DELETE": "deletecollection"}
_OBJECT_VERBS = {"GET": "get", "PUT": "update", "PATCH": "patch", "DELETE": "delete"}
_BELOW_VERBS = {**_OBJECT_VERBS, "POST": "create"}

_SHOWN_WHEN_DELETED = frozenset(
    {
        ("", "pods"),
        ("", "services"),
        ("", "serviceaccounts"),
        ("", "persistentvolumes"),
        ("", "persistentvolumeclaims"),
        ("", "podtemplates"),
        ("", "resourcequotas"),
        ("resource.k8s.io", "deviceclasses"),
        ("resource.k8s.io", "resourceclaims"),
        ("resource.k8s.io", "resourceclaimtemplates"),
        ("resource.k8s.io", "resourceslices"),
        ("storage.k8s.io", "csinodes"),
        ("storage.k8s.io", "csidrivers"),
        ("storage.k8s.io", "storageclasses"),
        ("storage.k8s.io", "volumeattachments"),
        ("storage.k8s.io", "volumeattributesclasses"),
    }
)
"""Kinds whose deletion is answered with the object rather than with a Status."""


class Call:
    """One request to a resource.

    Args:
        cluster: what it reads and changes.
        request: as it came.
        route: what its path names.
        served: the kind.
        accepted: how the answer is wanted.
    """

    def __init__(
        self, cluster: Cluster, request: Request, route: Route, served: ResourceType, accepted: Accepted
    ) -> None:
        self.cluster = cluster
        self.request = request
        self.route = route
        self.served = served
        self.accepted = accepted
        self._query = request.query
        self._warnings: list[str] = notices.about_kind(served)
        self._repetitive: tuple[str, ...] = ()
        self._yaml_twins: tuple[str, ...] = ()
        self._presenter = Presenter(served, accepted, request.query, cluster.clock.now)

    def answer(self) -> Begun:
        """Do it.

        Raises:
            StatusError: the answer is a failure.
        """
        try:
            handler = self._handler()
            if self.served.is_custom and not self.route.is_watch:
                conversions.check(self, custom_verbs.verb_of(self.served, self.route, self.request.method))
            return with_warnings(handler(), self.served, self._warnings)
        except status.StatusError as error:
            error.headers.update(warning_headers(self.served, self._warnings))
            raise

    def _handler(self) -> Callable[[], Begun]:
        route = self.route
        if route.name in (".", ".."):
            raise status.bad_request(f"Name parameter invalid: \"{route.name}\": may not be '{route.name}'")
        if "%" in route.name:
            raise status.bad_request(f"Name parameter invalid: {quoted(route.name)}: may not contain '%'")
        if route.is_watch:
            self._check_watch_path()
            return self._watch
        if route.subresource:
            return self._below()
        match self._verb():
            case "create":
                return self._create
            case "get":
                return self._get
            case "list":
                return self._list
            case "update":
                return self._update
            case "patch":
                return self._patch
            case "delete":
                return self._delete
            case _:
                return self._delete_collection

    def _check_watch_path(self) -> None:
        if self.served.is_custom:
            return
        if self.route.subresource or "watch" not in self.served.verbs:
            raise status.unknown_resource()
        if self.request.method != "GET":
            raise status.method_not_allowed()

    def _verb(self) -> str:
        route, method = self.route, self.request.method
        if self.served.is_custom:
            return custom_verbs.verb_of(self.served, route, method)
        questions.check_path(self.served, route.name, route.namespace)
        verb = (_OBJECT_VERBS if route.name else _COLLECTION_VERBS).get(method)
        if verb is None or verb not in self.served.verbs:
            raise status.method_not_allowed()
        if self.served.is_namespaced and not route.namespace and verb in ("create", "deletecollection"):
            raise status.method_not_allowed()
        return verb

    def _below(self) -> Callable[[], Begun]:
        name, verb = self.route.subresource, self._verb_below()
        if name == "scale":
            from reconcilekit.testing.apiserver.verbs import scaling

            return lambda: scaling.answer(self, verb)
        if name == "token":
            return lambda: questions.ask(self, questions.TOKEN_REQUEST)
        from reconcilekit.testing.apiserver.verbs import kubelets, pod_subresources

        if name in kubelets.ON_THE_NODE:
            return lambda: kubelets.answer(self, name)
        if verb == "create":
            return lambda: pod_subresources.create(self, name)
        handlers: Mapping[str, Callable[[], Begun]]
        handlers = {"get": self._get, "update": self._update, "patch": self._patch}
        if verb not in handlers:
            raise status.method_not_allowed()
        return handlers[verb]

    def _verb_below(self) -> str:
        name = self.route.subresource
        if self.served.is_custom:
            return custom_verbs.verb_of(self.served, self.route, self.request.method)
        found = next((subresource for subresource in self.served.subresources if subresource.name == name), None)
        if found is None:
            raise status.unknown_resource()
        verb = _BELOW_VERBS.get(self.request.method)
        if verb is None or verb not in found.verbs:
            raise status.method_not_allowed()
        return verb

    def _get(self) -> Begun:
        asked = parse_version(self._query.get("resourceVersion", ""))
        if asked > self.cluster.storage.revision:
            raise status.version_too_large(asked, self.cluster.storage.revision)
        return self._presenter.one(self.live())

    def _list(self) -> Begun:
        options = list_options(self._query)
        if options.is_watch:
            return self._watch()
        return self._presenter.page(search(self.cluster.storage, self.served, self.route.namespace, options))

    def _watch(self) -> Begun:
        options = list_options(self._query, is_watch=True)
        if self.route.name:
            options = attrs.evolve(options, field_selector=f"metadata.name={self.route.name}")
        self._presenter.check()
        encoder = None if self._presenter.is_plain else self._presenter
        return open_watch(
            self.cluster, self.served, self.route.namespace, options, accepted=self.accepted, encoder=encoder
        )

    def _create(self) -> Begun:
        is_binding = (self.served.group, self.served.plural) == ("", "bindings")
        if self.served.is_question and not is_binding:
            return questions.ask(self, self.served)
        bodies.check_media_type(self.request)
        options = write_options(self._query, "CreateOptions")
        obj = self.read_body(options)
        if is_binding:
            from reconcilekit.testing.apiserver.verbs import pod_subresources

            return pod_subresources.bind(self, obj)
        key = ObjectKey(self.route.namespace, str(_metadata(obj).get("name") or ""))
        return self.written(self.cluster.create(self.target(options, key=key), obj, self._check_of(obj)))

    def _update(self) -> Begun:
        self._check_path_has_name()
        options = write_options(self._query, "UpdateOptions")
        bodies.check_media_type(self.request)
        obj = self.read_body(options)
        return self.written(self.cluster.replace(self.target(options), obj, self._check_of(obj, is_named=True)))

    def _patch(self) -> Begun:
        from reconcilekit.testing.apiserver.verbs import patch_fields, patching
        from reconcilekit.testing.apiserver.writing.strategic import StrategicPatch

        kind = patching.kind_of(self.request, self.served)
        self._check_path_has_name()
        options = write_options(self._query, "PatchOptions", is_apply=kind == "apply")
        target = self.target(options)
        if kind == "apply":
            config = bodies.decode_apply(self.request.body or b"", self.served)
            if self.route.subresource and not naming.creates_by_status(target):
                self.live()
            bodies.check_applied_kind(config, self.served)
            return self.written(self.cluster.apply(target, config, functools.partial(self.check_applied, target)))
        transform = patching.transform_of(kind, self.request, self.served, strict=options.field_validation != "Ignore")
        is_document = not isinstance(transform, StrategicPatch)
        if isinstance(transform, StrategicPatch):
            target = attrs.evolve(target, strategic_patch=transform.patch)
        if options.field_validation != "Ignore":
            fields = patch_fields.found_in(kind, self.request.body or b"")
            target = attrs.evolve(target, patch_problems=fields.problems, made_twice=fields.twice)

        def patched(live: dict[str, Any]) -> dict[str, Any]:
            made = transform(live)
            if is_document and not self.served.is_custom:
                patching.check_kind(made, self.served, target)
            return made

        return self.written(self.cluster.patch(target, patched, self.check_object))

    def _delete(self) -> Begun:
        options = self._delete_options()
        if options.get(DESPITE_STORE):
            notices.check_unsafe(self.served)
            raise notices.readable_refusal(self.served, self.live().key)
        notices.check_immortal(self.served, self.route.name)
        self._warnings += notices.about_deletion(self.served, options)
        outcome = self.cluster.delete(self._delete_target(options, self.route.key), options)
        if outcome.is_blank:
            return self._presenter.blank()
        is_shown = self.served.storage_key in _SHOWN_WHEN_DELETED
        if outcome.is_gone and not is_shown:
            return deleted(self.served, outcome.stored)
        if outcome.is_gone and self.served.storage_key == ("", "pods"):
            return self._presenter.one(_last_of_pod(outcome.stored, self.cluster.storage.timestamp()))
        waits = not outcome.is_gone and options.get("orphanDependents") is False
        return self._presenter.one(outcome.stored, code=202 if waits else 200)

    def _delete_collection(self) -> Begun:
        asked = chosen_for_deletion(list_options(self._query, is_watch=False), self._query)
        options = self._delete_options()
        check_single(options)
        page = search(self.cluster.storage, self.served, self.route.namespace, asked).page()
        collection = self.cluster.storage.collection(self.served)
        for stored in page.objects:
            if collection.objects.get(stored.key) is not None:
                self.cluster.delete(self._delete_target(options, stored.key), options)
            collection = self.cluster.storage.collection(self.served)
        return self._presenter.found(page)

    def _delete_options(self) -> dict[str, object]:
        body = self.request.body
        if not body:
            return delete_options(self._query, None)
        bodies.check_media_type(self.request)
        return delete_options(self._query, decode_options(body, self.request))

    def _delete_target(self, options: Mapping[str, object], key: ObjectKey) -> Target:
        return self.target(WriteOptions(is_dry_run=bool(options.get("dryRun"))), key=key)

    def live(self) -> Stored:
        """The object that the path names.

        Raises:
            StatusError: 404.
        """
        stored = self.cluster.storage.collection(self.served).objects.get(self.route.key)
        if stored is None:
            raise status.not_found(self.served.group, self.served.plural, self.route.name)
        return stored

    def read_body(self, options: WriteOptions, served: ResourceType | None = None) -> dict[str, Any]:
        """The object in the body, of the kind that the path names or of another.

        Raises:
            StatusError: 400.
        """
        body, served = self.request.body or b"", served or self.served
        obj = bodies.decode_object(body, served, self.request)
        if not served.is_custom:
            bodies.check_kind(obj, served)
        if options.field_validation != "Ignore":
            if bodies.is_yaml(self.request):
                self._yaml_twins = tuple(bodies.yaml_twins(body))
            else:
                self._repetitive = tuple(bodies.repetitive_paths(body, obj))
        return notices.without_twin_owners(obj, self._warnings)

    def target(self, options: WriteOptions, *, key: ObjectKey | None = None) -> Target:
        """Where the write goes, and how."""
        return Target(
            served=self.served,
            key=key or self.route.key,
            subresource=self.route.subresource,
            manager=options.manager or manager_of_agent(self.request.headers.get("user-agent", "")),
            force=options.force,
            is_dry_run=options.is_dry_run,
            field_validation=options.field_validation,
            repetitive=self._repetitive,
            yaml_twins=self._yaml_twins,
            requestor=self.request.requestor if isinstance(self.request, RequestOf) else None,
            warnings=self._warnings,
        )

    def written(self, outcome: Outcome) -> Response:
        """What a write is answered with."""
        return self._presenter.one(outcome.stored, code=201 if outcome.is_created else 200)

    def _check_name(self, obj: Mapping[str, Any]) -> None:
        name, wanted = _metadata(obj).get("name"), self.route.name
        if not name:
            raise bodies.nameless(wanted)
        if name != wanted:
            raise status.bad_request(f"the name of the object ({name}) does not match the name on the URL ({wanted})")

    def _check_path_has_name(self) -> None:
        if not self.route.name:
            raise status.bad_request("name must be provided")

    def _check_of(self, obj: Mapping[str, Any], *, is_named: bool = False) -> Check:
        """What is looked at once a body has been read into fields, and not before."""

        def check(content: Mapping[str, Any]) -> None:
            if self.served.is_custom:
                bodies.check_version(obj, self.served)
            self.check_namespace(content)
            if is_named:
                self._check_name(content)

        return check

    def check_object(self, obj: Mapping[str, Any]) -> None:
        """Refuse an object that isn't the one that the path names.

        Raises:
            StatusError: 400.
        """
        self.check_namespace(obj)
        self._check_name(obj)

    def check_applied(self, target: Target, obj: Mapping[str, Any]) -> None:
        """Refuse an apply with keys that are there twice, if it is to be, and what isn't the object of the path.

        Raises:
            StatusError: 400.
        """
        if target.field_validation != "Ignore" and (twins := bodies.yaml_twins(self.request.body or b"")):
            if target.field_validation == "Strict":
                raise status.bad_request(
                    f"error strict decoding patch: error converting YAML to JSON: {yaml_problem(twins)}"
                )
            target.warnings.extend(twins)
        self.check_object(obj)

    def check_namespace(self, obj: Mapping[str, Any]) -> None:
        """Refuse an object of another namespace than the path's.

        Raises:
            StatusError: 400.
        """
        namespace = _metadata(obj).get("namespace")
        if namespace and self.served.is_namespaced and namespace != self.route.namespace:
            raise status.bad_request(
                "the namespace of the provided object does not match the namespace sent on the request"
            )


def _last_of_pod(stored: Stored, now: str) -> Stored:
    """A Pod that goes at once is marked first, as others are while their containers stop."""
    metadata = {"deletionTimestamp": now, **stored.meta, "deletionGracePeriodSeconds": 0}
    if "deletionTimestamp" not in stored.meta:
        metadata["generation"] = stored.meta.get("generation", 0) + 1
    return Stored(stored.key, stored.revision, {**stored.content, "metadata": metadata})


def _metadata(obj: Mapping[str, Any]) -> Mapping[str, Any]:
    """The metadata, {} where it is none: whoever writes refuses the object for it."""
    metadata = obj.get("metadata")
    return metadata if isinstance(metadata, dict) else {}
