"""What the driver knows of each host, on disk: a crash or a good-bye of before a restart counts after it.

In: the records of each look. Out: one small JSON file, written whole when something in it changes, and each minute.
A file that cannot be read or written stops nothing: then it is as if this were the first start.
"""

import json
import logging
import math
import os
import tempfile
import threading
from collections.abc import Callable
from pathlib import Path

from masakarimonitors.core.decision import JSON, Instant
from masakarimonitors.core.outside import moment_before
from masakarimonitors.hostmonitor.drivers.pacemaker.records.classify import Records
from masakarimonitors.hostmonitor.drivers.pacemaker.records.kept import kept, restored
from masakarimonitors.system.files import private_files
from masakarimonitors.system.threads import NoThread, Pool

LOG = logging.getLogger(__name__)

FILE = "hostmonitor-pacemaker.json"
"""In the folder for state."""

_DEADLINE = 10.0
"""Seconds for the disk to answer at the start."""

_AT_LEAST_EACH = 60.0
"""Seconds: what is fenced after a look of before a restart counts as witnessed, so that moment is kept, too."""


class HostMemory:
    """The file in the folder for state; without a folder there is nothing before, and nothing is kept."""

    def __init__(
        self, folder: Callable[[], Path | None], later: Callable[[Callable[[], object]], None] | None = None
    ) -> None:
        """`folder` is asked when the memory is first read; nothing is touched before.

        `later` has the file written by a thread; without it that is done at once.
        """
        self._folder = folder
        self._later = later or (lambda work: work())
        self._turn = threading.Lock()
        self._next: str | None = None
        self._writing = False
        self._path: Path | None = None
        self._written: dict[str, JSON] = {}
        self._written_at = -math.inf
        self._failed = ""

    def read(self, now: Instant) -> Records:
        """The records of before the restart, as far as they can be read."""
        folder = self._folder()
        if folder is None:
            return {}
        self._path = folder / FILE
        try:
            with open(private_files.open_private(self._path, os.O_RDONLY), encoding="utf-8") as file:
                found = json.loads(file.read())
        except FileNotFoundError:
            return {}
        except (OSError, ValueError, RecursionError) as fault:
            LOG.warning(
                "%s cannot be read (%s): what was known of hosts before this start is not known now; a host that "
                "is away has to be asked about",
                self._path,
                fault,
            )
            return {}
        hosts = found.get("hosts") if isinstance(found, dict) else None
        if not isinstance(hosts, dict):
            return {}
        self._written = hosts
        looked = moment_before(found.get("looked"), now)
        return {
            str(name): restored(words, now, looked)
            for name, words in hosts.items()
            if isinstance(words, dict)
        }

    async def read_in_time(self, now: Instant) -> Records:
        """As `read`; a disk that does not answer is left alone, and nothing is known."""
        pool = Pool("host memory")
        try:
            return await pool.call(lambda: self.read(now), _DEADLINE)
        except TimeoutError:
            LOG.warning(
                "%s cannot be read (the disk does not answer): what was known of hosts before this start is not known "
                "now; a host that is away has to be asked about",
                FILE,
            )
            return {}
        finally:
            pool.close()

    def write(self, records: Records, now: Instant) -> None:
        """Keep what must outlive this monitor; a failure is logged when it begins."""
        hosts: dict[str, JSON] = {name: kept(record) for name, record in sorted(records.items())}
        due = now.monotonic - self._written_at >= _AT_LEAST_EACH
        if self._path is None or (hosts == self._written and not due):
            return
        self._written_at, self._written = now.monotonic, hosts
        text = json.dumps({"looked": now.wall.isoformat(), "hosts": hosts}, indent=1)
        with self._turn:
            self._next, waits = text, self._writing
            self._writing = True
        if waits:
            return
        try:
            self._later(self._write_out)
        except NoThread as shortage:
            self._writing, self._written_at = False, -math.inf
            LOG.warning("%s is not written now: %s", self._path, shortage)

    def _write_out(self) -> None:
        """The newest text, until there is none; a disk that hangs holds up this thread alone."""
        while True:
            with self._turn:
                text, self._next = self._next, None
                if text is None:
                    self._writing = False
                    return
            self._put(text)

    def _put(self, text: str) -> None:
        assert self._path is not None
        try:
            _replace(self._path, text)
        except OSError as fault:
            words = fault.strerror or str(fault)
            if words != self._failed:
                LOG.warning(
                    "%s cannot be written (%s): after a restart it is not known who had said good-bye and who had "
                    "crashed. Make the folder writable for this user",
                    self._path,
                    words,
                )
            self._failed = words
            self._written_at = -math.inf  # tried again at the next look
            return
        self._failed = ""


def _replace(path: Path, text: str) -> None:
    """Written beside it first: whoever reads it finds the old or the new text, never half of one."""
    descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(text)
        os.replace(name, path)
    except OSError:
        os.unlink(name)
        raise
