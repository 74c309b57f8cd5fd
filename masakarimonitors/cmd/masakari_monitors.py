"""The umbrella command: run any set of monitors in one process, and the operator's tools.

What takes time to import is imported after the signals are held, which would end the process before, and after what
libraries import without need is held back.
"""

import argparse
import sys
from collections.abc import Sequence

from masakarimonitors.system.service import held_back, signals
from masakarimonitors.version import VERSION

PROG = "masakari-monitors"

_SERVICES = ("run", "receiver")
"""Those that stay until they are stopped; the others are ended by whatever ends a person's command."""


def parser() -> argparse.ArgumentParser:
    """All subcommands; what they do not know themselves goes to oslo.config (--config-file, --debug ...)."""
    from masakarimonitors.cmd.subcommands import check, demo, outbox, pacemaker_alert, receiver, run, status

    top = argparse.ArgumentParser(
        prog=PROG,
        description="Notices failed processes, instances and hosts of an OpenStack cloud and tells masakari-api.",
        epilog="Every command also takes oslo.config's arguments: --config-file, --config-dir, --debug, --log-file ...",
    )
    top.add_argument("--version", action="version", version=VERSION)
    commands = top.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for tool in (run, demo, receiver, check, status, outbox, pacemaker_alert):
        tool.add_parser(commands)
    return top


def main(argv: Sequence[str] | None = None) -> None:
    """Run one subcommand and end with its exit code."""
    signals.hold()
    held_back.hold_back()
    from masakarimonitors.cmd import runner

    arguments, rest = parser().parse_known_args(argv if argv is not None else sys.argv[1:])
    if arguments.command not in _SERVICES:
        signals.release()
    code = 0

    def call() -> None:
        nonlocal code
        code = arguments.run(arguments, rest)

    fault = runner.guarded(f"{PROG} {arguments.command}", call)
    runner.leave(fault or code)
