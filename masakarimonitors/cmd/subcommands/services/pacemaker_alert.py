"""`masakari-monitors pacemaker-alert install|remove|show`: the alert agent's place in the cluster."""

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from masakarimonitors.cmd.console.exits import Exit
from masakarimonitors.cmd.console.terminal import say
from masakarimonitors.conf import loader
from masakarimonitors.hostmonitor.drivers.pacemaker.alerts import install as alerts


def add_parser(commands: Any) -> None:
    """Declare the subcommand."""
    parser = commands.add_parser(
        "pacemaker-alert",
        help="put the alert agent into Pacemaker's configuration, so that failures are seen at once",
        description="Copies the alert agent to this node and names it in the CIB. Run install on every "
        "cluster node: the copy is per node, the entry in the CIB is made once.",
    )
    parser.add_argument("action", choices=("install", "remove", "show"))
    parser.add_argument("--path", type=Path, default=alerts.PATH, help="the agent's file (%(default)s)")
    parser.add_argument(
        "--socket",
        help="the monitor's socket; default: [host] pacemaker_alert_socket of this node's configuration",
    )
    parser.add_argument("--json", action="store_true", help="with show: as JSON")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace, rest: Sequence[str]) -> Exit:
    """Do it; exit code 1 and one sentence when it cannot be done."""
    try:
        if arguments.action == "show":
            shown = alerts.show(arguments.path)
            named = shown.configured_path
            if arguments.json:
                told = {"configured_path": named, "recipient": shown.recipient, "file": str(shown.file)}
                print(json.dumps(told))
                return Exit.FINE
            say(f"CIB:  {named} -> {shown.recipient}" if named else "CIB:  does not name the alert agent")
            say(f"file: {shown.file}")
            return Exit.FINE
        if arguments.action == "install":
            configured = loader.load(rest, prog="masakari-monitors").host.pacemaker_alert_socket
            done = alerts.install(arguments.path, arguments.socket or configured)
        else:
            done = alerts.remove(arguments.path)
    except alerts.AlertFault as fault:
        say(f"masakari-monitors: {fault}", lines=True, to=sys.stderr)
        return Exit.AMISS
    say("\n".join(done), lines=True)
    return Exit.FINE
