"""`masakari-monitors status`: what the monitors on this host see, decided and still have to deliver."""

import argparse
import json
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from masakarimonitors.cmd.terminal import say
from masakarimonitors.cmd.wiring import MONITORS
from masakarimonitors.conf import loader, state_path
from masakarimonitors.core.printable import printable
from masakarimonitors.status import unix_socket

# Waiting and delivered reports shown; all of them are in the JSON.
_WAITING = 20


def add_parser(commands: Any) -> None:
    """Declare the subcommand."""
    parser = commands.add_parser(
        "status",
        help="show what the running monitors see, have decided and why",
        description="Exit code 0: at least one monitor runs and all its sources do. 1: none, or one is blind.",
    )
    parser.add_argument(
        "--json", action="store_true", help="the whole snapshot as JSON, one line per monitor"
    )
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace, rest: Sequence[str]) -> int:
    """Read each monitor's socket under the state folder."""
    conf = loader.load(rest, prog="masakari-monitors")
    there = state_path.search(conf, ".sock", MONITORS)
    console = Console()
    healthy, shown, closed = True, False, there.unknown
    for path in _sockets(there):
        try:
            snapshot = unix_socket.read(path)
        except PermissionError:
            closed = f"uid {os.geteuid()} may not ask {path}. Ask as root, or as the user that the monitors run as."
            continue
        except (OSError, ValueError):
            continue
        shown = True
        if arguments.json:
            print(json.dumps(snapshot))
        else:
            _show(console, snapshot)
        healthy = healthy and all(source["state"] == "running" for source in _rows(snapshot, "sources"))
    if closed:
        say(closed, to=sys.stderr)
    elif not shown:
        say(f"No monitor is running with its state in {there.folder}.")
    return 0 if shown and healthy else 1


def _sockets(there: state_path.Found) -> Sequence[Path]:
    if there.folder is None or there.folder in there.closed:
        return ()
    return [there.folder / f"{name}.sock" for name in MONITORS]


def _rows(snapshot: Any, key: str) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = snapshot[key]
    return rows


def _show(console: Console, snapshot: Any) -> None:
    outbox = snapshot["outbox"]
    counts = ", ".join(f"{count} {status}" for status, count in outbox["counts"].items() if count)
    console.rule(_text(f"{snapshot['monitor']}, up {snapshot['up_seconds']:.0f} s"))
    console.print(
        _text(
            f"reports: {outbox['pending']} waiting{', ' if counts else ''}{counts}; kept in {outbox['where']}"
        )
    )
    delivered = [f"{count} {state}" for state, count in outbox.get("delivered", {}).items() if count]
    if delivered:
        console.print(_text(f"of what masakari has: {', '.join(delivered)} (delivered is not recovered)"))
    for trouble in (outbox["disk_fault"], outbox["api_trouble"], *(f["text"] for f in snapshot["faults"])):
        if trouble:
            console.print(_text(trouble, "red"))
    waiting = [{"subject": row["subject"], "waiting": row["why"]} for row in outbox.get("waiting", [])]
    _table(console, "waiting report", ("subject", "waiting"), waiting[:_WAITING])
    if len(waiting) > _WAITING:
        console.print(f"... and {len(waiting) - _WAITING} more")
    _table(console, "source", ("name", "state", "last_fault"), _rows(snapshot, "sources"))
    _table(console, "subject", ("subject", "state", "detail"), _rows(snapshot, "subjects"))
    reports = sorted(snapshot.get("delivered", []), key=lambda row: not row["alarm"])
    _table(console, "delivered report", ("subject", "state", "detail"), reports[:_WAITING])
    if len(reports) > _WAITING:
        console.print(f"... and {len(reports) - _WAITING} more")
    _table(
        console, "verdict", ("at", "subject", "ruling", "why", "evidence"), _rows(snapshot, "verdicts")[:20]
    )


def _text(words: str, style: str = "") -> Text:
    return Text(printable(words), style)


def _table(console: Console, title: str, columns: Sequence[str], rows: Sequence[dict[str, Any]]) -> None:
    if not rows:
        return
    table = Table(*columns, title=f"{title}s", title_justify="left", expand=False)
    for row in rows:
        alarm = row.get("alarm") or row.get("state") == "failed"
        table.add_row(*(_text(str(row[column])) for column in columns), style="red" if alarm else None)
    console.print(table)
