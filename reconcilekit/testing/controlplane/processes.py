"""The starter's side of the supervisor: processes that end with this one, whatever ends it."""

from __future__ import annotations

import json
import os
import select
import signal
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from reconcilekit.clock import Clock
from reconcilekit.testing.controlplane import supervisor
from reconcilekit.testing.controlplane.errors import ControlPlaneError
from reconcilekit.testing.controlplane.folders import Folder

_LINES_OF_LOG = 20
"""Of a server's log in an error: its last complaint and what led to it."""

_ANSWER = 10.0
"""Seconds for a fork and an exec on a machine that is busy."""


class Processes:
    """Named processes in one folder.

    Args:
        folder: their working directory and that of their logs; this hands its lock on.
        keep: leave the folder where it is when all is over.
    """

    def __init__(self, folder: Folder, *, clock: Clock, keep: bool = False) -> None:
        self._folder = folder.path
        self._clock = clock
        self._pids: dict[str, int] = {}
        self._codes: dict[str, int] = {}
        self._unread = b""
        script = str(Path(supervisor.__file__))
        self._supervisor = subprocess.Popen(  # noqa: S603 -- this interpreter, our own script
            [sys.executable, "-I", "-S", script, str(folder.path), str(os.getpid()), "keep" if keep else "remove"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            bufsize=0,
            pass_fds=[folder.lock],
            # A signal to the terminal's or the runner's process group must not end it before us.
            start_new_session=True,
        )
        # From here on the lock is the supervisor's alone: no fork of ours keeps the folder.
        os.close(folder.lock)

    @property
    def supervisor_pid(self) -> int:
        """Process id of the parent of them all."""
        return self._supervisor.pid

    def start(self, name: str, arguments: Sequence[str | Path]) -> None:
        """Start one; it runs when this returns.

        Raises:
            ControlPlaneError: it can't be executed.
        """
        self._codes.pop(name, None)
        log = str(self.log(name))
        self._send({"do": "start", "name": name, "arguments": [str(each) for each in arguments], "log": log})
        until = self._clock.monotonic() + _ANSWER
        while name not in self._pids and name not in self._codes:
            if self._clock.monotonic() > until:
                raise ControlPlaneError(f"{name} wasn't started within {_ANSWER:g} s; is the machine overloaded?")
            self._listen(0.1)

    def kill(self, name: str) -> None:
        """End one at once, by SIGKILL; it is gone when this returns, which it may have been before."""
        if name not in self._pids:
            return
        self._send({"do": "signal", "name": name, "signal": int(signal.SIGKILL)})
        while name in self._pids:
            self._listen(0.1)
        # An end that was asked for isn't one to complain of.
        self._codes.pop(name, None)

    def pid(self, name: str) -> int | None:
        """Process id of one, None where it doesn't run."""
        self._listen(0)
        return self._pids.get(name)

    def check(self, wait: float) -> None:
        """Listen for up to `wait` seconds whether one ends by itself.

        Raises:
            ControlPlaneError: one has; says which, its exit code, and the end of its log.
        """
        self._listen(wait)
        for name, code in self._codes.items():
            how = f"was ended by {signal.Signals(-code).name}" if code < 0 else f"ended with exit code {code}"
            raise ControlPlaneError(f"{name} {how}; the end of its log:\n{self.tail(name)}")

    def log(self, name: str) -> Path:
        """The file that one writes to."""
        return self._folder / f"{name}.log"

    def tail(self, name: str) -> str:
        """The last lines of a log."""
        log = self.log(name)
        lines = log.read_text("utf-8", "replace").splitlines() if log.exists() else []
        return "\n".join(lines[-_LINES_OF_LOG:]) or "(empty)"

    def close(self) -> None:
        """End all of them and the supervisor; may be called twice."""
        assert self._supervisor.stdin is not None
        assert self._supervisor.stdout is not None
        self._supervisor.stdin.close()
        self._supervisor.wait()
        self._supervisor.stdout.close()

    def _send(self, command: dict[str, Any]) -> None:
        assert self._supervisor.stdin is not None
        try:
            self._supervisor.stdin.write(json.dumps(command).encode() + b"\n")
        except (BrokenPipeError, ValueError) as error:
            raise ControlPlaneError(f"{self._folder}: the control plane is gone; start another one") from error

    def _listen(self, wait: float) -> None:
        output = self._supervisor.stdout
        assert output is not None
        if output.closed or not select.select([output], [], [], wait)[0]:
            return
        chunk = output.read(65536)
        if not chunk:
            raise ControlPlaneError(
                f"{self._folder}: the supervisor of the control plane was killed; start another one"
            )
        *lines, self._unread = (self._unread + chunk).split(b"\n")
        for line in lines:
            self._hear(json.loads(line))

    def _hear(self, event: dict[str, Any]) -> None:
        name = event["name"]
        match event["event"]:
            case "started":
                self._pids[name] = event["pid"]
            case "exited":
                self._pids.pop(name, None)
                self._codes[name] = event["code"]
            case _:
                raise ControlPlaneError(f"{name} can't be executed: {event['reason']}")
