"""Which binaries are taken, and what is said where there are none."""

from __future__ import annotations

from pathlib import Path

import pytest

from reconcilekit.testing.controlplane import ControlPlane, MissingBinariesError, find_assets


def folder_with(path: Path, *names: str) -> Path:
    path.mkdir(parents=True)
    for name in names:
        (path / name).write_text("#!/bin/sh\necho Kubernetes v1.2.3\n")
        (path / name).chmod(0o755)
    return path


@pytest.fixture
def places(tmp_path: Path) -> dict[str, Path]:
    both = ("etcd", "kube-apiserver")
    return {
        "argument": folder_with(tmp_path / "argument", *both),
        "variable": folder_with(tmp_path / "variable", *both),
        "built": folder_with(tmp_path / "project" / "build" / "controlplane", *both),
    }


def test_the_argument_comes_first_then_the_variable_then_what_the_project_built(places: dict[str, Path]) -> None:
    environ = {"KUBEBUILDER_ASSETS": str(places["variable"])}
    below = places["built"].parents[1] / "tests" / "deep"

    assert find_assets(places["argument"], environ=environ, start=below).folder == places["argument"]
    assert find_assets(environ=environ, start=below).folder == places["variable"]
    assert find_assets(environ={}, start=below).folder == places["built"]
    assert find_assets(environ={}, start=below).version() == "v1.2.3"


def test_a_place_that_lacks_a_binary_is_never_passed_over(places: dict[str, Path]) -> None:
    (places["variable"] / "etcd").unlink()

    with pytest.raises(MissingBinariesError) as missing:
        find_assets(environ={"KUBEBUILDER_ASSETS": str(places["variable"])}, start=places["built"])

    assert str(missing.value) == (
        f"{places['variable']}/etcd (from KUBEBUILDER_ASSETS) isn't an executable file; set KUBEBUILDER_ASSETS to a "
        "folder that has them (controller-runtime's setup-envtest fetches one), or build them with `make controlplane` "
        "in a checkout of reconcilekit, which needs Go"
    )


def test_without_any_it_is_said_where_was_looked(tmp_path: Path) -> None:
    with pytest.raises(MissingBinariesError, match=f"KUBEBUILDER_ASSETS is unset, and neither {tmp_path} nor a folder"):
        find_assets(environ={}, start=tmp_path)


def test_the_controller_manager_is_wanted_only_where_it_is_asked_for(places: dict[str, Path]) -> None:
    with pytest.raises(MissingBinariesError, match=r"kube-controller-manager .* isn't an executable file"):
        ControlPlane.start(places["argument"], controller_manager=True)
