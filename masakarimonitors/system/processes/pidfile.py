"""What a pidfile tells of the process that holds the lock on it: that it lives, and when it was begun.

libvirt's pidfile of a QEMU stays locked as long as that QEMU lives, whatever pid namespace it stands in, and the kernel
names the holder's pid in our own terms (the number in the file may be another namespace's). Each call is a few system
calls; nothing is kept.
"""

import fcntl
import os
import struct
from pathlib import Path

_FLOCK = "hhqqi"  # struct flock of fcntl(2) on 64-bit Linux: type, whence, start, len, pid


def holder(pidfile: Path) -> int | None:
    """The pid of the living QEMU that this pidfile is of, None when none lives.

    0: it lives in a pid namespace that cannot be seen from here. Raises OSError when the file cannot
    be read.
    """
    with pidfile.open("rb") as file:
        question = struct.pack(_FLOCK, fcntl.F_WRLCK, os.SEEK_SET, 0, 0, 0)
        kind, _, _, _, pid = struct.unpack(_FLOCK, fcntl.fcntl(file, fcntl.F_GETLK, question))
    return None if kind == fcntl.F_UNLCK else max(pid, 0)


def written_at(pidfile: Path) -> int:
    """When the pidfile of a process was written (nanoseconds since 1970); 0: it cannot be seen.

    libvirt writes that of a QEMU once, as its QEMU is begun; a libvirtd that is started anew leaves it as it is. The
    file need not be readable.
    """
    try:
        found = pidfile.stat()
    except (OSError, ValueError):  # ValueError: a name that no file can have
        return 0
    return found.st_mtime_ns if found.st_size else 0  # it is about to be written
