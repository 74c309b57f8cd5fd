"""What this process uses, as the kernel counts it: under the names that every Prometheus client has for it."""

import contextlib
import functools
import os
import resource
import sys
import time
from collections.abc import Mapping
from pathlib import Path

_SELF = Path("/proc/self")
_CPU = "process_cpu_seconds_total"

MEANINGS: Mapping[str, str] = {
    _CPU: "Processor time that the process has used, user and system.",
    "process_resident_memory_bytes": "Memory of the process that is in RAM.",
    "process_virtual_memory_bytes": "Address space of the process.",
    "process_start_time_seconds": "When the process was started, since 1970.",
    "process_open_fds": "Open file descriptors.",
    "process_max_fds": "The most file descriptors that the process may have open.",
}
"""Each figure, and what it is; one that the kernel does not tell is left out."""


def figures() -> Mapping[str, float]:
    """Each as it is now."""
    found: dict[str, float] = {}
    with contextlib.suppress(OSError, ValueError, IndexError):
        fields = _stat()
        found[_CPU] = (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
        found["process_resident_memory_bytes"] = int(fields[21]) * resource.getpagesize()
        found["process_virtual_memory_bytes"] = int(fields[20])
    with contextlib.suppress(OSError, ValueError, IndexError, StopIteration):
        found["process_start_time_seconds"] = _started()
    with contextlib.suppress(OSError):
        # Without the one by which they are counted.
        found["process_open_fds"] = len(os.listdir(_SELF / "fd")) - 1
        most = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
        found["process_max_fds"] = sys.maxsize if most == resource.RLIM_INFINITY else most
    return found


def _stat() -> list[str]:
    """The fields of proc(5)'s stat from the third on; what stands before may hold anything."""
    return (_SELF / "stat").read_text().rpartition(")")[2].split()


@functools.cache
def _started() -> float:
    """Told once: a start that moves with the wall clock would look like another start."""
    ticks = int(_stat()[19]) / os.sysconf("SC_CLK_TCK")
    age = time.clock_gettime(time.CLOCK_BOOTTIME) - ticks
    return time.clock_gettime(time.CLOCK_REALTIME) - age
