"""A small disk of the monitor's own, which a storm fills.

It is mounted in a mount namespace that one process of ours holds open: it is gone when that process is, and nothing of
it is seen outside but by way of /proc.
"""

import contextlib
import signal
import subprocess
from collections.abc import Iterator, Sequence
from pathlib import Path

from tests.fixtures import lifeline
from tests.fixtures.monitor_process import MonitorProcess
from tests.fixtures.waiting import until

_MOUNT = 'mount -t tmpfs -o size=4m,mode=0700 none "$1" && touch "$1/ready" && exec sleep infinity'


class Disk:
    """`inside` is where programs of the namespace find it, `outside` where everybody does."""

    def __init__(self, folder: Path, pid: int) -> None:
        """`pid`: of the process that holds the namespace."""
        self.inside = folder
        self.outside = Path(f"/proc/{pid}/root{folder}")
        self._pid = pid

    def entering(self, argv: Sequence[str]) -> list[str]:
        """The command line of a program that is to see it."""
        return ["nsenter", f"--mount=/proc/{self._pid}/ns/mnt", "--", *argv]

    def fill(self) -> None:
        """No room is left."""
        with contextlib.suppress(OSError), (self.outside / "filler").open("wb") as file:
            while True:
                file.write(bytes(4096))
                file.flush()

    def clear(self) -> None:
        """It has room again."""
        (self.outside / "filler").unlink(missing_ok=True)


@contextlib.contextmanager
def small_disk(folder: Path) -> Iterator[Disk]:
    """Over `folder`, as long as the `with` lasts."""
    argv = ["unshare", "--mount", "--propagation", "private", "sh", "-c", _MOUNT, "sh", str(folder)]
    with lifeline.running(argv) as holder:
        disk = Disk(folder, holder.pid)
        until((disk.outside / "ready").exists, "the small disk")
        yield disk


class OnDisk(MonitorProcess):
    """A monitor whose state lies on the small disk."""

    disk: Disk

    def launch(self, argv: Sequence[str]) -> "subprocess.Popen[bytes]":
        """In its namespace; nsenter becomes the monitor."""
        return super().launch(self.disk.entering(argv))

    def send(self, number: signal.Signals) -> "subprocess.Popen[bytes]":
        """Signal it, which need not end it; who was signalled."""
        assert self.process is not None
        self.process.send_signal(number)
        return self.process
