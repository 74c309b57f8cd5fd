"""`masakari-monitors shadow`: how what shadows would have told masakari agrees with what others have told it.

A running shadow is asked at its socket; of one that does not run what it has kept is read. The monitors that act are
never shown here: without --shadow or [DEFAULT] shadow in the configuration there is nothing to compare.
"""

import argparse
import json
import sys
from collections.abc import Sequence
from typing import Any

from masakarimonitors.cmd import sockets
from masakarimonitors.cmd.console import shadow as words
from masakarimonitors.cmd.console import tables
from masakarimonitors.cmd.console.exits import Exit, codes
from masakarimonitors.cmd.console.tables import Column, Writer, whole
from masakarimonitors.cmd.console.terminal import say
from masakarimonitors.conf import loader, state_path
from masakarimonitors.core.agreement import written
from masakarimonitors.core.agreement.book import Agreement
from masakarimonitors.shadow import comparison
from masakarimonitors.shadow.theirs import KINDS
from masakarimonitors.status.asked import Answer
from masakarimonitors.system.clock import SystemClock

_ROWS = (
    whole("agreement"),
    whole("subject"),
    tables.time("at"),
    Column("says"),
    Column("why"),
)


def add_parser(commands: Any) -> None:
    """Declare the subcommand."""
    parser = commands.add_parser(
        "shadow",
        help="compare what shadows would have told masakari with what others have told it",
        description="Of monitors with --shadow or [DEFAULT] shadow = true: how many failures both have told, only "
        f"they, only we, and the last {written.SHOWN} disagreements with their reasons. All times are UTC. "
        f"{codes('shadow')}",
    )
    parser.add_argument("--json", action="store_true", help="one JSON document a monitor, one line each")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace, rest: Sequence[str]) -> Exit:
    """Show the comparison of each monitor that has one."""
    conf = loader.load(rest, prog="masakari-monitors")
    if not conf.shadow:
        text = (
            "[DEFAULT] shadow is not set in this configuration: type --shadow, or name the shadows' configuration "
            "with --config-file"
        )
        say(text, to=sys.stderr)
        return Exit.WRONG_WORDS
    found: dict[str, Any] = {}
    unreadable = False
    for name in KINDS:
        try:
            told, runs = _of(name, conf)
        except (OSError, ValueError) as fault:
            say(f"{name}: what it has kept cannot be read: {fault}", to=sys.stderr)
            unreadable = True
            continue
        if told is not None:
            found[name] = {"monitor": name, "runs": runs, **told}
    writer = Writer()
    for name, told in found.items():
        if arguments.json:
            print(json.dumps(told))
        else:
            _show(writer, name, told)
    if unreadable:
        return Exit.UNKNOWN
    if not found:
        say(f"Nothing was compared yet in {state_path.folders(conf)[0]}.", to=sys.stderr)
        return Exit.NONE_THERE
    differ = [
        one["agreement"][state]
        for one in found.values()
        for state in (Agreement.ONLY_WE, Agreement.ONLY_THEY)
    ]
    if any(differ):
        return Exit.AMISS
    if all(one["read"] is None for one in found.values()):
        return Exit.NONE_THERE
    # Who could not read all that others have told has found no disagreement, and does not know that there is none.
    untold = [one for one in found.values() if one["read"] is None or one["trouble"] or one["not_compared"]]
    return Exit.UNKNOWN if untold else Exit.FINE


def _of(name: str, conf: Any) -> tuple[dict[str, Any] | None, bool]:
    """What is compared of it, and whether it runs; raises OSError, ValueError."""
    asked = sockets.best(name, sockets.search(conf, ".sock"))
    if asked.answer is Answer.SAID and isinstance(asked.snapshot, dict) and asked.snapshot.get("shadow"):
        return asked.snapshot["shadow"], True
    for folder in state_path.folders(conf):
        book = comparison.read(folder / f"{name}{comparison.SUFFIX}", SystemClock().now(), own=False)
        if book is not None:
            return dict(written.shown(book, "")), False
    return None, False


def _show(writer: Writer, name: str, told: Any) -> None:
    if writer.is_terminal:
        writer.title(f"{name} (shadow{'' if told['runs'] else ', does not run'})")
        writer.line(words.in_a_line(told), alarm=bool(told["trouble"]))
    else:
        writer.fields(name, "shadow", words.in_a_line(told))
    writer.rows(
        "Disagreements", _ROWS, told["disagreements"], of=(name, "disagreement"), alarm=lambda row: True
    )
    if writer.is_terminal:
        writer.line("")
