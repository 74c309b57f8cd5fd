"""The driver for Pacemaker and Corosync (`monitoring_driver = default` or `simple`), wired.

Reads `[host]` and puts the parts together: the watch (what Pacemaker says), the elector (which of the
monitors reports), and the effects (proof of death, the ledger). docs/pacemaker.rst tells an operator
what it sees and what it waits for.
"""

import functools
import ipaddress
import logging
import os
import socket
from collections.abc import Callable, Mapping, Sequence, Set
from pathlib import Path

from oslo_config.cfg import ConfigOpts

from masakarimonitors.conf import ConfigFault, state_path, where
from masakarimonitors.hostmonitor.core.evidence import matrix
from masakarimonitors.hostmonitor.core.observation import Observation
from masakarimonitors.hostmonitor.drivers.base import Driver, Finding
from masakarimonitors.hostmonitor.drivers.pacemaker import examine
from masakarimonitors.hostmonitor.drivers.pacemaker.cluster.documents import Worth
from masakarimonitors.hostmonitor.drivers.pacemaker.cluster.remarks import remarks
from masakarimonitors.hostmonitor.drivers.pacemaker.context import DriverContext
from masakarimonitors.hostmonitor.drivers.pacemaker.corosync.client import open_quorum
from masakarimonitors.hostmonitor.drivers.pacemaker.corosync.elector import GroupElector
from masakarimonitors.hostmonitor.drivers.pacemaker.corosync.own_link import Ring, check, rings
from masakarimonitors.hostmonitor.drivers.pacemaker.effects import Effects
from masakarimonitors.hostmonitor.drivers.pacemaker.fencing.fencing_agents import Takes
from masakarimonitors.hostmonitor.drivers.pacemaker.fencing.fencing_devices import FencingDevices
from masakarimonitors.hostmonitor.drivers.pacemaker.fencing_watch import FencingWatch
from masakarimonitors.hostmonitor.drivers.pacemaker.memory import HostMemory
from masakarimonitors.hostmonitor.drivers.pacemaker.records.classify import LINK, Rules
from masakarimonitors.hostmonitor.drivers.pacemaker.tools.commands import (
    Commands,
    NodeKind,
    found_kind,
    run_directly,
)
from masakarimonitors.hostmonitor.drivers.pacemaker.tools.operations import KEEP, Asked
from masakarimonitors.hostmonitor.drivers.pacemaker.tools.rights import Run, RunByOutcome
from masakarimonitors.hostmonitor.drivers.pacemaker.watch import Doors, Rhythm, Watch
from masakarimonitors.hostmonitor.power.bmc import Address
from masakarimonitors.hostmonitor.power.ownership import shared
from masakarimonitors.hostmonitor.power.prover import PowerPolicy, Prover
from masakarimonitors.monitor import Source
from masakarimonitors.system.clock import Clock, SystemClock
from masakarimonitors.system.privileged.runner import RunAsRoot
from masakarimonitors.system.processes.command import Finished
from masakarimonitors.system.threads import Pool

LOG = logging.getLogger(__name__)

_KINDS = {"autodetect": None, "cluster": NodeKind.CLUSTER, "remote": NodeKind.REMOTE}


def build(conf: ConfigOpts, own: str, clock: Clock) -> Driver:
    """Read `[host]`; `own` is this host's name, as masakari knows it. Raises `ConfigFault`."""
    options = conf.host
    names = own_names(own)
    listen = _rings(conf)
    commands = Commands(_runner(conf, clock))
    memory = HostMemory(
        functools.partial(state_path.find, conf, ".sqlite", ("hostmonitor",)), Pool("host memory").submit
    )
    asks_bmc = not options.disable_ipmi_check
    rhythm = Rhythm(resync=options.monitoring_interval, stonith_wait=options.stonith_wait)
    poll = min(rhythm.resync, rhythm.unalerted)
    context = DriverContext()
    elector = None if options.reporter == "all" else GroupElector(clock, context, os.getpid())
    prover = Prover(PowerPolicy.of(options), clock) if asks_bmc and not conf.shadow else None
    doubts = prover.doubts_fencing if prover is not None else _doubts_shared
    watch = Watch(
        clock,
        context,
        own=names,
        rules=Rules(only_remotes=options.restrict_to_remotes, patience=options.stonith_wait),
        rhythm=rhythm,
        kind=_KINDS[options.pacemaker_node_type],
        alert_socket=Path(options.pacemaker_alert_socket) if options.pacemaker_alert_socket else None,
        doors=Doors(
            kind=found_kind,
            quorum=functools.partial(open_quorum, commands.run),
            look=commands.look,
            own_link=lambda node: check(listen, node, options.tcpdump_timeout, commands.run),
            worth=functools.partial(worth_of_fencing, commands, doubts=doubts),
            remembered=memory.read_in_time,
            remember=memory.write,
            remarks=functools.partial(remarks, asks_bmc=asks_bmc, poll=poll),
            is_still=commands.is_still,
        ),
        pass_on=elector.pass_on if elector is not None else lambda leaving: None,
    )
    sources: list[Source[Observation]] = [watch] if elector is None else [watch, elector]
    if prover is not None:
        sources.append(FencingWatch(commands.fencing_devices, prover.learn, clock))
    effects = Effects(
        clock,
        context,
        stonith_wait=options.stonith_wait,
        prover=prover,
        publish=elector.publish if elector is not None else None,
        fencing_devices=commands.fencing_devices,
    )

    async def close() -> None:
        if prover is not None:
            prover.close()

    # Proof is always asked for: where nobody is to be asked (disable_ipmi_check), Effects says so.
    return Driver(
        name="pacemaker",
        matrix=matrix.single(LINK),
        sources=sources,
        own_names=frozenset(name.lower() for name in names),
        known_as=elector.own_name if elector is not None else str,
        effects=effects,
        needs_proof=True,
        elected=elector is not None,
        closers=[close],
        on_path=elector.on_path if elector is not None else lambda works: None,
        peers=elector.announcements if elector is not None else None,
        share_silences=elector.silences.share if elector is not None else None,
        files=prover.files() if prover is not None else (),
        look_at_power=prover.look if prover is not None else None,
        note_power=prover.note if prover is not None else lambda host, said: {},
        recall_power=prover.recall if prover is not None else lambda wrong: None,
        wrong_power=prover.wrong if prover is not None else dict,
        hear_power=prover.hear if prover is not None else lambda wrong, leads: None,
        power_places=prover.places if prover is not None else lambda host: None,
        power_hosts=functools.partial(_power_hosts, prover, commands) if prover is not None else None,
        endpoints=context.endpoints,
        troubles=lambda: (*watch.troubles(), *(elector.troubles if elector is not None else ())),
    )


def _rings(conf: ConfigOpts) -> tuple[Ring, ...]:
    """Where tcpdump is to listen. One option without the other is common and harmless: nothing is listened for then."""
    options = conf.host
    pair = {name: options[name] for name in ("corosync_multicast_interfaces", "corosync_multicast_ports")}
    named = [name for name, text in pair.items() if (text or "").strip(" ,")]
    if len(named) == 1:
        (absent,) = set(pair) - set(named)
        LOG.warning(
            "%s is not heeded, because [host] %s is not set: corosync itself is asked about its links",
            where(conf, "host", named[0]),
            absent,
        )
        return ()
    try:
        return rings(*pair.values())
    except ValueError as fault:
        text = f"{where(conf, 'host', 'corosync_multicast_ports')}: {fault}"
        if _KINDS[options.pacemaker_node_type] is not NodeKind.REMOTE:
            raise ConfigFault(text) from None
        LOG.warning("%s. A pacemaker-remote node has no links of corosync: neither is heeded", text)
        return ()


def cannot_work(conf: ConfigOpts) -> str:
    """Why hosts cannot be watched from this host, or nothing.

    Where the operator has named what this node is (a container sees no other's processes), that is believed.
    """
    if _KINDS[conf.host.pacemaker_node_type] is not None:
        return ""
    return "" if found_kind() is not None else "neither corosync nor pacemaker-remoted runs on this host"


Doubts = Callable[[str, Mapping[str, Sequence[Address]]], str]
"""Why a fencing of a host proves nothing, by the BMCs of all fencing devices; empty where nothing is against it."""


def _doubts_shared(host: str, by_devices: Mapping[str, Sequence[Address]]) -> str:
    return shared(by_devices).get(host.lower(), "")


async def worth_of_fencing(
    commands: Commands, hosts: Set[str], doubts: Doubts = _doubts_shared
) -> Mapping[str, Worth]:
    """For each fenced host, what a success of the devices that may have fenced it is worth; raises CannotLook."""
    devices = await commands.fencing_devices()
    return {host: _worth(devices, host, doubts) for host in hosts}


def _worth(devices: FencingDevices, host: str, doubts: Doubts) -> Worth:
    proves = devices.proves(host)
    if proves.takes < Takes.RUN:
        return Worth(proves.why)
    vain = devices.wrong_hosts.get(host.lower(), "") or doubts(host, devices.by_host)
    return Worth(vain, resets=proves.takes is Takes.RUN)


async def check_engine(conf: ConfigOpts, own: str) -> Sequence[Finding]:
    """For `masakari-monitors check`: what an operator should know of this cluster before a host fails.

    Asks Pacemaker and Corosync once, each for at most 10 s, where they run; what cannot be asked is said, too.
    """
    options, rhythm = conf.host, Rhythm()
    listen, commands = _rings(conf), Commands(_runner(conf, SystemClock()))
    question = examine.Question(
        kind=_KINDS[options.pacemaker_node_type] or found_kind(),
        elected=options.reporter != "all",
        alert_socket=options.pacemaker_alert_socket or "",
        asks_bmc=not options.disable_ipmi_check,
        poll=min(options.monitoring_interval, rhythm.unalerted),
    )
    doors = examine.Doors(
        look=functools.partial(commands.look, rhythm.timeout),
        quorum=functools.partial(open_quorum, commands.run, rhythm.timeout),
        own_link=lambda node: check(listen, node, options.tcpdump_timeout, commands.run),
    )
    return await examine.examine(question, doors)


async def _power_hosts(prover: Prover, commands: Commands) -> Sequence[str]:
    """Raises CannotLook."""
    prover.learn((await commands.fencing_devices()).by_host)
    return prover.hosts()


def own_names(own: str) -> frozenset[str]:
    """What this node may be called in the cluster: never to be judged by itself."""
    names = {own, socket.gethostname()}
    return frozenset(names | {name.partition(".")[0] for name in names if not _is_address(name)})


def _is_address(name: str) -> bool:
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True


def _runner(conf: ConfigOpts, clock: Clock) -> Run:
    """With our own rights where they are enough, as root where they are refused."""
    if os.geteuid() == 0:
        return run_directly
    run_as_root = RunAsRoot(tuple(conf.config_file or ()), tuple(conf.config_dir or ()))

    async def as_root(asked: Asked, timeout: float) -> Finished:
        def start(place: str, word: str) -> tuple[int, str, int]:
            from masakarimonitors.hostmonitor.drivers.pacemaker import privileged  # and with it oslo.privsep

            answer: tuple[int, str, int] = privileged.start(
                asked.operation.value, list(asked.arguments), place, word
            )
            return answer

        return await run_as_root(asked.program, start, timeout, lambda pid: None, keep=KEEP)

    return RunByOutcome(run_directly, as_root, lambda: clock.now().monotonic)
