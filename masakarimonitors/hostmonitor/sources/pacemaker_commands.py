"""The commands that look at Pacemaker and Corosync; each has a time-out and none runs where it hangs.

In: nothing but the wish to look. Out: a `Cib` and a `CrmMon` of one moment, or `CannotLook` with the
reason. `crmadmin` is not used at all: on a remote node it hangs for ten minutes. A monitor that may
not ask Pacemaker itself runs them as root, as deployed sudoers rules let it.
"""

import asyncio
import contextlib
import os
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from xml.etree.ElementTree import Element, ParseError, fromstring

from masakarimonitors.hostmonitor.sources.pacemaker_cib import Cib, CrmMon, Unreadable, read_cib, read_crm_mon
from masakarimonitors.hostmonitor.sources.pacemaker_corosync import CorosyncError
from masakarimonitors.system.command import Finished, run

_KEEP = 64 << 20
"""Bytes of output that are kept: the CIB of a thousand remote nodes is some megabytes."""


class CannotLook(Exception):
    """Pacemaker cannot be read at this moment; the message says what was tried and what came."""


class NodeKind(StrEnum):
    """What this node is in the cluster."""

    CLUSTER = "cluster"
    REMOTE = "remote"


Run = Callable[[Sequence[str], float], Awaitable[Finished]]
"""Runs a command for at most so many seconds; OSError when it cannot be started."""


async def run_directly(argv: Sequence[str], timeout: float) -> Finished:
    """With our own rights."""
    return await run(argv, timeout=timeout, keep=_KEEP)


@dataclass(frozen=True, slots=True)
class Commands:
    """Everything that is asked by a command; `run` decides with whose rights."""

    run: Run = run_directly

    async def look(self, timeout: float) -> tuple[Cib, CrmMon]:
        """Both documents, read side by side within `timeout` seconds. Raises `CannotLook`."""
        async with asyncio.TaskGroup() as both:
            cib = both.create_task(self._output("cibadmin", "--query", timeout=timeout))
            mon = both.create_task(self._output("crm_mon", "--output-as=xml", timeout=timeout))
        for text in (cib.result(), mon.result()):
            if isinstance(text, CannotLook):
                raise text
        try:
            return read_cib(str(cib.result())), read_crm_mon(str(mon.result()))
        except Unreadable as fault:
            raise CannotLook(str(fault)) from None

    async def resources(self, timeout: float = 10.0) -> Element:
        """The CIB's `<resources>`, where the fencing devices are. Raises `CannotLook`."""
        text = await self._output("cibadmin", "--query", "--scope", "resources", timeout=timeout)
        if isinstance(text, CannotLook):
            raise text
        try:
            return fromstring(text)
        except ParseError as fault:
            raise CannotLook(f"cibadmin printed no XML ({fault})") from None

    async def quorum(self, timeout: float) -> tuple[bool, int | None]:
        """Whether Corosync has quorum, and our node id, by command. Raises `CorosyncError`."""
        try:
            done = await self.run(["corosync-quorumtool", "-s"], timeout)
        except OSError as fault:
            raise CorosyncError(f"corosync-quorumtool cannot be run ({fault.strerror or fault})") from None
        if done.timed_out:
            raise CorosyncError(f"corosync-quorumtool gave no answer in {timeout:.0f} s")
        return read_quorumtool(done.output, done.errors)  # it exits 2 where there is no quorum

    async def _output(self, *argv: str, timeout: float) -> str | CannotLook:
        # Failures are returned, not raised: both commands are always waited for, and neither is left behind.
        name = argv[0]
        try:
            done = await self.run(argv, timeout)
        except OSError as fault:
            return CannotLook(
                f"{name} cannot be run ({fault.strerror or fault}): is pacemaker-cli-utils installed?"
            )
        if done.timed_out:
            return CannotLook(f"{name} gave no answer in {timeout:.0f} s and was killed")
        if done.exit_code != 0:
            words = " ".join((done.errors or done.output).split())[:200]
            return CannotLook(f"{name} failed with exit code {done.exit_code}: {words or 'it said nothing'}")
        return done.output


def read_quorumtool(output: str, errors: str) -> tuple[bool, int | None]:
    """What `corosync-quorumtool -s` says: quorate or not, and our node id. Raises `CorosyncError`."""
    values = dict(line.split(":", 1) for line in output.splitlines() if ":" in line)
    quorate = values.get("Quorate", "").strip()
    if quorate not in ("Yes", "No"):
        words = " ".join((errors or output).split())[:200]
        raise CorosyncError(f"corosync-quorumtool does not say whether there is quorum: {words or 'nothing'}")
    node = values.get("Node ID", "").strip()
    return quorate == "Yes", int(node) if node.isdigit() else None


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
