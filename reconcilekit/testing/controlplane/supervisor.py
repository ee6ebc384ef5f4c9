"""The parent of the servers' processes: it outlives whoever started them just long enough to leave nothing behind.

It runs as a program of its own, by its path and with the standard library alone, so that it starts in a few
milliseconds. The starter writes commands to its standard input and reads events from its standard output, one JSON
object a line. When the input ends or the starter's process is gone, by SIGKILL too, it kills the servers and removes
their folder. Should it be killed itself, the kernel kills the servers (PR_SET_PDEATHSIG), and the folder, whose lock
is free by then, goes at the next start.
"""

from __future__ import annotations

import contextlib
import ctypes
import json
import os
import select
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

_PR_SET_PDEATHSIG = 1
_DEATH = 5.0
"""Seconds that a process may take to be gone after SIGKILL; the kernel takes milliseconds unless a disk hangs."""


class Supervisor:
    """Starts, stops and watches the processes that the starter names.

    Args:
        folder: where the processes run and their logs are.
        starter: process id; None where it can't be watched.
    """

    def __init__(self, folder: Path, starter: int | None) -> None:
        self._folder = folder
        self._starter = starter
        self._processes: dict[str, subprocess.Popen[bytes]] = {}
        self._exits: dict[int, str] = {}
        self._poll = select.poll()
        self._input = b""

    def run(self) -> None:
        """Serve until the starter has gone."""
        self._poll.register(0, select.POLLIN)
        if self._starter is not None:
            self._poll.register(self._starter, select.POLLIN)
        while self._turn():
            pass

    def end(self) -> None:
        """Kill what still runs."""
        for process in self._processes.values():
            process.kill()
        for process in self._processes.values():
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(_DEATH)

    def _turn(self) -> bool:
        for descriptor, _ in self._poll.poll():
            if descriptor == self._starter:
                return False
            if descriptor in self._exits:
                self._reap(descriptor)
            elif not self._read():
                return False
        return True

    def _read(self) -> bool:
        chunk = os.read(0, 65536)
        *lines, self._input = (self._input + chunk).split(b"\n")
        for line in lines:
            self._obey(json.loads(line))
        return bool(chunk)

    def _obey(self, command: dict[str, Any]) -> None:
        name = command["name"]
        if command["do"] == "start":
            self._start(name, command["arguments"], command["log"])
        elif (process := self._processes.get(name)) is not None:
            process.send_signal(command["signal"])

    def _start(self, name: str, arguments: list[str], log: str) -> None:
        supervisor = os.getpid()
        with Path(log).open("ab") as output:
            try:
                process = subprocess.Popen(  # noqa: S603 -- what the starter names is all it is for
                    arguments,
                    cwd=self._folder,
                    stdin=subprocess.DEVNULL,
                    stdout=output,
                    stderr=output,
                    # Nothing but this one thread runs here, so that a fork can't meet a held lock.
                    preexec_fn=lambda: _die_with(supervisor),  # noqa: PLW1509
                )
            except OSError as error:
                _say({"event": "failed", "name": name, "reason": str(error)})
                return
        self._processes[name] = process
        descriptor = os.pidfd_open(process.pid)
        self._exits[descriptor] = name
        self._poll.register(descriptor, select.POLLIN)
        _say({"event": "started", "name": name, "pid": process.pid})

    def _reap(self, descriptor: int) -> None:
        self._poll.unregister(descriptor)
        os.close(descriptor)
        name = self._exits.pop(descriptor)
        _say({"event": "exited", "name": name, "code": self._processes.pop(name).wait()})


_LIBC = ctypes.CDLL(None)


def _die_with(supervisor: int) -> None:
    _LIBC.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != supervisor:
        # It died before the kernel knew whom to watch.
        os._exit(1)


def _say(event: dict[str, Any]) -> None:
    with contextlib.suppress(BrokenPipeError):
        # Where the starter has gone, its input ends next.
        os.write(1, json.dumps(event).encode() + b"\n")


def _ignore_signals() -> None:
    """Ctrl-C in a terminal and a runner's SIGTERM go to the starter, which says when it is over by closing the pipe."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)


def _watch(process: int) -> int | None:
    try:
        return os.pidfd_open(process)
    except OSError:
        # Gone already, or an old kernel: the end of the input tells it as well, unless a fork holds the pipe open.
        return None


def main(folder: str, starter: str, keep: str, *, ready: Callable[[], None] = _ignore_signals) -> None:
    """Supervise in `folder` until the process `starter` has gone; remove the folder unless `keep` is "keep"."""
    ready()
    supervisor = Supervisor(Path(folder), _watch(int(starter)))
    try:
        supervisor.run()
    finally:
        supervisor.end()
        if keep != "keep":
            shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
