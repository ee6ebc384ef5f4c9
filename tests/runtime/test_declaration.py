"""What a reconciler's class may declare, and what it is told where it declares something else."""

from __future__ import annotations

import asyncio
import functools
from collections.abc import Callable
from typing import Any, ClassVar

import pytest

from reconcilekit import Context, Reconciler, Resource, Wake
from reconcilekit.runtime.declaration import check_declaration
from reconcilekit.runtime.reconciler import generation_changed
from tests.runtime.certificates import CERTIFICATE, SECRET, CertificateReconciler


class Queue:
    name = "queue"

    def __repr__(self) -> str:
        return "<Queue>"

    async def watch(self, wake: Wake) -> None:
        await asyncio.get_running_loop().create_future()


def refused(members: dict[str, Any], *, base: type[Reconciler] = CertificateReconciler) -> str:
    """What is said of a class Broken with these members."""
    with pytest.raises(TypeError) as caught:
        check_declaration(type("Broken", (base,), members)())
    return str(caught.value)


def test_a_whole_declaration_passes() -> None:
    class WithFinalizer(CertificateReconciler):
        finalizer = "example.com/cleanup"

        def finalize(self, ctx: Context) -> None:
            """Nothing to clean."""

    check_declaration(CertificateReconciler())
    check_declaration(WithFinalizer())


def _reconcile(self: Reconciler, ctx: Context) -> None:
    """Do nothing."""


@pytest.mark.parametrize(
    ("members", "message"),
    [
        (
            {"reconcile": _reconcile},
            'Broken has no primary; add: primary = Resource("example.com/v1", "Kind")',
        ),
        (
            {"primary": "Certificate", "reconcile": _reconcile},
            (
                "Broken: primary is 'Certificate', not a Resource; "
                'write: primary = Resource("example.com/v1", "Certificate")'
            ),
        ),
        ({"primary": CERTIFICATE}, "Broken has no reconcile(); define: def reconcile(self, ctx): ..."),
        (
            {"primary": CERTIFICATE, "reconcile": _reconcile, "finalizer": "example.com/cleanup"},
            "Broken sets finalizer but has no finalize(); define: def finalize(self, ctx): ...",
        ),
        (
            {"primary": CERTIFICATE, "reconcile": _reconcile, "finalize": _reconcile},
            'Broken has finalize() but no finalizer; add: finalizer = "example.com/cleanup"',
        ),
        (
            {"primary": CERTIFICATE, "reconcile": _reconcile, "finalize": _reconcile, "finalizer": "cleanup"},
            "Broken: finalizer 'cleanup' has no domain; write \"example.com/cleanup\"",
        ),
    ],
)
def test_a_declaration_that_cannot_work_is_refused_with_the_line_to_write(
    members: dict[str, Any], message: str
) -> None:
    broken = type("Broken", (Reconciler,), members)
    with pytest.raises(TypeError) as caught:
        check_declaration(broken())
    assert str(caught.value) == message


@pytest.mark.parametrize(
    ("name", "label"),
    [("gw:x", "gw-x"), ("My Controller", "my-controller"), ("-a-", "a"), ("a" * 64, "a" * 63), (":", "controller")],
)
def test_a_name_that_is_no_dns_label_is_refused_with_one_that_is(name: str, label: str) -> None:
    broken = type("Broken", (CertificateReconciler,), {"name": name})
    with pytest.raises(TypeError) as caught:
        check_declaration(broken())
    assert str(caught.value) == (
        f"Broken: name {name!r} isn't a DNS label (a-z, 0-9 and inner -, at most 63 characters); "
        f'write: name = "{label}"'
    )


@pytest.mark.parametrize("name", ["a", "gw-2", "0", "a" * 63])
def test_a_name_that_is_a_dns_label_passes(name: str) -> None:
    check_declaration(type("Named", (CertificateReconciler,), {"name": name})())


SECRET_REPR = "Resource(api_version='v1', kind='Secret', is_optional=False)"


@pytest.mark.parametrize("attribute", ["owns", "reads"])
@pytest.mark.parametrize(
    ("value", "said"),
    [
        (
            SECRET,
            f'ATTRIBUTE is {SECRET_REPR}, not a sequence of Resource; write: ATTRIBUTE = (Resource("v1", "Secret"),)',
        ),
        (
            "Secret",
            (
                "ATTRIBUTE is 'Secret', not a sequence of Resource; "
                'write: ATTRIBUTE = (Resource("example.com/v1", "Secret"),)'
            ),
        ),
        (
            None,
            'ATTRIBUTE is None, not a sequence of Resource; write: ATTRIBUTE = (Resource("example.com/v1", "Kind"),)',
        ),
        (
            frozenset(),
            (
                "ATTRIBUTE is frozenset(), not a sequence of Resource; "
                'write: ATTRIBUTE = (Resource("example.com/v1", "Kind"),)'
            ),
        ),
        (
            (SECRET, "Issuer"),
            'ATTRIBUTE[1] is \'Issuer\', not a Resource; write: Resource("example.com/v1", "Issuer")',
        ),
    ],
    ids=["a bare Resource", "a str", "None", "a set", "a str among them"],
)
def test_kinds_that_are_no_sequence_of_resources_are_refused(attribute: str, value: object, said: str) -> None:
    assert refused({attribute: value}) == "Broken: " + said.replace("ATTRIBUTE", attribute)


def test_a_list_of_resources_passes() -> None:
    check_declaration(type("Lists", (CertificateReconciler,), {"owns": [SECRET.optional()], "reads": []})())


class NoName(Queue):
    name = None  # type: ignore[assignment]  # that is the mistake

    def __repr__(self) -> str:
        return "<NoName>"


class Blocks(Queue):
    def watch(self, wake: Wake) -> None:  # type: ignore[override]  # that is the mistake
        """Block."""

    def __repr__(self) -> str:
        return "<Blocks>"


@pytest.mark.parametrize(
    ("watches", "said"),
    [
        (Queue(), "watches is <Queue>, not a sequence of Source; write: watches = (YourSource(),)"),
        ("queue", "watches is 'queue', not a sequence of Source; write: watches = (YourSource(),)"),
        ([Queue], f"watches[0] is {Queue!r}, a class; write: Queue()"),
        (
            (Queue(), SECRET),
            f'watches[1] is {SECRET_REPR}, a kind, not a Source; write: reads = (Resource("v1", "Secret"),)',
        ),
        ((NoName(),), 'watches[0] is <NoName>, which has no name; a Source defines: name = "queue"'),
        (
            (Blocks(),),
            "watches[0] is <Blocks>, which has no async watch; a Source defines: async def watch(self, wake): ...",
        ),
        ((5,), "watches[0] is 5, which has no async watch; a Source defines: async def watch(self, wake): ..."),
    ],
)
def test_sources_that_are_none_are_refused(watches: object, said: str) -> None:
    assert refused({"watches": watches}) == f"Broken: {said}"


@pytest.mark.parametrize(
    ("predicates", "said"),
    [
        (
            (generation_changed,),
            (
                f"predicates is {(generation_changed,)!r}, not a mapping of Resource to a function; "
                'write: predicates = {Resource("example.com/v1", "Certificate"): generation_changed}'
            ),
        ),
        (
            {"Secret": generation_changed},
            'predicates has the key \'Secret\', not a Resource; write: Resource("example.com/v1", "Secret")',
        ),
        (
            {SECRET: True},
            (
                'predicates[Resource("v1", "Secret")] is True, not a function of a Change; '
                "write one such as generation_changed"
            ),
        ),
    ],
)
def test_predicates_that_are_no_mapping_to_functions_are_refused(predicates: object, said: str) -> None:
    assert refused({"predicates": predicates}) == f"Broken: {said}"


def test_sources_and_predicates_pass() -> None:
    members = {"watches": [Queue()], "predicates": {SECRET: generation_changed}}
    check_declaration(type("Watches", (CertificateReconciler,), members)())


def _no_ctx(self: Reconciler) -> None:
    """Take nothing."""


def _client_too(self: Reconciler, ctx: Context, client: object) -> None:
    """Take too much."""


def _keyword_too(self: Reconciler, ctx: Context, *, force: bool) -> None:
    """Take a keyword."""


@pytest.mark.parametrize(
    ("method", "value", "said"),
    [
        ("reconcile", _no_ctx, "reconcile(self) can't be called with ctx alone"),
        ("reconcile", _client_too, "reconcile(self, ctx, client) can't be called with ctx alone"),
        ("reconcile", _keyword_too, "reconcile(self, ctx, force) can't be called with ctx alone"),
        ("reconcile", None, "reconcile is None, not a method"),
        ("finalize", _no_ctx, "finalize(self) can't be called with ctx alone"),
    ],
)
def test_methods_that_do_not_take_ctx_alone_are_refused(method: str, value: object, said: str) -> None:
    assert (
        refused({"finalizer": "example.com/x", method: value})
        == f"Broken: {said}; define: def {method}(self, ctx): ..."
    )


def _with_default(self: Reconciler, ctx: Context, force: bool = False) -> None:
    """Take ctx; the rest is its own affair."""


def _anything(*args: object, **kwargs: object) -> None:
    """Take what comes."""


@pytest.mark.parametrize("reconcile", [_with_default, _anything, functools.wraps(_reconcile)(_anything)])
def test_methods_that_can_be_called_with_ctx_alone_pass(reconcile: Callable[..., None]) -> None:
    check_declaration(type("Takes", (CertificateReconciler,), {"reconcile": reconcile})())


QUALIFIED = (
    "a qualified name (a DNS subdomain, one /, and at most 63 of A-Z, a-z, 0-9, -, _ and ., "
    "a letter or digit at both ends)"
)


@pytest.mark.parametrize(
    ("finalizer", "better"),
    [
        ("Example.com/cleanup", "example.com/cleanup"),
        ("example.com/clean up", "example.com/clean-up"),
        ("example.com/", "example.com/cleanup"),
        ("/cleanup", "example.com/cleanup"),
        ("example..com/x", "example.com/x"),
        ("https://example.com/x", "https-example.com/x"),
        ("example.com/a/b", "example.com-a/b"),
        ("example.com/" + "x" * 64, "example.com/" + "x" * 63),
        ("example.com/x\n", "example.com/x"),
        ("y" * 254 + "/x", "example.com/x"),
    ],
)
def test_a_finalizer_that_the_api_would_refuse_is_refused_with_one_that_passes(finalizer: str, better: str) -> None:
    members = {"finalize": _reconcile, "finalizer": finalizer}
    assert refused(members) == f'Broken: finalizer {finalizer!r} isn\'t {QUALIFIED}; write: finalizer = "{better}"'
    check_declaration(type("Mended", (CertificateReconciler,), members | {"finalizer": better})())


def test_a_finalizer_that_is_no_str_is_refused() -> None:
    assert refused({"finalize": _reconcile, "finalizer": True}) == (
        'Broken: finalizer is True, not a str; write: finalizer = "example.com/cleanup"'
    )


@pytest.mark.parametrize(
    ("attribute", "value", "meant"),
    [
        ("own", (SECRET,), "owns"),
        ("own", SECRET, "owns"),
        ("Owns", [SECRET], "owns"),
        ("read", {SECRET}, "reads"),
        ("watch", (Queue(),), "watches"),
        ("watch", Queue(), "watches"),
        ("predicate", {SECRET: generation_changed}, "predicates"),
        ("publish", True, "publishes"),
        ("finaliser", "example.com/cleanup", "finalizer"),
        ("ready_conditions", "Accepted", "ready_condition"),
    ],
)
def test_a_misspelt_attribute_is_refused(attribute: str, value: object, meant: str) -> None:
    assert refused({attribute: value}) == (
        f"Broken has {attribute} = {value!r}, which says nothing to the framework: did you mean {meant}? "
        f"Write: {meant} = ..., or begin the name with _ if it's your own"
    )


def test_a_misspelling_is_found_in_a_base_class_too() -> None:
    base = type("Base", (CertificateReconciler,), {"publish": True})
    assert "did you mean publishes?" in refused({}, base=base)


def test_attributes_of_the_users_own_pass() -> None:
    class Own(CertificateReconciler):
        names: ClassVar[list[str]] = ["a"]
        _own = (SECRET,)
        READ = "shop"
        ready = False
        published = 0
        zones: ClassVar[dict[str, str]] = {}

        def read(self) -> None:
            """Read something."""

        @property
        def own(self) -> Resource:
            return SECRET

    check_declaration(Own())


@pytest.mark.parametrize(
    ("members", "said"),
    [
        ({"publishes": ("scope",)}, "publishes is ('scope',), not a bool; write: publishes = True"),
        (
            {"ready_condition": False},
            'ready_condition is False, not a condition\'s type; write: ready_condition = "Ready", or None for none',
        ),
        (
            {"name": 5},
            'name 5 isn\'t a DNS label (a-z, 0-9 and inner -, at most 63 characters); write: name = "5"',
        ),
    ],
)
def test_plain_attributes_of_a_wrong_type_are_refused(members: dict[str, object], said: str) -> None:
    assert refused(members) == f"Broken: {said}"


@pytest.mark.parametrize(
    ("handed_in", "said"),
    [
        (CertificateReconciler, "add() got the class CertificateReconciler; write: add(CertificateReconciler())"),
        (Queue(), "add() got <Queue>, which isn't a Reconciler; write: class Queue(Reconciler): ..."),
    ],
)
def test_what_is_no_reconciler_is_refused(handed_in: Any, said: str) -> None:
    with pytest.raises(TypeError) as caught:
        check_declaration(handed_in)
    assert str(caught.value) == said
