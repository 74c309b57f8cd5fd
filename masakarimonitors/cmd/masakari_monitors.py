"""The umbrella command: run any set of monitors in one process, and the operator's tools.

What takes time to import is imported after the signals are held, which would end the process before, and after what
libraries import without need is held back; of the tools only the one that was asked for.
"""

import argparse
import importlib
import os
import sys
from collections.abc import Sequence

from masakarimonitors.cmd.console.exits import STAY, Exit
from masakarimonitors.system.service import held_back, signals
from masakarimonitors.version import VERSION

PROG = "masakari-monitors"

COMMANDS = {
    "run": "services.run",
    "demo": "services.demo",
    "receiver": "services.receiver",
    "check": "check",
    "config": "config",
    "status": "status",
    "outbox": "outbox",
    "explain": "explain",
    "simulate": "simulate",
    "replay": "replay",
    "web": "services.web",
    "silence": "silence",
    "shadow": "shadow",
    "notify": "notify",
    "support-bundle": "support_bundle",
    "pacemaker-alert": "services.pacemaker_alert",
}
"""Every command, and the module below `masakarimonitors.cmd.subcommands` that it is, with its `add_parser`."""


def parser(only: str = "") -> argparse.ArgumentParser:
    """All commands, or that one; what they do not know themselves goes to oslo.config (--config-file, --debug ...)."""
    from masakarimonitors.cmd.console.arguments import Parser

    top = Parser(
        prog=PROG,
        description="Notices failed processes, instances and hosts of an OpenStack cloud and tells masakari-api.",
        epilog="What every program takes (--config-file, --config-dir, --shadow, --debug, --log-file ...) may stand "
        "before the command or behind it.",
    )
    top.add_argument("--version", action="version", version=VERSION)
    commands = top.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for name in (only,) if only else COMMANDS:
        importlib.import_module(f"masakarimonitors.cmd.subcommands.{COMMANDS[name]}").add_parser(commands)
    return top


def parse(argv: Sequence[str]) -> tuple[argparse.Namespace, list[str]]:
    """What was typed, and what oslo.config is to read of it; raises SystemExit for --help and for what nobody knows."""
    from masakarimonitors.cmd.console.arguments import Typed, refuse

    typed = Typed(argv)
    known = parser(typed.command if typed.command in COMMANDS else "")
    if not typed.words:
        known.error(f"it takes a command (there is: {', '.join(COMMANDS)}); --help tells what each is for")
    arguments, unknown = known.parse_known_args(typed.words)
    if unknown:
        chosen = (arguments.command, getattr(arguments, "act", None))
        refuse(known, [word for word in chosen if word], unknown)
    return arguments, typed.shared


def main(argv: Sequence[str] | None = None) -> None:
    """Run one subcommand and end with its exit code."""
    signals.hold()
    held_back.hold_back()
    try:
        code = ended(argv if argv is not None else sys.argv[1:])
        from masakarimonitors.cmd.console import ending
    except KeyboardInterrupt:  # before anything had begun
        os._exit(Exit.CTRL_C)
    ending.leave(code)


def ended(argv: Sequence[str]) -> Exit:
    """Run one subcommand: with what it has ended."""
    from masakarimonitors.cmd.console import ending
    from masakarimonitors.cmd.console.arguments import Typed

    command = Typed(argv).command
    stays = command in STAY

    def call() -> Exit:
        arguments, rest = parse(argv)
        if not stays:  # whatever ends a person's command ends it
            signals.release()
        code: Exit = arguments.run(arguments, rest)
        return code

    ending.stand_in()
    return ending.guarded(f"{PROG} {command}".rstrip(), call, stays=stays)
