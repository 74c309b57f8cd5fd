"""`masakari-monitors check`: looks over the configuration without running anything."""

import argparse
import asyncio
import contextlib
from collections.abc import Sequence
from typing import Any

from oslo_config import cfg

from masakarimonitors.cmd import wiring
from masakarimonitors.cmd.console.terminal import say
from masakarimonitors.conf import ConfigFault, loader, state_path, unknown
from masakarimonitors.hostmonitor.drivers.base import Weight
from masakarimonitors.libvirt.faults import Unavailable
from masakarimonitors.masakari_api import LookupFailed
from masakarimonitors.masakari_lists import hosts_of, segments
from masakarimonitors.system.files import mounts


def add_parser(commands: Any) -> None:
    """Declare the subcommand."""
    parser = commands.add_parser(
        "check",
        help="look over the configuration, and ask masakari-api whether it knows this host",
        description="Exit code 0: everything is in order. 1: something is named that must be mended.",
    )
    parser.add_argument("--offline", action="store_true", help="do not ask masakari-api")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace, rest: Sequence[str]) -> int:
    """Print one line for each thing that was looked at."""
    conf = loader.load(rest, prog="masakari-monitors")
    faults = 0
    with contextlib.suppress(ConfigFault, wiring.NotBuilt):
        wiring.obstacle("hostmonitor", conf)  # loads its driver, which may have options of its own
    for remark in unknown.remarks(conf, driver_loaded=True):
        say(f"warning  {remark}")
    say(f"ok       this host is called {conf.hostname}")
    faults += _state(conf)
    for name in wiring.MONITORS:
        try:
            obstacle = wiring.obstacle(name, conf)
        except wiring.NotBuilt:
            obstacle = "not part of this release"
        except ConfigFault as fault:
            faults += 1
            say(f"FAULT    {name}: {fault}", lines=True)
            continue
        say(f"warning  {name} cannot work here: {obstacle}" if obstacle else f"ok       {name} can work here")
    _show_processes(conf)
    if not arguments.offline:
        faults += asyncio.run(_ask_engines(conf))
        faults += _try_agents(conf)
    try:
        client = wiring.api_client(conf)
    except ConfigFault as fault:
        say(f"FAULT    {fault}", lines=True)
        return 1
    if not arguments.offline:
        faults += asyncio.run(_ask(client, conf.hostname))
    client.close()
    return 1 if faults else 0


def _show_processes(conf: cfg.ConfigOpts) -> None:
    """What each entry of the process list matches now: an entry that fits its service no more is to be seen here."""
    with contextlib.suppress(ConfigFault, wiring.NotBuilt):  # said already
        for finding in wiring.monitor_module("processmonitor").check_list(conf):
            say(f"{'ok' if finding.fine else 'warning':8} {finding.text}")


def _state(conf: cfg.ConfigOpts) -> int:
    """Where monitors that run as this user would keep their state; nothing is made. The number of faults."""
    try:
        chosen, remarks = state_path.plan(conf, names=wiring.MONITORS)
    except ConfigFault as fault:
        say(f"FAULT    {fault}", lines=True)
        return 1
    for remark in filter(None, (*remarks, state_path.search(conf, ".sqlite", wiring.MONITORS).unknown)):
        say(f"warning  {remark}")
    if chosen is None:
        say("warning  no writable folder for state: memory only")
    elif chosen.standing is not state_path.Standing.READY:
        say(
            f"warning  state belongs into {chosen.folder}, which takes nothing now ({chosen.seen}): memory only"
        )
    elif (why := mounts.look(chosen.folder)) and not conf.state_may_be_lost:
        say(f"warning  state is kept in {chosen.folder}, which does not survive: {why}")
    else:
        say(f"ok       state is kept in {chosen.folder}")
    return 0


async def _ask_engines(conf: cfg.ConfigOpts) -> int:
    """What each monitor's module finds out by asking, if it offers `async check_engine(conf)`; the number of faults."""
    faults = 0
    for name in wiring.MONITORS:
        try:
            look = getattr(wiring.monitor_module(name), "check_engine", None)
            findings = () if look is None else await look(conf)
        except wiring.NotBuilt:
            continue
        except ConfigFault as fault:
            faults += 1
            say(f"FAULT    {name}: {fault}", lines=True)
            continue
        for finding in findings:
            faults += finding.weight is Weight.FAULT
            say(f"{finding.weight.value:8} {finding.text}")
    return faults


def _try_agents(conf: cfg.ConfigOpts) -> int:
    """Whether guest agents can be asked, which is another right than to list guests; the number of faults."""
    try:
        found = wiring.monitor_module("introspectiveinstancemonitor").try_agents(conf)
    except (ConfigFault, wiring.NotBuilt):
        return 0  # said already
    faults = 0
    for uri, fault in found.items():
        weight, text = agents_reached(uri, fault)
        faults += weight is Weight.FAULT
        say(f"{weight.value:8} {text}")
    return faults


def agents_reached(uri: str, fault: Unavailable | None) -> tuple[Weight, str]:
    """What is said of the guest agents at `uri`: a missing right must be mended, anything else may pass."""
    if fault is None:
        return Weight.OK, f"introspectiveinstancemonitor: guest agents at {uri} can be asked"
    weight = Weight.FAULT if fault.refused else Weight.WARNING
    return weight, f"introspectiveinstancemonitor: no guest agent at {uri} can be asked: {fault}"


async def _ask(client: Any, hostname: str) -> int:
    """Whether masakari-api answers and has this host in a failover segment; the number of faults."""
    try:
        known = await segments(client)
        for segment in known:
            hosts = await hosts_of(client, segment)
            found = next((host for host in hosts if host.name == hostname), None)
            if found is not None:
                say(f"ok       masakari-api knows {hostname} in segment {segment.name}")
                if found.on_maintenance:
                    say(f"warning  {hostname} is on maintenance in masakari: high availability is off for it")
                if not segment.enabled:
                    say(
                        f"warning  segment {segment.name} is disabled: masakari accepts reports about its hosts "
                        "and recovers nothing"
                    )
                return 0
    except LookupFailed as fault:
        say(f"FAULT    masakari-api gave no usable answer: {fault}")
        return 1
    say(f"FAULT    masakari-api answers, but {hostname} is in none of its {len(known)} segments: it would")
    say("         refuse every report. Register the host, or set [DEFAULT] hostname to the registered name.")
    return 1
