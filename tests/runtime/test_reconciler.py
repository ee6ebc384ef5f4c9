from __future__ import annotations

import json

import pytest

from reconcilekit.cache import Change
from reconcilekit.kube.objects import RawObject, parse_object
from reconcilekit.runtime.reconciler import Reconciler, generation_changed
from tests.runtime.certificates import CERTIFICATE, ISSUER, SECRET, CertificateReconciler


class TestNames:
    @pytest.mark.parametrize(
        ("class_name", "name"),
        [
            ("CertificateReconciler", "certificate"),
            ("HTTPRouteReconciler", "http-route"),
            ("GatewayClassReconciler", "gateway-class"),
            ("Reconciler", "reconciler"),
            ("Certificates", "certificates"),
            ("S3BucketReconciler", "s3-bucket"),
            ("_Internal_Reconciler", "internal"),
            ("Größe", "gr-e"),
            ("X" * 80, "x" * 63),
            ("Ωμ", "controller"),
        ],
    )
    def test_it_is_made_from_the_class(self, class_name: str, name: str) -> None:
        made = type(class_name, (Reconciler,), {})
        assert issubclass(made, Reconciler)
        assert made.name == name

    def test_it_may_be_said(self) -> None:
        class Named(CertificateReconciler):
            name = "certs"

        assert Named().name == "certs"

    def test_a_subclass_has_a_name_of_its_own(self) -> None:
        class Stricter(CertificateReconciler):
            pass

        assert (Stricter.name, CertificateReconciler.name) == ("stricter", "certificate")


def test_each_kind_is_declared_once_the_primary_first() -> None:
    assert CertificateReconciler().declared == (CERTIFICATE, SECRET, ISSUER)


def version(generation: int | None, *, uid: str = "1", deleted: str | None = None, data: str = "") -> RawObject:
    metadata = {"name": "x", "namespace": "shop", "uid": uid}
    if generation is not None:
        metadata["generation"] = generation  # type: ignore[assignment]
    if deleted is not None:
        metadata["deletionTimestamp"] = deleted
    return parse_object(json.dumps({"metadata": metadata, "data": data}).encode(), field_manager=None)


@pytest.mark.parametrize(
    ("before", "after", "passes"),
    [
        (None, version(1), True),
        (version(1), None, True),
        (version(1), version(2), True),
        (version(1), version(1, data="status"), False),
        (version(1), version(1, deleted="2025-01-01T00:00:00Z"), True),
        (version(1), version(1, uid="2"), True),
        (version(None), version(None, data="a ConfigMap's"), True),
    ],
    ids=["appeared", "vanished", "spec", "status", "being deleted", "made anew", "no generation"],
)
def test_generation_changed_passes_over_what_touches_neither_spec_nor_deletion(
    before: RawObject | None, after: RawObject | None, passes: bool
) -> None:
    present = after or before
    assert present is not None
    cause = Change(resource=SECRET, key=present.key, before=before, after=after, sequence=1)
    assert generation_changed(cause) is passes
