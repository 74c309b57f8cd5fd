"""The commands that look at Pacemaker and Corosync; each has a time-out and none runs where it hangs.

In: nothing but the wish to look. Out: a `Cib` and a `CrmMon` of one moment, or `CannotLook` with the
reason. `crmadmin` is not used at all: on a remote node it hangs for ten minutes. A monitor that may
not ask Pacemaker itself runs them as root, as deployed sudoers rules let it.
"""

import asyncio
import contextlib
import hashlib
import os
from dataclasses import dataclass, replace
from enum import StrEnum

from masakarimonitors.hostmonitor.drivers.pacemaker.cluster.cib import read_cib
from masakarimonitors.hostmonitor.drivers.pacemaker.cluster.crm_mon import read_crm_mon
from masakarimonitors.hostmonitor.drivers.pacemaker.cluster.documents import Cib, CrmMon, Unreadable
from masakarimonitors.hostmonitor.drivers.pacemaker.fencing.fencing_devices import (
    FencingDevices,
    read_fencing_devices,
)
from masakarimonitors.hostmonitor.drivers.pacemaker.tools.operations import KEEP, Asked, Operation
from masakarimonitors.hostmonitor.drivers.pacemaker.tools.rights import Run
from masakarimonitors.system.processes.command import Finished, run


class CannotLook(Exception):
    """Pacemaker cannot be read at this moment; the message says what was tried and what came."""


class NodeKind(StrEnum):
    """What this node is in the cluster."""

    CLUSTER = "cluster"
    REMOTE = "remote"


async def run_directly(asked: Asked, timeout: float) -> Finished:
    """With our own rights."""
    return await run(asked.argv, timeout=timeout, keep=KEEP)


@dataclass(frozen=True, slots=True)
class Commands:
    """Everything that is asked by a command; `run` decides with whose rights."""

    run: Run = run_directly

    async def look(self, timeout: float) -> tuple[Cib, CrmMon]:
        """Both documents, read side by side within `timeout` seconds. Raises `CannotLook`."""
        async with asyncio.TaskGroup() as both:
            cib = both.create_task(self._output(Operation.CIB, timeout))
            mon = both.create_task(self._output(Operation.STATUS, timeout))
        for text in (cib.result(), mon.result()):
            if isinstance(text, CannotLook):
                raise text
        text = str(cib.result())
        try:
            return replace(read_cib(text), digest=_digest(text)), read_crm_mon(str(mon.result()))
        except Unreadable as fault:
            raise CannotLook(str(fault)) from None

    async def is_still(self, digest: str, timeout: float) -> bool:
        """Whether the CIB is still, to the byte, the one with this digest. Raises `CannotLook`."""
        text = await self._output(Operation.CIB, timeout)
        if isinstance(text, CannotLook):
            raise text
        return _digest(text) == digest

    async def fencing_devices(self, timeout: float = 10.0) -> FencingDevices:
        """What the CIB's `<resources>` say of BMCs. Raises `CannotLook`."""
        text = await self._output(Operation.RESOURCES, timeout)
        if isinstance(text, CannotLook):
            raise text
        try:
            return read_fencing_devices(text)
        except Unreadable as fault:
            raise CannotLook(str(fault)) from None

    async def _output(self, operation: Operation, timeout: float) -> str | CannotLook:
        # Failures are returned, not raised: both commands are always waited for, and neither is left behind.
        asked = Asked(operation)
        name = asked.program
        try:
            done = await self.run(asked, timeout)
        except OSError as fault:
            return CannotLook(
                f"{name} cannot be run ({fault.strerror or fault}): is pacemaker-cli-utils installed?"
            )
        if done.timed_out:
            return CannotLook(f"{name} gave no answer in {timeout:.0f} s and was killed")
        if done.exit_code != 0:
            # What cibadmin prints holds passwords, also when it fails halfway; its errors do not.
            said = done.errors if name == "cibadmin" else done.errors or done.output
            words = " ".join(said.split())[:200]
            return CannotLook(f"{name} failed with exit code {done.exit_code}: {words or 'it said nothing'}")
        return done.output


def _digest(text: str) -> str:
    return hashlib.blake2b(text.encode(errors="surrogatepass"), digest_size=16).hexdigest()


def found_kind() -> NodeKind | None:
    """What runs on this node: corosync (a full member), pacemaker-remoted (a remote), or neither."""
    names = set()
    for entry in os.scandir("/proc"):
        if entry.name.isdigit():
            with contextlib.suppress(OSError), open(f"/proc/{entry.name}/comm") as file:
                names.add(file.read().strip())
    if "corosync" in names:
        return NodeKind.CLUSTER
    # The kernel keeps 15 characters of a name; before Pacemaker 2.0 it was pacemaker_remoted.
    if names & {"pacemaker-remot", "pacemaker_remot"}:
        return NodeKind.REMOTE
    return None
