"""What the driver knows of each host, on disk: a crash or a good-bye of before a restart counts after it.

In: the records of each look. Out: one small JSON file, written whole when something in it changes, and each minute.
A file that cannot be read or written stops nothing: then it is as if this were the first start.
"""

import datetime
import json
import logging
import math
import os
import tempfile
from collections.abc import Callable
from pathlib import Path

from masakarimonitors.core.decision import JSON, Instant
from masakarimonitors.hostmonitor.drivers.pacemaker.classify import Records
from masakarimonitors.hostmonitor.drivers.pacemaker.kept import kept, restored

LOG = logging.getLogger(__name__)

FILE = "hostmonitor-pacemaker.json"
"""In the folder for state."""

_AT_LEAST_EACH = 60.0
"""Seconds: what is fenced after a look of before a restart counts as witnessed, so that moment is kept, too."""


class HostMemory:
    """The file in the folder for state; without a folder there is nothing before, and nothing is kept."""

    def __init__(self, folder: Callable[[], Path | None]) -> None:
        """`folder` is asked when the memory is first read; nothing is touched before."""
        self._folder = folder
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
            found = json.loads(self._path.read_text(encoding="utf-8"))
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
        looked = _looked_at(found.get("looked"), now)
        return {
            str(name): restored(words, now, looked)
            for name, words in hosts.items()
            if isinstance(words, dict)
        }

    def write(self, records: Records, now: Instant) -> None:
        """Keep what must outlive this monitor; a failure is logged when it begins."""
        hosts: dict[str, JSON] = {name: kept(record) for name, record in sorted(records.items())}
        due = now.monotonic - self._written_at >= _AT_LEAST_EACH
        if self._path is None or (hosts == self._written and not due):
            return
        self._written_at = now.monotonic
        try:
            _replace(self._path, json.dumps({"looked": now.wall.isoformat(), "hosts": hosts}, indent=1))
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
            return
        self._written, self._failed = hosts, ""


def _looked_at(words: object, now: Instant) -> float | None:
    try:
        age = (now.wall - datetime.datetime.fromisoformat(str(words))).total_seconds()
    except (ValueError, TypeError):
        return None
    return now.monotonic - age if age >= 0 else None


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
