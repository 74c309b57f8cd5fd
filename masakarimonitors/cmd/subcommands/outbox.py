"""`masakari-monitors outbox`: what became of each report, out of the outbox files."""

import argparse
import os
import sqlite3
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from masakarimonitors.cmd.terminal import say
from masakarimonitors.cmd.wiring import MONITORS
from masakarimonitors.conf import ConfigFault, loader, state_path
from masakarimonitors.core.printable import printable
from masakarimonitors.outbox.storage import reading

_AS_WHOM = "Ask as root, or as the user that the monitors run as."


def add_parser(commands: Any) -> None:
    """Declare the subcommand."""
    parser = commands.add_parser(
        "outbox",
        help="list reports: pending, delivered, refused, withdrawn, expired, and why each was made",
        description="Reads the outbox files under state_path; works while the monitors run, and after.",
    )
    parser.add_argument("--limit", type=int, default=20, help="newest reports of each monitor (20)")
    parser.add_argument("--file", type=Path, help="one outbox file, for example one that was set aside")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace, rest: Sequence[str]) -> int:
    """Print the newest reports."""
    conf = loader.load(rest, prog="masakari-monitors")
    found = state_path.search(conf, ".sqlite", MONITORS)
    paths = [arguments.file] if arguments.file else _files(found)
    if not arguments.file and found.unknown:
        if found.folder in found.closed:
            raise ConfigFault(found.unknown)
        say(found.unknown, to=sys.stderr)
    console = Console()
    for path in paths:
        if not _is_there(path):
            if arguments.file:
                raise ConfigFault(f"There is no file {path}.")
            continue
        try:
            rows = reading.read_only(path, arguments.limit)
        except (sqlite3.Error, ValueError, OSError) as fault:
            raise ConfigFault(f"{path} cannot be read as an outbox: {fault}") from fault
        table = Table(
            "id", "made", "status", "tries", "report", "why", "last answer", title=Text(printable(str(path)))
        )
        for row in rows:
            told = row.notification
            report = f"{told.type} {told.hostname} {' '.join(told.payload.values())}" if told else row.body
            cells = (
                str(row.id),
                f"{row.created:%F %T}",
                row.status,
                str(row.attempts),
                report,
                row.why,
                row.answer,
            )
            table.add_row(*(Text(printable(cell)) for cell in cells))
        console.print(table)
    return 0


def _files(found: state_path.Found) -> Sequence[Path]:
    return [found.folder / f"{name}.sqlite" for name in MONITORS] if found.folder else []


def _is_there(path: Path) -> bool:
    """Whether there is a file; raises ConfigFault where this user may not know, or not read it."""
    try:
        path.stat()
        readable = os.access(path, os.R_OK, effective_ids=True)
    except (FileNotFoundError, NotADirectoryError):
        return False
    except OSError as fault:
        raise ConfigFault(
            f"{path} cannot be looked at by uid {os.geteuid()}: {fault.strerror}. {_AS_WHOM}"
        ) from fault
    if not readable:
        raise ConfigFault(f"uid {os.geteuid()} may not read {path}. {_AS_WHOM}")
    return True
