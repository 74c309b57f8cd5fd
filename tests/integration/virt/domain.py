"""The XML of the rig's domains: small TCG guests that boot in three seconds, or empty ones."""

import uuid
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from tests.integration.virt.tiny import WATCHDOG_SLOT


def uuid_of(name: str) -> str:
    """A domain keeps its uuid from run to run."""
    return str(uuid.uuid5(uuid.NAMESPACE_DNS, name))


@dataclass(frozen=True)
class Domain:
    """What differs from one test domain to the next.

    `agent` is where the guest-agent channel stands in the list of channels ("none" leaves it out).
    `watchdog` is "model:action". `disk` is the whole <disk> element. `metadata` goes into <metadata> as it is.
    `bare` leaves the guest without a system: it stands in its BIOS, which takes no time. `kernel` is a file that is
    booted instead of the guest's own system. `ballast` is a file that fills its memory, so that a migration takes a
    while.
    """

    name: str
    uuid: str = ""
    memory: int = 96  # MiB
    vcpus: int = 1
    agent: Literal["only", "second", "none"] = "only"
    panic_device: bool = True
    panic_reboots_after: int = 5  # seconds, 0: the guest hangs in its panic
    on_crash: str = "destroy"
    on_reboot: str = "restart"
    on_poweroff: str = "destroy"
    watchdog: str = ""
    disk: str = ""
    metadata: str = ""
    bare: bool = False
    kernel: str = ""
    ballast: str = ""

    def xml(self, layout: Path) -> str:
        """For `virsh define`; `layout` is the realm's folder, where guest/ and console/ are."""
        socket = f"/var/lib/libvirt/qemu/org.qemu.guest_agent.0.{self.name}.sock"
        agent = (
            f"<channel type='unix'><source mode='bind' path='{socket}'/>"
            "<target type='virtio' name='org.qemu.guest_agent.0'/></channel>"
        )
        other = (
            f"<channel type='unix'><source mode='bind' path='/var/lib/libvirt/qemu/other.{self.name}.sock'/>"
            "<target type='virtio' name='org.other.0'/></channel>"
        )
        channels = {"only": agent, "second": other + agent, "none": ""}[self.agent]
        # The rig's own way into a guest, which no libvirt and no agent stands in.
        line = (
            f"<serial type='unix'><source mode='bind' path='/var/lib/libvirt/qemu/rig.{self.name}.sock'/>"
            "<target port='1'/></serial>"
        )
        watchdog = ""
        if self.watchdog:
            model, action = self.watchdog.split(":")
            slot = f"<address type='pci' slot='{WATCHDOG_SLOT:#x}'/>"
            watchdog = f"<watchdog model='{model}' action='{action}'>{slot}</watchdog>"
        system = f"<kernel>{layout}/guest/vmlinuz</kernel><initrd>{layout}/guest/initrd.gz</initrd>"
        load = f"loader,file={self.ballast},addr=0x1000000,force-raw=on"
        arguments = f"<qemu:arg value='-device'/><qemu:arg value='{load}'/>" if self.ballast else ""
        # The kernel's test of the timer counts on a host that is not loaded: it panics, and the guest boots again.
        system += f"<cmdline>console=ttyS0 quiet no_timer_check panic={self.panic_reboots_after}</cmdline>"
        if self.kernel or self.bare:
            system, line = f"<kernel>{self.kernel}</kernel>" if self.kernel else "", ""
        return f"""<domain type='qemu' xmlns:qemu='http://libvirt.org/schemas/domain/qemu/1.0'>
<name>{self.name}</name><uuid>{self.uuid or uuid_of(self.name)}</uuid>
<metadata>{self.metadata}</metadata>
<memory unit='MiB'>{self.memory}</memory><vcpu>{self.vcpus}</vcpu>
<os><type arch='x86_64' machine='pc'>hvm</type>
{system}</os>
<features><acpi/><apic/><tcg><tb-cache unit='MiB'>16</tb-cache></tcg></features>
<cpu mode='maximum'/>
<on_poweroff>{self.on_poweroff}</on_poweroff><on_reboot>{self.on_reboot}</on_reboot>
<on_crash>{self.on_crash}</on_crash>
<devices><emulator>/usr/bin/qemu-system-x86_64</emulator>{self.disk}
<controller type='usb' model='none'/><memballoon model='none'/>
<serial type='file'><source path='{layout}/console/{self.name}.log'/><target port='0'/></serial>
{line}{channels}{watchdog}{"<panic model='isa'/>" if self.panic_device else ""}</devices>
<qemu:commandline>{arguments}</qemu:commandline></domain>"""


def file_disk(path: str | Path, error_policy: str) -> str:
    """A raw file as vda; `error_policy` is stop, report or ignore, for writes and reads."""
    return (
        f"<disk type='file' device='disk'><driver name='qemu' type='raw' error_policy='{error_policy}' "
        f"rerror_policy='{error_policy}'/><source file='{path}'/><target dev='vda' bus='virtio'/></disk>"
    )


def nbd_disk(socket: str | Path, error_policy: str) -> str:
    """The export `x` of a qemu-nbd at `socket` as vda."""
    return (
        f"<disk type='network' device='disk'><driver name='qemu' type='raw' error_policy='{error_policy}' "
        f"rerror_policy='{error_policy}'/><source protocol='nbd' name='x'>"
        f"<host transport='unix' socket='{socket}'/></source><target dev='vda' bus='virtio'/></disk>"
    )
