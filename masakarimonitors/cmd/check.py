"""`masakari-monitors check`: looks over the configuration without running anything."""

import argparse
import asyncio
from collections.abc import Sequence
from typing import Any

from masakarimonitors import conf as house
from masakarimonitors.cmd import parts
from masakarimonitors.conf import ConfigFault, state_path, unknown
from masakarimonitors.masakari_api import LookupFailed


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
    conf = house.load(rest, prog="masakari-monitors")
    faults = 0
    for remark in unknown.remarks(conf):
        print(f"warning  {remark}")
    print(f"ok       this host is called {conf.hostname}")
    state = state_path.resolve(conf)
    print(
        f"ok       state is kept in {state}"
        if state
        else "warning  no writable folder for state: memory only"
    )
    for name in parts.MONITORS:
        try:
            obstacle = parts.obstacle(name, conf)
        except parts.NotBuilt:
            obstacle = "not part of this release"
        except ConfigFault as fault:
            faults += 1
            print(f"FAULT    {name}: {fault}")
            continue
        print(
            f"warning  {name} cannot work here: {obstacle}" if obstacle else f"ok       {name} can work here"
        )
    try:
        client = parts.api_client(conf)
    except ConfigFault as fault:
        print(f"FAULT    {fault}")
        return 1
    if not arguments.offline:
        faults += asyncio.run(_ask(client, conf.hostname))
    client.close()
    return 1 if faults else 0


async def _ask(client: Any, hostname: str) -> int:
    """Whether masakari-api answers and has this host in a failover segment; the number of faults."""
    try:
        segments = (await client.get("/segments"))["segments"]
        for segment in segments:
            hosts = (await client.get(f"/segments/{segment['uuid']}/hosts"))["hosts"]
            found = next((host for host in hosts if host["name"] == hostname), None)
            if found is not None:
                print(f"ok       masakari-api knows {hostname} in segment {segment['name']}")
                if found.get("on_maintenance"):
                    print(
                        f"warning  {hostname} is on maintenance in masakari: high availability is off for it"
                    )
                return 0
    except (LookupFailed, KeyError, TypeError) as fault:
        print(f"FAULT    masakari-api gave no usable answer: {fault}")
        return 1
    print(
        f"FAULT    masakari-api answers, but {hostname} is in none of its {len(segments)} segments: it would"
    )
    print(
        "         refuse every report. Register the host, or set [DEFAULT] hostname to the registered name."
    )
    return 1
