"""A server's state in a folder: a snapshot, and journals of what happened since.

`snapshot-N` holds every object at one revision, `journal-N` the changes after it, and the journals that follow it with
higher numbers those after that. A snapshot is written beside the changes that go on, a few objects with each, and
renamed into place when it is whole; then what is older goes. One that can't be written is given up, and the journals go
on: they hold everything all the same.

A change is handed to the operating system in one write before it is made and answered, so whoever kills the server
loses nothing that was answered. Nothing waits for the disk: after a power failure the latest seconds may be missing.
Snapshots are synced, and so is everything when the server stops.
"""

from __future__ import annotations

import contextlib
import fcntl
import io
import os
import re
from collections.abc import Callable, Generator, Iterator, Mapping
from pathlib import Path
from typing import Any

import attrs
import msgspec

from reconcilekit.kube.resource import ObjectKey
from reconcilekit.testing.apiserver.status import StatusError
from reconcilekit.testing.apiserver.storage import records
from reconcilekit.testing.apiserver.storage.records import DamagedDataError, Record
from reconcilekit.testing.apiserver.storage.storage import StorageSnapshot
from reconcilekit.testing.apiserver.storage.versions import Event, Stored

MIN_JOURNAL = 4 * 1024 * 1024
"""Bytes of a journal below which no new snapshot is begun: reading them takes well under a second."""

_OWN = re.compile(r"(snapshot|journal)-(\d+)")
_PART = re.compile(r"snapshot-\d+\.part")

_BESIDE = frozenset({"lock", "keys", "keys.part", "lost+found"})
"""What a folder may hold beside the state: the lock, the keys, and what file systems put there."""

_LOCK = re.compile(rb"(process \d+\n)?")
"""What a lock of ours holds."""

SLICE = 64
"""Objects of a new snapshot that are written with each change: few enough for the change not to be late."""


class UnusableFolderError(OSError):
    """The folder can't be made or written to; the message says why."""


class FolderInUseError(Exception):
    """Another server keeps its state in this folder."""


@attrs.frozen(kw_only=True)
class Kept:
    """What a folder holds.

    Attributes:
        revision: of the snapshot.
        objects: in the snapshot, with their group and plural.
        changes: since, oldest first.
    """

    revision: int
    objects: list[tuple[tuple[str, str], Stored]]
    changes: list[KeptChange]


@attrs.frozen(kw_only=True)
class KeptChange:
    """One change out of a journal.

    Attributes:
        kind: its group, version and plural.
        after: the object's content, None where it went.
        place: the file and offset, for messages.
    """

    kind: tuple[str, str, str]
    key: ObjectKey
    revision: int
    after: dict[str, Any] | None
    place: tuple[Path, int]


class DataFolder:
    """The folder of one server, locked until it is closed. It is the storage's journal.

    Args:
        path: made where it is missing.

    Raises:
        UnusableFolderError: it can't be made or written to.
        FolderInUseError: another server has it.
        DamagedDataError: what it holds can't be read.

    Attributes:
        kept: what it held when it was opened, None for nothing.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            _refuse_files(path)
            # Among the objects are Secrets.
            path.mkdir(mode=0o700, parents=True, exist_ok=True)
            _refuse_others(path)
            self._lock = _lock(path / "lock")
        except UnusableFolderError:
            raise
        except OSError as error:
            raise self._unusable(error, "choose a folder that this user can write to") from error
        self._journal: io.FileIO | None = None
        self._size = 0
        self._is_torn = False
        self._snapshot_size = 0
        self._generation = 0
        self._take: Callable[[], StorageSnapshot] | None = None
        self._compaction: Generator[None, None, None] | None = None
        try:
            self.kept = self._read()
        except BaseException:
            self._lock.close()
            raise

    def begin(self, take: Callable[[], StorageSnapshot]) -> None:
        """Keep what happens from now on; `take` makes the snapshots.

        Raises:
            UnusableFolderError: it can't be written to.
        """
        self._take = take
        if self.kept is None:
            self.rebase(take())
        else:
            try:
                self._go_on_in(self._open(self._generation))
            except OSError as error:
                raise self._unusable(error, "make room, or leave to write") from error
        self.kept = None

    def append(self, event: Event) -> None:
        """Keep a change.

        Raises:
            StatusError: 500: it can't be written, and the file is as it was before; or the folder is closed.
        """
        if self._journal is None:
            raise StatusError(500, f"the change can't be kept in {self.path}: the server was closed")
        try:
            self._advance()
            self._write(_encode_change(event))
        except OSError as error:
            raise StatusError(500, f"the change can't be kept in {self.path}: {error}") from error

    def rebase(self, snapshot: StorageSnapshot) -> None:
        """Keep this state in place of all that was kept so far.

        Raises:
            UnusableFolderError: it can't be written, and what was kept so far still is; or the folder is closed.
        """
        if self._lock.closed:
            raise UnusableFolderError(f"{self.path} can't keep the server's state: the server was closed")
        self._abandon_compaction()
        generation = self._generation + 1
        try:
            for _ in self._write_snapshot(snapshot, generation):
                pass
            try:
                journal = self._open(generation)
            except BaseException:
                self._file("snapshot", generation).unlink()
                raise
        except OSError as error:
            raise self._unusable(error, "make room, and try again") from error
        self._generation = generation
        self._go_on_in(journal)
        self._remove_older(generation)

    def close(self) -> None:
        """Sync what was written, and let others have the folder; may be called twice."""
        self._abandon_compaction()
        journal, self._journal = self._journal, None
        try:
            if journal is not None:
                with journal:
                    os.fsync(journal.fileno())
        finally:
            self._lock.close()

    def _unusable(self, error: OSError, what_to_do: str) -> UnusableFolderError:
        why = error.strerror or str(error)
        return UnusableFolderError(f"{self.path} can't keep the server's state: {why}; {what_to_do}")

    def _advance(self) -> None:
        """Begin a snapshot where the journal has grown long, and carry on with one that was begun.

        One that can't be written is given up until the journal has grown as long again.
        """
        try:
            if self._compaction is None and self._size > max(MIN_JOURNAL, 2 * self._snapshot_size):
                self._begin_compaction()
            if self._compaction is not None and next(self._compaction, "done") == "done":
                self._compaction = None
                self._remove_older(self._generation)
        except BaseException as error:
            self._abandon_compaction()
            if not isinstance(error, OSError):
                raise

    def _begin_compaction(self) -> None:
        assert self._take is not None
        self._mend()
        journal = self._open(self._generation + 1)
        self._generation += 1
        self._go_on_in(journal)
        self._compaction = self._write_snapshot(self._take(), self._generation)

    def _open(self, generation: int) -> io.FileIO:
        """A journal to be gone on with, begun where it isn't there."""
        path = self._file("journal", generation)
        file = path.open("ab", buffering=0)
        if file.tell() == 0:
            try:
                _write_whole(file, records.header("journal"))
            except BaseException:
                file.close()
                path.unlink()
                raise
        return file

    def _go_on_in(self, journal: io.FileIO) -> None:
        if self._journal is not None:
            self._journal.close()
        self._journal = journal
        self._size = journal.tell()

    def _write(self, line: bytes) -> None:
        assert self._journal is not None
        self._mend()
        try:
            _write_whole(self._journal, line)
        except BaseException:
            self._is_torn = True
            self._mend()
            raise
        self._size += len(line)

    def _mend(self) -> None:
        """Cut off half a line: it mustn't stand before the next one."""
        if self._is_torn:
            assert self._journal is not None
            self._journal.truncate(self._size)
            self._is_torn = False

    def _write_snapshot(self, snapshot: StorageSnapshot, generation: int) -> Generator[None, None, None]:
        """Write it a slice at a time; where that fails, nothing of it stays."""
        target = self._file("snapshot", generation)
        part = target.with_name(f"{target.name}.part")
        try:
            with part.open("wb") as file:
                yield from _write_objects(file, snapshot)
                size = file.tell()
                file.flush()
                os.fsync(file.fileno())
            part.replace(target)
            try:
                _sync_folder(self.path)
            except BaseException:
                target.unlink()
                raise
        except BaseException:
            part.unlink(missing_ok=True)
            raise
        self._snapshot_size = size

    def _abandon_compaction(self) -> None:
        if self._compaction is not None:
            self._compaction.close()
            self._compaction = None

    def _remove_older(self, generation: int) -> None:
        for name, number in self._files():
            if number < generation:
                # What can't be removed now is removed with the next snapshot, and nobody reads it until then.
                with contextlib.suppress(OSError):
                    self._file(name, number).unlink()

    def _file(self, name: str, generation: int) -> Path:
        return self.path / f"{name}-{generation:06}"

    def _files(self) -> Iterator[tuple[str, int]]:
        for path in sorted(self.path.iterdir()):
            if found := _OWN.fullmatch(path.name):
                yield found[1], int(found[2])

    def _read(self) -> Kept | None:
        for path in list(self.path.iterdir()):
            if _PART.fullmatch(path.name):
                path.unlink()
        files = list(self._files())
        snapshots = [number for name, number in files if name == "snapshot"]
        journals = [number for name, number in files if name == "journal"]
        if not files:
            return None
        if not snapshots:
            raise DamagedDataError(self._file("journal", journals[0]), 0, "its snapshot is missing")
        start = max(snapshots)
        self._generation = max([start, *journals])
        revision, objects = self._read_snapshot(start)
        changes: list[KeptChange] = []
        for number in (number for number in journals if number >= start):
            changes += self._read_journal(number, revision=changes[-1].revision if changes else revision)
        return Kept(revision=revision, objects=objects, changes=changes)

    def _read_snapshot(self, number: int) -> tuple[int, list[tuple[tuple[str, str], Stored]]]:
        path = self._file("snapshot", number)
        objects: list[tuple[tuple[str, str], Stored]] = []
        for record in records.read(path, "snapshot", may_be_torn=False):
            if "revision" in record.told:
                if record.told["count"] != len(objects):
                    raise DamagedDataError(path, record.offset, f"{len(objects)} objects of {record.told['count']}")
                self._snapshot_size = record.end
                return record.told["revision"], objects
            group, plural = record.told["kind"]
            objects.append(((group, plural), _stored(record.told["object"])))
        raise DamagedDataError(path, path.stat().st_size, "its end is missing")

    def _read_journal(self, number: int, *, revision: int) -> list[KeptChange]:
        path = self._file("journal", number)
        changes: list[KeptChange] = []
        is_last = number == self._generation
        end = len(records.header("journal"))
        for record in records.read(path, "journal", may_be_torn=is_last):
            revision += 1
            if record.told["revision"] != revision:
                found = record.told["revision"]
                raise DamagedDataError(path, record.offset, f"revision {found} stands where {revision} should")
            changes.append(_change(path, record))
            end = record.end
        if path.stat().st_size != end:
            _cut(path, end)
        return changes


def _change(path: Path, record: Record) -> KeptChange:
    told = record.told
    group, version, plural = told["kind"]
    return KeptChange(
        kind=(group, version, plural),
        key=ObjectKey(*told["key"]),
        revision=told["revision"],
        after=told.get("object"),
        place=(path, record.offset),
    )


def _write_objects(file: io.BufferedWriter, snapshot: StorageSnapshot) -> Generator[None, None, None]:
    file.write(records.header("snapshot"))
    count = 0
    for (group, plural), collection in snapshot.collections.items():
        opening = b'{"kind":%s,"object":' % msgspec.json.encode([group, plural])
        for stored in collection.objects.values():
            file.write(records.encode(b"%s%s}" % (opening, stored.written.encoded())))
            count += 1
            if count % SLICE == 0:
                yield
    closing = {"revision": snapshot.revision, "count": count}
    file.write(records.encode(msgspec.json.encode(closing)))


def _write_whole(file: io.FileIO, line: bytes) -> None:
    written = file.write(line)
    if written != len(line):
        raise OSError(f"no room for {len(line)} bytes in {file.name!r}")


def _stored(content: dict[str, Any]) -> Stored:
    metadata: Mapping[str, Any] = content["metadata"]
    key = ObjectKey(metadata.get("namespace", ""), metadata["name"])
    return Stored(key, int(metadata["resourceVersion"]), content)


def _encode_change(event: Event) -> bytes:
    served = event.served
    kind = [served.group, served.version, served.plural]
    head = msgspec.json.encode({"revision": event.revision, "kind": kind, "key": event.key})[:-1]
    if event.after is not None:
        return records.encode(b'%s,"object":%s}' % (head, event.after.encoded()))
    return records.encode(head + b"}")


def _refuse_files(path: Path) -> None:
    if path.exists() and not path.is_dir():
        raise UnusableFolderError(f"{path} is a file; name a folder, which is made where it is missing")


def _refuse_others(path: Path) -> None:
    """Touch nothing in a folder that was never a server's, and holds something."""
    names = sorted(each.name for each in path.iterdir())
    if any(_OWN.fullmatch(name) for name in names):
        return
    others = [name for name in names if name not in _BESIDE and not _PART.fullmatch(name)]
    if "lock" in names and not _LOCK.fullmatch((path / "lock").read_bytes()):
        others.append("lock")
    if others:
        raise UnusableFolderError(f"{path} holds {others[0]!r}, which isn't of this server; choose a folder of its own")


def _lock(path: Path) -> io.FileIO:
    """Take the lock; the operating system gives it back when this process ends, however it does."""
    file = path.open("ab", buffering=0)
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        file.close()
        owner = path.read_text().strip() or "another process"
        raise FolderInUseError(
            f"{path.parent} is in use by {owner}: stop that server, or choose another folder"
        ) from error
    except OSError:
        file.close()
        raise
    file.truncate(0)
    file.write(f"process {os.getpid()}\n".encode())
    return file


def _cut(path: Path, size: int) -> None:
    """Cut away what a killed writer left of a line; a file without a whole header is begun anew."""
    with path.open("r+b") as file:
        file.truncate(size if size <= path.stat().st_size else 0)


def _sync_folder(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
