"""The services of a storm: real programs, with a command that starts each one, or fails.

A service ends by itself when the test does, whoever has started it. Its command starts no second copy, as a service
manager would not, and notes when it was asked to start one that had long been running.
"""

import os
import shutil
from pathlib import Path

from tests.fixtures.lifeline import alive

LONG = 60
"""Seconds after which a service that runs is surely known to run, and is started by nobody."""

# `tail --pid` ends when that process does.
_START = """#!/bin/sh
exec 9>"{folder}/{name}.lock"
flock 9
echo x >> "{folder}/{name}.asked"
if [ -e "{folder}/{name}.broken" ]; then exit 1; fi
if pid=$(cat "{folder}/{name}.pid" 2>/dev/null) && kill -0 "$pid" 2>/dev/null; then
    begun=$(stat -c %Y "{folder}/{name}.pid")
    if [ $(($(date +%s) - begun)) -gt {long} ]; then echo "pid $pid" >> "{folder}/{name}.ran"; fi
    exit 0
fi
setsid "{folder}/{name}" -s 1 --pid={owner} -f /dev/null >/dev/null 2>&1 9>&- &
echo $! > "{folder}/{name}.pid"
"""


class Service:
    """One of them."""

    def __init__(self, folder: Path, name: str) -> None:
        """Its program and its command are made; nothing runs."""
        self.name = name
        self.program = folder / name
        self.command = folder / f"start-{name}"
        self._folder = folder
        found = shutil.which("tail")
        assert found is not None
        shutil.copy(found, self.program)
        text = _START.format(folder=folder, name=name, owner=os.getpid(), long=LONG)
        self.command.write_text(text)
        self.command.chmod(0o755)

    @property
    def pid(self) -> int:
        """Of the last one that was started; 0 when it runs no more."""
        try:
            pid = int((self._folder / f"{self.name}.pid").read_text())
        except (OSError, ValueError):
            return 0
        return pid if alive(pid) else 0

    def kill(self) -> int:
        """SIGKILL it; whom."""
        pid = self.pid
        if pid:
            os.kill(pid, 9)
        return pid

    def break_(self) -> None:
        """Its command fails from now on."""
        (self._folder / f"{self.name}.broken").touch()

    def mend(self) -> None:
        """Its command works again."""
        (self._folder / f"{self.name}.broken").unlink(missing_ok=True)

    @property
    def started_while_it_ran(self) -> str:
        """When it was asked to start though it had been running for long; empty for never."""
        path = self._folder / f"{self.name}.ran"
        return path.read_text() if path.exists() else ""

    @property
    def asked(self) -> int:
        """How often its command was run."""
        path = self._folder / f"{self.name}.asked"
        return len(path.read_text().splitlines()) if path.exists() else 0
