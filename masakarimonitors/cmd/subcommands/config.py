"""`masakari-monitors config migrate`: what each line of a file means that was written for OpenStack's own monitors."""

import argparse
import contextlib
import json
import sys
from collections.abc import Sequence
from typing import Any

from masakarimonitors.cmd import wiring
from masakarimonitors.cmd.console.exits import Exit, codes
from masakarimonitors.cmd.console.terminal import say
from masakarimonitors.conf import ConfigFault, files, loader
from masakarimonitors.conf.migration import Fate, Meaning, meanings
from masakarimonitors.core.decision import JSON
from masakarimonitors.core.printable import printable


def add_parser(commands: Any) -> None:
    """Declare the subcommand."""
    parser = commands.add_parser(
        "config",
        help="what the lines of a configuration file mean",
        description="Reads files as they are; nothing is changed, and nobody is asked.",
    )
    acts = parser.add_subparsers(dest="act", required=True, metavar="migrate")
    migrate = acts.add_parser(
        "migrate",
        help="what each line means that was written for OpenStack's own monitors",
        description="Says of each line of files that were written for OpenStack's masakari-monitors 12 to 22 what it "
        "means here: kept, renamed, no effect, otherwise (it works, and what it brings about has changed), rights (it "
        "works, and needs a right or a program that was not needed before), foreign (another library's), IGNORED "
        f"(nobody reads it). {codes('config migrate')}",
    )
    migrate.add_argument(
        "file",
        nargs="*",
        metavar="FILE",
        help="in the order in which the monitors are given them; without any, those that the monitors find",
    )
    migrate.add_argument("--json", action="store_true", help="one JSON document with all lines")
    migrate.set_defaults(run=run)


def run(arguments: argparse.Namespace, rest: Sequence[str]) -> Exit:
    """Print what each line means."""
    words = [word for file in arguments.file for word in ("--config-file", file)]
    try:
        conf = loader.load(
            [*rest, *words],
            prog="masakari-monitors",
            default_config_dirs=[] if arguments.file else None,
        )
        if not files.loaded(conf):
            raise ConfigFault(
                "No configuration file was found. Name one: masakari-monitors config migrate FILE"
            )
    except ConfigFault as error:
        if arguments.json:
            print(json.dumps({"fine": False, "fault": str(error), "lines": []}))
        else:
            say(
                f"{error}\nMend this first: then what each line means can be told.", lines=True, to=sys.stderr
            )
        return Exit.AMISS
    with contextlib.suppress(ConfigFault, wiring.NotBuilt):
        wiring.obstacle("hostmonitor", conf)  # loads its driver, which may have options of its own
    found = meanings(conf)
    fine = not any(one.fate is Fate.IGNORED for one in found)
    if arguments.json:
        print(json.dumps({"fine": fine, "lines": [_row(one) for one in found]}))
    else:
        for one in found:
            say(_told(one))
    return Exit.FINE if fine else Exit.AMISS


def _row(one: Meaning) -> dict[str, JSON]:
    return {
        "fate": one.fate.value.lower(),
        "file": one.file,
        "line": one.line,
        "section": one.section,
        "option": one.option,
        "text": one.text,
    }


def _told(one: Meaning) -> str:
    where = f"{one.file}, line {one.line}: " if one.line else ""
    name = f"[{one.section}] {one.option}"
    if one.fate in (Fate.IGNORED, Fate.RENAMED):
        return printable(f"{one.fate.value:10} {where}{one.text}")
    return printable(f"{one.fate.value:10} {where}{name}{': ' if one.text else ''}{one.text}")
