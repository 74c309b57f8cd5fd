"""The umbrella command: run any set of monitors in one process, and the operator's tools."""

import argparse
import sys
from collections.abc import Sequence

from masakarimonitors.cmd import check, demo, outbox, pacemaker_alert, receiver, run, runner, status
from masakarimonitors.version import VERSION

PROG = "masakari-monitors"


def parser() -> argparse.ArgumentParser:
    """All subcommands; what they do not know themselves goes to oslo.config (--config-file, --debug ...)."""
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
    arguments, rest = parser().parse_known_args(argv if argv is not None else sys.argv[1:])
    code = 0

    def call() -> None:
        nonlocal code
        code = arguments.run(arguments, rest)

    fault = runner.guarded(f"{PROG} {arguments.command}", call)
    runner.leave(fault or code)
