"""The check of this node's own corosync links, made before a member is called lost.

In: findings of a look. Out: the same, or UNSURE for each suspect while our own links are dead: a node
whose own cable is cut sees all others vanish, and in a two-node cluster it even stays quorate. With
knet, corosync itself knows its links (`corosync-cfgtool -s`). With multicast only the network knows:
tcpdump listens on each ring for packets of corosync that are not our own.
"""

import asyncio
import logging
import re
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass

from masakarimonitors.hostmonitor.drivers.pacemaker.cluster.documents import is_number
from masakarimonitors.hostmonitor.drivers.pacemaker.records.classify import Finding
from masakarimonitors.hostmonitor.drivers.pacemaker.records.table import Condition
from masakarimonitors.hostmonitor.drivers.pacemaker.tools.commands import run_directly
from masakarimonitors.hostmonitor.drivers.pacemaker.tools.operations import (
    Asked,
    NoSuchOperationError,
    Operation,
)
from masakarimonitors.hostmonitor.drivers.pacemaker.tools.rights import Run

LOG = logging.getLogger(__name__)

_STATE = re.compile(r"^\s*nodeid:\s*(\d+):\s*(.*?)\s*$", re.MULTILINE)
_ADDRESS = re.compile(r"\sinet6? ([0-9a-fA-F.:]+)/")
_ASK = 5.0


@dataclass(frozen=True, slots=True)
class Ring:
    """One network of corosync: the interface, and the UDP port (corosync also uses the one below)."""

    interface: str
    port: int


@dataclass(frozen=True, slots=True)
class LinkCheck:
    """What a check of our own links says. `alive` None: nobody could say (`why`), which proves nothing."""

    alive: bool | None
    why: str


def rings(interfaces: str | None, ports: str | None) -> tuple[Ring, ...]:
    """The options corosync_multicast_interfaces and _ports, read together.

    Raises ValueError with a sentence for the operator when they do not match.
    """
    names = [name.strip() for name in (interfaces or "").split(",") if name.strip()]
    numbers = [number.strip() for number in (ports or "").split(",") if number.strip()]
    if len(names) != len(numbers):
        raise ValueError(
            f"corosync_multicast_interfaces names {len(names)} interfaces and corosync_multicast_ports "
            f"{len(numbers)} ports; give one port for each interface, in the same order"
        )
    for number in numbers:
        if not is_number(number) or not 0 < int(number) < 65536:
            raise ValueError(f"corosync_multicast_ports: {number!r} is not a UDP port (1-65535)")
    return tuple(Ring(name, int(number)) for name, number in zip(names, numbers, strict=True))


def read_cfgtool(text: str, own: int | None) -> LinkCheck:
    """What `corosync-cfgtool -s` says of the knet links to the others (own: our node id, if known).

    A line ends in "connected", "disconnected" or "localhost". Older versions print one character per
    link instead (3 and up: connected); "OK" and "FAULTY" come from rings of the udp transport.
    """
    states = []
    for match in _STATE.finditer(text):
        word = match[2].lower()
        if word == "localhost" or (own is not None and int(match[1]) == own):
            continue
        if word in ("connected", "disconnected"):
            states.append(word == "connected")
    if not states:
        return LinkCheck(None, "corosync-cfgtool shows no knet links (another transport, or no other member)")
    if any(states):
        return LinkCheck(True, f"{sum(states)} of {len(states)} corosync links are connected")
    return LinkCheck(False, f"all {len(states)} corosync links of this node are disconnected")


async def check(
    listen: Sequence[Ring], own: int | None, tcpdump_timeout: float, run: Run = run_directly
) -> LinkCheck:
    """Ask corosync, or listen on the rings of `listen`, if there are any. Takes at most `tcpdump_timeout` or 5 s."""
    if not listen:
        return await _ask_corosync(own, run)
    async with asyncio.TaskGroup() as all_rings:
        heard = [all_rings.create_task(_listen(ring, tcpdump_timeout, run)) for ring in listen]
    answers = [task.result() for task in heard]
    for alive in (True, None, False):  # one living ring is enough; "cannot say" beats "dead"
        found = [answer for answer in answers if answer.alive is alive]
        if found:
            return LinkCheck(alive, "; ".join(answer.why for answer in found))
    raise AssertionError("no ring was listened to")


async def _ask_corosync(own: int | None, run: Run) -> LinkCheck:
    try:
        done = await run(Asked(Operation.LINKS), _ASK)
    except OSError as fault:
        return LinkCheck(None, f"corosync-cfgtool cannot be run ({fault.strerror or fault})")
    if done.timed_out:
        return LinkCheck(None, f"corosync-cfgtool gave no answer in {_ASK:.0f} s")
    return read_cfgtool(done.output, own)  # its exit code is 1 when a link is down: the text counts


async def _listen(ring: Ring, timeout: float, run: Run) -> LinkCheck:
    where = f"{ring.interface}, port {ring.port}"
    try:
        addresses = await run(Asked(Operation.ADDRESSES, (ring.interface,)), _ASK)
        if not addresses.ok:
            return LinkCheck(None, f"{where}: no such interface")
        done = await run(packet(ring, _ADDRESS.findall(addresses.output)), timeout)
    except NoSuchOperationError as fault:
        return LinkCheck(None, f"{where}: {fault}")
    except OSError as fault:
        return LinkCheck(None, f"{where}: tcpdump cannot be run ({fault.strerror or fault})")
    if done.ok:
        return LinkCheck(True, f"{where}: packets of other members arrive")
    if done.timed_out:
        return LinkCheck(False, f"{where}: no packet of another member in {timeout:.0f} s")
    return LinkCheck(None, f"{where}: tcpdump failed: {' '.join(done.errors.split())[-200:]}")


def packet(ring: Ring, own_addresses: Sequence[str]) -> Asked:
    """What ends with the first packet of corosync on `ring` that somebody else sent."""
    return Asked(Operation.PACKET, (ring.interface, str(ring.port), *own_addresses))


class OwnLink:
    """Keeps a node that is cut off from accusing the others.

    With our own links dead, the loss of a member proves nothing about it: wait until we have been
    fenced ourselves, or `patience` seconds (stonith_wait) have passed and we are still here.
    """

    def __init__(self, patience: float) -> None:
        """Not known to be dead; `patience` in seconds."""
        self._patience = patience
        self._dead_since: float | None = None
        self._untold = ""

    @property
    def dead(self) -> bool:
        """Whether the links were dead when last asked."""
        return self._dead_since is not None

    async def sift(
        self,
        findings: Mapping[str, Finding],
        before: Mapping[str, Finding],
        ask: Callable[[], Awaitable[LinkCheck]],
        now: Callable[[], float],
    ) -> Mapping[str, Finding]:
        """`findings`, with the suspects made UNSURE while our own links are dead; asked only for new ones."""
        suspects = {h for h, finding in findings.items() if finding.condition is Condition.SUSPECT}
        if not suspects:
            self._dead_since = None
            return findings
        if not self.dead and all(before.get(host) == findings[host] for host in suspects):
            return findings
        checked = await ask()
        self._tell_unasked(checked)
        if checked.alive is not False:
            self._dead_since = None
            return findings
        if self._dead_since is None:
            self._dead_since = now()
            LOG.warning(
                "This node's own corosync links are dead (%s): what it sees of others proves nothing, and it may "
                "be about to be fenced; waiting %.0f s (stonith_wait)",
                checked.why,
                self._patience,
            )
        if now() - self._dead_since >= self._patience:
            return findings
        held = Finding(
            Condition.UNSURE, f"held: {checked.why}, so this node may be the lost one", passing=True
        )
        return {host: held if host in suspects else finding for host, finding in findings.items()}

    def _tell_unasked(self, checked: LinkCheck) -> None:
        """A check that cannot be made holds nothing, so it must not pass in silence either."""
        why = checked.why if checked.alive is None else ""
        if why and why != self._untold:
            LOG.warning(
                "A member is lost, and it cannot be checked whether this node is the one that is cut off (%s): in a "
                "cluster of two, both sides then accuse each other. Let the monitor's user run corosync-cfgtool "
                "(or tcpdump, where [host] corosync_multicast_interfaces is set), as root if need be",
                why,
            )
        self._untold = why
