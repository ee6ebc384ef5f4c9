"""Where the binaries are: etcd, kube-apiserver, kube-controller-manager."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Mapping
from pathlib import Path

import attrs

from reconcilekit.testing.controlplane.errors import MissingBinariesError

ETCD = "etcd"
API_SERVER = "kube-apiserver"
CONTROLLER_MANAGER = "kube-controller-manager"

ASSETS_VARIABLE = "KUBEBUILDER_ASSETS"
"""The convention of controller-runtime's envtest, which `setup-envtest use --print env` sets."""

BUILT = Path("build/controlplane")
"""Where `make controlplane` puts them, from the top of the project."""

_HOW = (
    f"set {ASSETS_VARIABLE} to a folder that has them (controller-runtime's setup-envtest fetches one), "
    "or build them with `make controlplane` in a checkout of reconcilekit, which needs Go"
)


@attrs.frozen
class Assets:
    """A folder that holds the binaries.

    Attributes:
        folder: absolute.
        origin: why this one: "the argument assets", "KUBEBUILDER_ASSETS", or the folder's own name.
    """

    folder: Path
    origin: str = attrs.field(kw_only=True)

    def binary(self, name: str) -> Path:
        """The path of one binary.

        Raises:
            MissingBinariesError: it isn't there, or it can't be run.
        """
        path = self.folder / name
        if not os.access(path, os.X_OK) or path.is_dir():
            raise MissingBinariesError(f"{path} (from {self.origin}) isn't an executable file; {_HOW}")
        return path

    def version(self) -> str:
        """What the kube-apiserver there says of itself, such as "v1.37.2"; it is asked, which takes a moment."""
        said = subprocess.run(  # noqa: S603 -- the binary that was chosen
            [self.binary(API_SERVER), "--version"], capture_output=True, text=True, check=True, timeout=30
        )
        return said.stdout.strip().removeprefix("Kubernetes ")


def find_assets(
    folder: str | Path | None = None,
    *,
    environ: Mapping[str, str] | None = None,
    start: Path | None = None,
    controller_manager: bool = False,
) -> Assets:
    """The binaries of the first place that is named.

    The places are, in this order: `folder`; the folder in KUBEBUILDER_ASSETS; `build/controlplane` of the working
    directory or of the nearest of its parents that has one. A place that is named and lacks a binary is an error,
    never passed over for the next: whoever names one version wants no other.

    Args:
        folder: the choice of the caller.
        environ: holds KUBEBUILDER_ASSETS; None takes the process's.
        start: where the search upwards begins; None takes the working directory.
        controller_manager: kube-controller-manager has to be there, too (setup-envtest doesn't bring it).

    Raises:
        MissingBinariesError: none is named, or the one that is lacks a binary.
    """
    found = _named(folder, os.environ if environ is None else environ, start or Path.cwd())
    for name in (ETCD, API_SERVER, *((CONTROLLER_MANAGER,) if controller_manager else ())):
        found.binary(name)
    return found


def _named(folder: str | Path | None, environ: Mapping[str, str], start: Path) -> Assets:
    if folder is not None:
        return Assets(Path(folder).absolute(), origin="the argument assets")
    if environ.get(ASSETS_VARIABLE):
        return Assets(Path(environ[ASSETS_VARIABLE]).absolute(), origin=ASSETS_VARIABLE)
    for parent in (start, *start.parents):
        if (built := parent / BUILT).is_dir():
            return Assets(built, origin=str(BUILT))
    raise MissingBinariesError(
        f"There is no kube-apiserver: {ASSETS_VARIABLE} is unset, and neither {start} nor a folder above it has "
        f"{BUILT}; {_HOW}"
    )
