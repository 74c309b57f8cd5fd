"""One test instance, and every way in which we can make it fail."""

import contextlib
import fcntl
import json
import os
import signal
import struct
import time
from typing import TYPE_CHECKING, Any

from tests.fixtures.waiting import until
from tests.integration.virt.ready import libvirt, libvirt_qemu

if TYPE_CHECKING:
    from tests.integration.virt.realm import Realm

_FLOCK = "hhqqi"


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
        until(self.ping, f"the agent of {self.name} to answer", deadline)

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

    def agent(self, command: str, timeout: float = 5, **arguments: Any) -> Any:
        """One guest-agent command; its answer. `timeout` in seconds. Raises libvirtError."""
        request = {"execute": command, **({"arguments": arguments} if arguments else {})}
        # Each on a connection of its own: a hung call would hold up the others on the same one.
        connection = self.realm.connect()
        try:
            domain = connection.lookupByName(self.name)
            return json.loads(libvirt_qemu.qemuAgentCommand(domain, json.dumps(request), int(timeout), 0))[
                "return"
            ]
        finally:
            connection.close()

    def ping(self, timeout: float = 2) -> bool:
        """Whether the agent answers."""
        try:
            self.agent("guest-ping", timeout)
        except libvirt.libvirtError:
            return False
        return True

    def guest_exec(self, script: str) -> int:
        """Runs a shell script in the guest, and does not wait for it; its pid in the guest."""
        return int(self.agent("guest-exec", path="/bin/sh", arg=["-c", script])["pid"])

    def guest_run(self, script: str, deadline: float = 60.0) -> int:
        """Runs a shell script in the guest to its end; its exit code."""
        pid = self.guest_exec(script)
        end = time.monotonic() + deadline
        while not (status := self.agent("guest-exec-status", pid=pid))["exited"]:
            assert time.monotonic() < end, f"{script!r} still runs in {self.name}"
            time.sleep(0.02)
        return int(status.get("exitcode", -1))

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
        """SIGSTOP to qemu-ga in the guest, after it has answered us; no event at all."""
        self.guest_exec("usleep 300000; kill -STOP $(pidof qemu-ga)")

    def kill_agent(self, *, for_good: bool = False) -> None:
        """SIGKILL to qemu-ga in the guest; it comes back after a second unless `for_good`."""
        self.guest_exec(
            ("touch /tmp/norespawn; " if for_good else "") + "usleep 300000; kill -KILL $(pidof qemu-ga)"
        )

    def panic(self) -> None:
        """A kernel panic."""
        self.guest_exec("echo 1 > /proc/sys/kernel/sysrq; echo c > /proc/sysrq-trigger")

    def guest_reboot(self) -> None:
        """The guest reboots itself."""
        self.guest_exec("usleep 100000; reboot -f")

    def guest_poweroff(self) -> None:
        """The guest turns itself off."""
        self.guest_exec("usleep 100000; poweroff -f")

    def bark(self) -> None:
        """Lets the watchdog (`watchdog="i6300esb:ACTION"`) run out after two seconds."""
        # By its PCI configuration space, which needs no driver: 0x60 scales its default time-out from 17
        # minutes to a second for each of its two stages, 0x68 arms it.
        self.guest_exec(
            "for d in /sys/bus/pci/devices/*; do if [ $(cat $d/device) = 0x25ab ]; then "
            "printf '\\007\\000' | dd of=$d/config bs=2 seek=48 count=1 conv=notrunc; "
            "printf '\\002' | dd of=$d/config bs=1 seek=104 count=1 conv=notrunc; fi; done"
        )

    def write_to_disk(self, mebibytes: int = 4) -> None:
        """Writes to vda, which meets whatever fault that disk has."""
        self.guest_exec(f"dd if=/dev/zero of=/dev/vda bs=65536 count={16 * mebibytes}; sync")
