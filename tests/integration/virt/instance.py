"""One test instance, and every way in which we can make it fail."""

import contextlib
import fcntl
import itertools
import os
import re
import signal
import socket
import struct
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from tests.fixtures.waiting import PATIENCE, until
from tests.integration.virt.ready import libvirt, libvirt_qemu

if TYPE_CHECKING:
    from tests.integration.virt.realm import Realm

_FLOCK = "hhqqi"
_UNREAD = 0x5411  # SIOCOUTQ, see unix(7)
_numbers = itertools.count(1)


def _say(line: socket.socket, script: str) -> int:
    """Hands `script` over to the guest at `line`, and returns when it is there, with the number of its answer."""
    assert "\n" not in script, "a line is a script"
    number = next(_numbers)
    line.sendall(f"{number} {script}\n".encode())

    def taken() -> bool:
        return struct.unpack("i", fcntl.ioctl(line, _UNREAD, b"\0" * 4)) == (0,)

    # Before the guest listens it takes nothing, and what it has not taken may be lost when the line is closed.
    until(taken, f"the guest to take {script!r}")
    return number


class Instance:
    """The handle of an instance by its name; it may be running, stopped or not exist."""

    def __init__(self, realm: "Realm", name: str) -> None:
        self.realm = realm
        self.name = name

    @property
    def domain(self) -> Any:
        """libvirt's own handle, on the rig's connection."""
        return self.realm.client.lookupByName(self.name)

    @property
    def uuid(self) -> str:
        """As libvirt writes it: lower case with hyphens."""
        return str(self.domain.UUIDString())

    @property
    def pid(self) -> int | None:
        """QEMU's pid as seen from here; None when it does not run.

        libvirt's pidfile holds a pid of the realm; the holder of the lock on that file is the same
        process, and the kernel names it in our own terms.
        """
        try:
            with (self.realm.pid_directory / f"{self.name}.pid").open("rb") as f:
                answer = fcntl.fcntl(
                    f, fcntl.F_GETLK, struct.pack(_FLOCK, fcntl.F_WRLCK, os.SEEK_SET, 0, 0, 0)
                )
        except FileNotFoundError:
            return None
        kind, _, _, _, pid = struct.unpack(_FLOCK, answer)
        return int(pid) if kind != fcntl.F_UNLCK else None

    @property
    def state(self) -> tuple[int, int]:
        """libvirt's state and reason."""
        state, reason = self.domain.state()
        return int(state), int(reason)

    # ---- life

    def start(self, *, paused: bool = False) -> None:
        """Starts it; paused: QEMU runs, its guest does not execute."""
        self.domain.createWithFlags(libvirt.VIR_DOMAIN_START_PAUSED if paused else 0)

    def wait_for_agent(self, deadline: float = 120.0) -> None:
        """Returns when the guest agent answers a ping (3-4 s after the start of a guest)."""
        # Each look is a connection to libvirtd, which takes time from the guests that boot.
        until(self.ping, f"the agent of {self.name} to answer", deadline, every=0.25)

    def remove(self) -> None:
        """Ends and forgets it; nothing happens if it does not exist."""
        if (pid := self.pid) is not None:
            os.kill(pid, signal.SIGCONT)
        with contextlib.suppress(libvirt.libvirtError):
            domain = self.domain
            with contextlib.suppress(libvirt.libvirtError):
                domain.destroy()
            domain.undefineFlags(libvirt.VIR_DOMAIN_UNDEFINE_MANAGED_SAVE)

    # ---- the guest agent

    def ping(self, timeout: float = 2) -> bool:
        """Whether the agent answers within so many seconds."""
        # On a connection of its own: a hung call would hold up the others on the same one.
        connection = self.realm.connect()
        try:
            domain = connection.lookupByName(self.name)
            libvirt_qemu.qemuAgentCommand(domain, '{"execute": "guest-ping"}', int(timeout), 0)
        except libvirt.libvirtError:
            return False
        finally:
            connection.close()
        return True

    # ---- what is done in the guest

    def guest_do(self, script: str) -> None:
        """Has the guest run a line of shell script, once, and does not wait for it."""
        with self._line() as line:
            _say(line, script)

    def guest_run(self, script: str) -> int:
        """Runs a line of shell script in the guest to its end; its exit code."""
        with self._line() as line:
            number = _say(line, script)
            heard = b""
            while not (found := re.search(rb"^%d (\d+)\r?$" % number, heard, re.MULTILINE)):
                more = line.recv(4096)
                assert more, f"{self.name} has ended before {script!r} has"
                heard += more
            return int(found[1])

    @contextlib.contextmanager
    def _line(self) -> Iterator[socket.socket]:
        """The guest's second serial port: it needs neither libvirtd nor an agent, and nobody else speaks there."""
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as line:
            line.settimeout(PATIENCE)
            line.connect(str(self.realm.layout / f"var/lib/libvirt/qemu/rig.{self.name}.sock"))
            yield line

    # ---- faults

    def kill(self, sig: int = signal.SIGKILL) -> None:
        """A signal to QEMU: SIGKILL is a crash, SIGTERM the host's own stop, SIGSTOP a hang."""
        pid = self.pid
        assert pid, f"{self.name} does not run"
        os.kill(pid, sig)

    def hang(self) -> None:
        """SIGSTOP: no event at all; only a ping notices."""
        self.kill(signal.SIGSTOP)

    def unhang(self) -> None:
        """SIGCONT."""
        self.kill(signal.SIGCONT)

    def hang_agent(self) -> None:
        """SIGSTOP to qemu-ga in the guest; no event at all."""
        self.guest_do("kill -STOP $(pidof qemu-ga)")

    def kill_agent(self, *, for_good: bool = False) -> None:
        """SIGKILL to qemu-ga in the guest; it comes back after a second unless `for_good`."""
        self.guest_do(("touch /tmp/norespawn; " if for_good else "") + "kill -KILL $(pidof qemu-ga)")

    def panic(self) -> None:
        """A kernel panic."""
        self.guest_do("echo 1 > /proc/sys/kernel/sysrq; echo c > /proc/sysrq-trigger")

    def guest_reboot(self) -> None:
        """The guest reboots itself."""
        self.guest_do("reboot -f")

    def guest_poweroff(self) -> None:
        """The guest turns itself off."""
        self.guest_do("poweroff -f")

    def write_to_disk(self, mebibytes: int = 4) -> None:
        """Writes to vda, which meets whatever fault that disk has."""
        self.guest_do(f"dd if=/dev/zero of=/dev/vda bs=65536 count={16 * mebibytes}; sync")
