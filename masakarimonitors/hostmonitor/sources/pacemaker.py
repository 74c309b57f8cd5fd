"""The driver for Pacemaker and Corosync (`monitoring_driver = default` or `simple`), wired.

Reads `[host]` and puts the parts together: the watch (what Pacemaker says), the reporter (who of the
monitors sends), and the acts (proof of death, the ledger). docs/pacemaker.rst tells an operator what
it sees and what it waits for.
"""

import contextlib
import functools
import grp
import os
import socket
from pathlib import Path

from oslo_config.cfg import ConfigOpts

from masakarimonitors.conf import ConfigFault, where
from masakarimonitors.daemon import Source
from masakarimonitors.hostmonitor import matrix
from masakarimonitors.hostmonitor.driver import Driver
from masakarimonitors.hostmonitor.observation import Observation
from masakarimonitors.hostmonitor.power import options as power
from masakarimonitors.hostmonitor.sources.pacemaker_account import LINK
from masakarimonitors.hostmonitor.sources.pacemaker_acts import Acts
from masakarimonitors.hostmonitor.sources.pacemaker_commands import (
    Commands,
    NodeKind,
    Run,
    found_kind,
    run_directly,
)
from masakarimonitors.hostmonitor.sources.pacemaker_insight import Insight
from masakarimonitors.hostmonitor.sources.pacemaker_judgement import Rules
from masakarimonitors.hostmonitor.sources.pacemaker_lines import check, wires
from masakarimonitors.hostmonitor.sources.pacemaker_quorum import open_quorum
from masakarimonitors.hostmonitor.sources.pacemaker_reporter import Reporter
from masakarimonitors.hostmonitor.sources.pacemaker_watch import Doors, Rhythm, Watch
from masakarimonitors.system.clock import Clock
from masakarimonitors.system.run_as_root import RunAsRoot

_KINDS = {"autodetect": None, "cluster": NodeKind.CLUSTER, "remote": NodeKind.REMOTE}


def build(conf: ConfigOpts, own: str, clock: Clock) -> Driver:
    """Read `[host]`; `own` is this host's name, as masakari knows it. Raises `ConfigFault`."""
    options = conf.host
    try:
        listen = wires(options.corosync_multicast_interfaces, options.corosync_multicast_ports)
    except ValueError as fault:
        raise ConfigFault(f"{where(conf, 'host', 'corosync_multicast_ports')}: {fault}") from None
    commands = Commands(_runner(conf))
    insight = Insight()
    elected = options.reporter != "all"
    watch = Watch(
        clock,
        insight,
        own=_names(own),
        rules=Rules(only_remotes=options.restrict_to_remotes, proof_follows=not options.disable_ipmi_check),
        rhythm=Rhythm(resync=options.monitoring_interval, stonith_wait=options.stonith_wait),
        kind=_KINDS[options.pacemaker_node_type],
        alert_socket=Path(options.pacemaker_alert_socket) if options.pacemaker_alert_socket else None,
        doors=Doors(
            kind=found_kind,
            quorum=functools.partial(open_quorum, commands),
            look=commands.look,
            lines=lambda node: check(listen, node, options.tcpdump_timeout, commands.run),
        ),
    )
    sources: list[Source[Observation]] = [watch]
    reporter = Reporter(clock, insight, os.getpid()) if elected else None
    if reporter is not None:
        sources.append(reporter)
    prover = None if options.disable_ipmi_check else power.prover(conf, clock)
    acts = Acts(
        clock,
        insight,
        stonith_wait=options.stonith_wait,
        prover=prover,
        publish=reporter.publish if reporter is not None else None,
        resources=commands.resources,
    )

    async def close() -> None:
        if prover is not None:
            prover.close()

    # Proof is always asked for: where nobody is to be asked (disable_ipmi_check), Acts says so.
    return Driver(
        name="pacemaker",
        matrix=matrix.single(LINK),
        sources=sources,
        effects=acts,
        needs_proof=True,
        elected=elected,
        closers=[close],
    )


def cannot_work(conf: ConfigOpts) -> str:
    """Why hosts cannot be watched on this machine, or nothing."""
    return "" if found_kind() is not None else "neither corosync nor pacemaker-remoted runs on this machine"


def _names(own: str) -> frozenset[str]:
    """What this node may be called in the cluster: never to be judged by itself."""
    machine = socket.gethostname()
    return frozenset({own, own.partition(".")[0], machine, machine.partition(".")[0]})


def _runner(conf: ConfigOpts) -> Run:
    """With our own rights where Pacemaker accepts them (root, group haclient), as root otherwise."""
    with contextlib.suppress(KeyError):
        if os.geteuid() == 0 or grp.getgrnam("haclient").gr_gid in os.getgroups():
            return run_directly
    as_root = RunAsRoot(tuple(conf.config_file or ()), tuple(conf.config_dir or ()))
    return lambda argv, timeout: as_root(argv, timeout, lambda pid: None)
