"""`masakari-monitors status`: how the monitors on this host are, what they see, decided and still have to deliver.

A monitor that does not answer is a finding, not a blank: one that was killed, or ended by a fault, leaves its socket,
one that hangs takes the question and says nothing, one of another user may not be asked. Each is shown, and told by the
exit code.
"""

import argparse
import json
import os
import sys
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from masakarimonitors.cmd.terminal import say
from masakarimonitors.cmd.wiring import MONITORS
from masakarimonitors.conf import loader, state_path
from masakarimonitors.core.decision import JSON
from masakarimonitors.core.printable import printable
from masakarimonitors.status import unix_socket
from masakarimonitors.status.health import Level, Sight

# Waiting and delivered reports shown; all of them are in the JSON.
_WAITING = 20

OK, UNWELL, NOT_RUNNING, UNKNOWN = 0, 1, 3, 4
"""Exit codes; 2 is a wrong argument's."""


class Answer(Enum):
    """How a monitor's socket takes a question."""

    SAID = "answers"
    NONE = "is not there"
    DEAD = (
        "is dead: it was killed, or ended by a fault (see its log); nobody watches what it watched. Start it"
    )
    HUNG = "does not answer: it is stopped or hangs, and nobody knows what it sees. If it does not go on, restart it"
    CLOSED = "may not be asked"
    ODD = "answers what makes no sense. Is it of this release? Restart it"


@dataclass(frozen=True, slots=True)
class Found:
    """What one monitor's socket has shown; `why`: what was seen where it has not answered."""

    name: str
    answer: Answer
    snapshot: Any = None
    why: str = ""


def add_parser(commands: Any) -> None:
    """Declare the subcommand."""
    parser = commands.add_parser(
        "status",
        help="show how the running monitors are, what they see, have decided and why",
        description="Exit code 0: all that run are well. 1: one is degraded, blind or dead. 3: none runs. "
        "4: one does not answer, or this user may not ask.",
    )
    parser.add_argument(
        "--json", action="store_true", help="the whole snapshot as JSON, one line per monitor"
    )
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace, rest: Sequence[str]) -> int:
    """Ask each monitor's socket under the state folder."""
    conf = loader.load(rest, prog="masakari-monitors")
    there = state_path.search(conf, ".sock", MONITORS)
    paths = _sockets(there)
    with ThreadPoolExecutor(max(1, len(paths))) as pool:  # one that hangs costs its time once
        found = list(pool.map(_ask, paths))
    console = Console()
    for one in found:
        match one.answer:
            case Answer.NONE:
                pass
            case Answer.SAID if arguments.json:
                print(json.dumps(one.snapshot))
            case Answer.SAID:
                _show(console, one.snapshot)
            case _ if arguments.json:
                print(json.dumps(_unanswered(one)))
            case Answer.CLOSED:
                say(one.why, to=sys.stderr)
            case _:
                console.rule(_text(one.name))
                console.print(_text(_words(one), "red"))
    if there.unknown:
        say(there.unknown, to=sys.stderr)
        return UNKNOWN
    if all(one.answer is Answer.NONE for one in found):
        say(f"No monitor is running with its state in {there.folder}.")
    return exit_code(found)


def exit_code(found: Sequence[Found]) -> int:
    """What nobody can know comes before what is wrong, and that before what is well."""
    answers = {one.answer for one in found}
    levels = {_level(one.snapshot) for one in found if one.answer is Answer.SAID}
    if answers & {Answer.HUNG, Answer.CLOSED, Answer.ODD} or None in levels:
        return UNKNOWN
    if Answer.SAID not in answers:
        return NOT_RUNNING
    return UNWELL if Answer.DEAD in answers or levels != {Level.OK} else OK


def _ask(path: Path) -> Found:
    name = path.stem
    try:
        snapshot = unix_socket.read(path)
    except FileNotFoundError:
        return Found(name, Answer.NONE)
    except PermissionError:
        why = f"uid {os.geteuid()} may not ask {path}. Ask as root, or as the user that the monitors run as."
        return Found(name, Answer.CLOSED, why=why)
    except ConnectionRefusedError:
        return Found(name, Answer.DEAD, why=f"nobody listens at {path}, which it has left behind")
    except (TimeoutError, BlockingIOError):
        return Found(name, Answer.HUNG, why=f"no answer at {path} within {unix_socket.PATIENCE:g} s")
    except (OSError, ValueError) as fault:
        return Found(name, Answer.ODD, why=f"{path}: {fault}")
    whole = isinstance(snapshot, dict) and "monitor" in snapshot
    return Found(name, Answer.SAID, snapshot) if whole else Found(name, Answer.ODD, why=f"{path}: {snapshot}")


def _level(snapshot: Any) -> Level | None:
    """None where it does not tell: an earlier release."""
    try:
        return Level(snapshot.get("health"))
    except ValueError:
        return None


def _words(one: Found) -> str:
    return f"{one.name} {one.answer.value} ({one.why})."


def _unanswered(one: Found) -> dict[str, JSON]:
    return {"monitor": one.name, "health": None, "unanswered": one.answer.name.lower(), "why": one.why}


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
    _show_health(console, snapshot)
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
    _table(console, "view", ("name", "view", "since", "why"), snapshot.get("views", []))
    _table(console, "subject", ("subject", "state", "detail"), _rows(snapshot, "subjects"))
    reports = sorted(snapshot.get("delivered", []), key=lambda row: not row["alarm"])
    _table(console, "delivered report", ("subject", "state", "detail"), reports[:_WAITING])
    if len(reports) > _WAITING:
        console.print(f"... and {len(reports) - _WAITING} more")
    _table(
        console, "verdict", ("at", "subject", "ruling", "why", "evidence"), _rows(snapshot, "verdicts")[:20]
    )


def _show_health(console: Console, snapshot: Any) -> None:
    if _level(snapshot) is None:
        console.print(_text("It does not tell how it is: it is of an earlier release. Restart it.", "red"))
    elif not snapshot["causes"]:
        console.print(_text(snapshot["health"]))
    for cause in snapshot.get("causes", []):
        console.print(_text(cause["line"], "red"))


def _text(words: str, style: str = "") -> Text:
    return Text(printable(words), style)


_UNPROVEN = {sight.value for sight in Sight if sight is not Sight.PROVEN}


def _table(console: Console, title: str, columns: Sequence[str], rows: Sequence[dict[str, Any]]) -> None:
    if not rows:
        return
    table = Table(*columns, title=f"{title}s", title_justify="left", expand=False)
    for row in rows:
        alarm = row.get("alarm") or row.get("state") == "failed" or row.get("view") in _UNPROVEN
        table.add_row(*(_text(str(row[column])) for column in columns), style="red" if alarm else None)
    console.print(table)
