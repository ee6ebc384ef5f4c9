"""A folder for each control plane, and the end of those whose owner was killed."""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
import stat
import tempfile
from collections.abc import Iterator
from pathlib import Path

import attrs

from reconcilekit.testing.controlplane.errors import ControlPlaneError

_LOCK = "lock"


@attrs.frozen
class Folder:
    """A folder that is whose holds the lock in it.

    Attributes:
        lock: file descriptor; the lock is held until every process that has it has closed it.
    """

    path: Path
    lock: int = attrs.field(kw_only=True)

    def discard(self) -> None:
        """Remove it and give the lock back, while nobody else has it."""
        shutil.rmtree(self.path, ignore_errors=True)
        os.close(self.lock)


def new_folder(parent: Path | None = None) -> Folder:
    """Make a folder that nobody else may look into; among temporary files, remove those that a killed owner left.

    Args:
        parent: holds this user's folders; None takes one in the directory for temporary files.

    Raises:
        ControlPlaneError: the parent is somebody else's.
    """
    home = parent or Path(tempfile.gettempdir()) / f"reconcilekit-controlplane-{os.getuid()}"
    _make_private(home)
    with _locked(home / _LOCK):
        if parent is None:
            # A folder that was named is its owner's: what else is in it isn't ours to remove.
            _sweep(home)
        path = Path(tempfile.mkdtemp(dir=home))
        lock = os.open(path / _LOCK, os.O_RDWR | os.O_CREAT, 0o600)
        fcntl.flock(lock, fcntl.LOCK_EX)
    return Folder(path, lock=lock)


def _make_private(home: Path) -> None:
    home.mkdir(mode=0o700, parents=True, exist_ok=True)
    found = home.lstat()
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.getuid() or found.st_mode & 0o077:
        raise ControlPlaneError(
            f"{home} isn't a folder of yours alone, and keys would be written there; remove it, or set TMPDIR"
        )


@contextlib.contextmanager
def _locked(path: Path) -> Iterator[None]:
    """Between making a folder and locking it, nobody may sweep."""
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def _sweep(home: Path) -> None:
    for folder in home.iterdir():
        if folder.is_dir() and not _is_held(folder):
            shutil.rmtree(folder, ignore_errors=True)


def _is_held(folder: Path) -> bool:
    try:
        descriptor = os.open(folder / _LOCK, os.O_RDWR)
    except OSError:
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(descriptor)
    return False
