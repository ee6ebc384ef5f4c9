"""The wheel holds what it should, and works with the core dependencies alone."""

from __future__ import annotations

import email
import email.message
import os
import subprocess
import sys
import venv
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]

# Pip asks for nothing, and its notices would only stand in the way of what went wrong.
PIP_ENVIRONMENT = {**os.environ, "PIP_NO_INPUT": "1", "PIP_DISABLE_PIP_VERSION_CHECK": "1"}

USE_IT = """
import importlib, importlib.util, pkgutil
import reconcilekit

failed = []
modules = pkgutil.walk_packages(reconcilekit.__path__, "reconcilekit.", failed.append)
names = ["reconcilekit", *(module.name for module in modules)]
for name in names:
    if not name.endswith("__main__"):
        importlib.import_module(name)
assert not failed, failed

from reconcilekit.errors import ConfigError, TransientError
from reconcilekit.kube.resource import ObjectKey

assert str(ObjectKey("default", "web")) == "default/web"
assert TransientError("busy", retry_after=2.0).retry_after == 2.0
assert str(ConfigError("NoDNSNames", "spec.dnsNames is empty")) == "NoDNSNames: spec.dnsNames is empty"

for extra in ("pytest", "hypothesis", "envoy_data_plane", "grpclib", "cryptography", "matplotlib"):
    assert importlib.util.find_spec(extra) is None, f"{extra} is here, so this proves nothing"
print(reconcilekit.__path__[0])
"""


def run(*command: str | Path) -> str:
    done = subprocess.run(
        command, cwd=ROOT, env=PIP_ENVIRONMENT, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, f"{command} ended with {done.returncode}:\n{done.stdout}{done.stderr}"
    return done.stdout


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    run(
        sys.executable, "-m", "pip", "wheel", ".", "--quiet", "--no-deps", "--no-build-isolation", "--wheel-dir", folder
    )
    (built,) = folder.iterdir()
    return built


@pytest.fixture(scope="module")
def metadata(wheel: Path) -> email.message.Message:
    with zipfile.ZipFile(wheel) as archive:
        (name,) = (name for name in archive.namelist() if name.endswith(".dist-info/METADATA"))
        return email.message_from_bytes(archive.read(name))


@pytest.mark.slow
def test_wheel_holds_the_package_and_nothing_else(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        names = set(archive.namelist())
    sources = {path.relative_to(ROOT).as_posix() for path in (ROOT / "reconcilekit").rglob("*.py")}

    assert {name.split("/")[0].partition("-")[0] for name in names} == {"reconcilekit", "kube_reconcilekit"}
    assert names >= sources | {"reconcilekit/py.typed"}
    assert any(name.endswith(".dist-info/licenses/LICENSE") for name in names)
    assert not [name for name in names if "/tests/" in name or name.endswith(".pyc")]


@pytest.mark.slow
def test_wheel_says_what_it_is(metadata: email.message.Message) -> None:
    assert metadata["Name"] == "kube-reconcilekit"
    assert metadata["License-Expression"] == "Apache-2.0"
    assert metadata["Requires-Python"] == ">=3.11"
    assert str(metadata.get_payload()).startswith("# reconcilekit\n")


@pytest.mark.slow
def test_core_dependencies_are_these_and_no_more(metadata: email.message.Message) -> None:
    required = metadata.get_all("Requires-Dist", [])
    core = {
        requirement.partition("<")[0].partition(">")[0] for requirement in required if "extra ==" not in requirement
    }
    assert core == {"aiohttp", "attrs", "kubernetes", "msgspec", "tenacity", "typing-extensions"}


@pytest.mark.slow
@pytest.mark.network
@pytest.mark.timeout(900)
def test_wheel_works_in_an_empty_environment(wheel: Path, tmp_path: Path) -> None:
    venv.create(tmp_path / "empty", with_pip=False, symlinks=True)
    python = tmp_path / "empty" / "bin" / "python"
    run(sys.executable, "-m", "pip", "--python", python, "install", "--quiet", wheel)

    place = run(python, "-I", "-W", "error", "-c", USE_IT).strip()

    assert Path(place).is_relative_to(tmp_path), f"imported {place}, not the wheel that was installed"
    run(sys.executable, "-m", "pip", "--python", python, "check")
