"""`masakari-monitors outbox`: what became of each report, out of the outbox files; and single ones by hand.

`list` and `show` only read, whether the monitor runs or not; what one that runs keeps elsewhere, they ask it last, when
all else is shown. `retry` and `drop` ask the running monitor, which alone
writes its outbox; where none runs, `drop` holds the outbox's lock, so that none can start meanwhile.
"""

import argparse
import json
import logging
import math
import os
import sqlite3
import sys
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from oslo_config import cfg

from masakarimonitors.cmd import sockets
from masakarimonitors.cmd.console import tables
from masakarimonitors.cmd.console.arguments import Parser, number
from masakarimonitors.cmd.console.ending import Ended
from masakarimonitors.cmd.console.exits import Exit, codes
from masakarimonitors.cmd.console.identity import me
from masakarimonitors.cmd.console.names import MONITORS
from masakarimonitors.cmd.console.tables import Column, Writer, whole
from masakarimonitors.cmd.console.terminal import outcome, say
from masakarimonitors.conf import ConfigFault, loader, log, state_path
from masakarimonitors.core.decision import JSON
from masakarimonitors.core.notification import ReportStatus
from masakarimonitors.core.printable import printable
from masakarimonitors.outbox import control
from masakarimonitors.outbox.by_hand import Act, Asked, arrived, dropped
from masakarimonitors.outbox.rows import Put, Row
from masakarimonitors.outbox.storage import reading
from masakarimonitors.outbox.storage.lock import InUse
from masakarimonitors.outbox.storage.sqlite import SqliteStore
from masakarimonitors.outbox.storage.store import StoreFault
from masakarimonitors.system.clock import SystemClock
from masakarimonitors.system.service.log_fields import event

LOG = logging.getLogger(__name__)

_AS_WHOM = "Ask as root, or as the user that the monitors run as."
_ALL = 10_000_000
_YES = "drop"

_LIST = (
    whole("id"),
    tables.time("made", "made"),
    whole("status"),
    whole("tries", "attempts"),
    whole("subject"),
    Column("report"),
    Column("why"),
    Column("last answer", "answer"),
)


@dataclass(frozen=True, slots=True)
class Report:
    """A row and the outbox that it is of; `monitor`: empty for a file that was named."""

    monitor: str
    path: Path
    row: Row

    @property
    def name(self) -> str:
        """By which it is called."""
        return f"{self.monitor}/{self.row.id}" if self.monitor else str(self.row.id)

    def as_json(self) -> dict[str, JSON]:
        """All of it."""
        row = self.row
        told = row.notification
        said = f"{told.type} {told.hostname} {' '.join(told.payload.values())}" if told else row.body
        return {
            "id": self.name,
            "monitor": self.monitor,
            "number": row.id,
            "subject": row.subject,
            "status": row.status.value,
            "report": said,
            "why": row.why,
            "answer": row.answer,
            "attempts": row.attempts,
            "made": tables.for_programs(row.created),
            "updated": tables.for_programs(row.updated) if row.updated else None,
            "in_doubt": row.in_doubt,
            "followed_as": row.followed,
            "body": row.body,
            "file": str(self.path),
        }


def add_parser(commands: Any) -> None:
    """Declare the subcommand with its own."""
    parser: Parser = commands.add_parser(
        "outbox",
        help="list reports: pending, delivered, refused, withdrawn, expired, and why each was made; retry or drop one",
        description="list and show read the outbox files under state_path; they work while the monitors run, and "
        f"after. All times are UTC. {codes('outbox list', 'outbox show', 'outbox retry', 'outbox drop')}",
        epilog="Without one of these words: list.",
    )
    acts = parser.add_subparsers(dest="act", metavar="list|show|retry|drop")
    parser.otherwise = "list"
    listing = acts.add_parser("list", help="the newest reports of each monitor")
    listing.add_argument("--limit", type=_count, default=20, help="newest reports of each monitor (20)")
    listing.add_argument(
        "--monitor",
        action="append",
        choices=MONITORS,
        metavar="NAME",
        help="only of this monitor; may be repeated",
    )
    listing.add_argument(
        "--subject",
        action="append",
        default=[],
        metavar="WORD",
        help="only about subjects whose names contain it",
    )
    listing.add_argument(
        "--state",
        action="append",
        default=[],
        choices=[status.value for status in ReportStatus],
        metavar="STATE",
        help="only pending, delivered, refused, withdrawn or expired ones; may be repeated",
    )
    listing.set_defaults(run=_list)
    showing = acts.add_parser("show", help="one report with all that is known of it")
    showing.set_defaults(run=_show)
    for one in (listing, showing):
        one.add_argument("--file", type=Path, help="one outbox file, for example one that was set aside")
        one.add_argument("--json", action="store_true", help="as JSON, one line per report")
    retrying = acts.add_parser("retry", help="have a waiting report offered at once")
    retrying.set_defaults(run=_retry)
    dropping = acts.add_parser(
        "drop",
        help="end a waiting report without masakari being told: nobody recovers because of it",
        description="Asks before it does so. The report ends as withdrawn, with who dropped it and why; the monitor "
        "watches its subject as before, and may report anew what fails after a restart.",
    )
    dropping.add_argument("--yes", action="store_true", help="do not ask")
    dropping.add_argument(
        "--reason", default="", metavar="TEXT", help="why, for whoever reads the outbox later"
    )
    dropping.set_defaults(run=_drop)
    for one in (retrying, dropping):
        one.add_argument("--json", action="store_true", help="what came of it, as one line of JSON")
    for one in (showing, retrying, dropping):
        one.add_argument("id", help="as list shows it: MONITOR/NUMBER")


def _count(text: str) -> int:
    return min(int(number(text, 1, math.inf, whole=True)), _ALL)


def _list(arguments: argparse.Namespace, rest: Sequence[str]) -> Exit:
    conf = loader.load(rest, prog="masakari-monitors")
    narrowed = arguments.subject or arguments.state
    words = [word.casefold() for word in arguments.subject]

    def fits(row: Row) -> bool:
        return (not words or any(word in row.subject.casefold() for word in words)) and (
            not arguments.state or row.status.value in arguments.state
        )

    writer = Writer()
    code, shown = Exit.FINE, False
    said: set[str] = set()
    for wanted in (None,) if arguments.file else arguments.monitor or MONITORS:
        try:
            for monitor, path in _files(conf, arguments.file, [wanted] if wanted else None, said):
                rows = [row for row in _read(path, _ALL if narrowed else arguments.limit) if fits(row)]
                found = [Report(monitor, path, row).as_json() for row in rows[: arguments.limit]]
                if arguments.json:
                    for one in found:
                        print(json.dumps(one))
                elif found or writer.is_terminal:
                    writer.rows(f"{monitor or path} ({path})" if monitor else str(path), _LIST, found)
                shown = shown or bool(found)
        except Ended as fault:  # those of other monitors are shown all the same
            code = fault.code
            if str(fault) not in said:
                said.add(str(fault))
                say(str(fault), to=sys.stderr)
    sys.stdout.flush()
    if not arguments.file:
        for why in _unlisted(conf, arguments.monitor or MONITORS):
            said.add(why)
            say(why, to=sys.stderr)
    if writer.is_terminal and not (arguments.json or shown):
        say("No report is listed." if not narrowed else "No report is as was asked for.")
    return Exit.UNKNOWN if said else code


def _unlisted(conf: cfg.ConfigOpts, monitors: Sequence[str]) -> list[str]:
    """Of each monitor that runs and has reports that are not in its file where this configuration looks: why."""
    there = state_path.search(conf, ".sqlite", MONITORS)
    if there.closed:
        return []
    with ThreadPoolExecutor(len(MONITORS)) as pool:  # several that hang cost their time once
        return list(filter(None, pool.map(lambda name: sockets.unlisted(name, there), monitors)))


def _show(arguments: argparse.Namespace, rest: Sequence[str]) -> Exit:
    conf = loader.load(rest, prog="masakari-monitors")
    told = _find(conf, arguments.id, arguments.file).as_json()
    if arguments.json:
        print(json.dumps(told))
        return Exit.FINE
    writer = Writer()
    for key, value in told.items():
        if value in (None, ""):
            continue
        if writer.is_terminal:
            writer.line(f"{key.replace('_', ' ')}: {value}")
        else:
            writer.fields(key, str(value))
    return Exit.FINE


def _retry(arguments: argparse.Namespace, rest: Sequence[str]) -> Exit:
    conf = loader.load(rest, prog="masakari-monitors")
    report = _waiting(_find(conf, arguments.id, None))
    asked = Asked(act=Act.RETRY, row=report.row.id, who=me())
    code = _ask_monitor(report, asked, as_json=arguments.json)
    if code is not None:
        return code
    said = (
        f"{report.monitor} does not run here, so nobody offers {report.name}. Start it: it offers what waits, once it "
        "has seen that it still holds."
    )
    outcome(False, said, _about(report), as_json=arguments.json)
    return Exit.NONE_THERE


def _drop(arguments: argparse.Namespace, rest: Sequence[str]) -> Exit:
    conf = loader.load(rest, prog="masakari-monitors")
    report = _waiting(_find(conf, arguments.id, None))
    if not arguments.yes and not _confirmed(report):
        outcome(False, "Nothing is dropped.", _about(report), as_json=arguments.json)
        return Exit.AMISS
    asked = Asked(act=Act.DROP, row=report.row.id, who=me(), why=printable(arguments.reason))
    code = _ask_monitor(report, asked, as_json=arguments.json)
    if code is None:
        said = _drop_alone(conf, report, asked)
        outcome(True, said, _about(report), as_json=arguments.json)
    return code if code is not None else Exit.FINE


def _about(report: Report) -> dict[str, JSON]:
    return {"monitor": report.monitor, "report": report.name, "subject": report.row.subject}


def _confirmed(report: Report) -> bool:
    row = report.row
    say(
        f"{report.name}: {row.subject}, made {tables.for_people(row.created)} UTC because {row.why}",
        to=sys.stderr,
    )
    if row.in_doubt:
        say("The answer to an earlier try was lost, so masakari may have it already.", to=sys.stderr)
    say("If it is dropped, masakari is not told of it, and nobody recovers because of it.", to=sys.stderr)
    if not sys.stdin.isatty():
        say("There is no terminal to ask at: say --yes if you mean it.", to=sys.stderr)
        return False
    print(f'Type "{_YES}" to drop it: ', end="", file=sys.stderr, flush=True)
    return sys.stdin.readline().strip() == _YES


def _ask_monitor(report: Report, asked: Asked, *, as_json: bool) -> Exit | None:
    """Have the running monitor do it; the exit code, None where none runs."""
    place = control.place(report.path)
    try:
        done = control.ask(place, asked)
    except (FileNotFoundError, ConnectionRefusedError):
        return None
    except TimeoutError:
        said = (
            f"{report.monitor} does not answer at {place}: it is stopped or hangs. It may do what was asked "
            "once it goes on: `masakari-monitors outbox show` tells; or end it, and ask again."
        )
    except PermissionError:
        said = f"uid {os.geteuid()} may not ask {place}. {_AS_WHOM}"
    except (OSError, ValueError) as fault:
        said = f"{report.monitor} at {place} gives no answer that makes sense: {fault}"
    else:
        outcome(done.done, done.said, _about(report), as_json=as_json)
        return Exit.FINE if done.done else Exit.AMISS
    outcome(None, said, _about(report), as_json=as_json)
    return Exit.UNKNOWN


def _drop_alone(conf: cfg.ConfigOpts, report: Report, asked: Asked) -> str:
    """No monitor runs: end the report in its file, while the lock keeps one from starting; what is so now."""
    try:
        store = SqliteStore(report.path)
    except InUse as fault:
        raise ConfigFault(f"Nothing is dropped: {fault}") from fault
    except OSError as fault:
        raise ConfigFault(f"Nothing is dropped: {fault}. {_AS_WHOM}") from fault
    log.set_up(conf)
    try:
        # Once more, now that nobody else writes.
        row = _waiting(_find_in(report.monitor, report.path, report.row.id)).row
        who = f"uid {os.getuid()} ({asked.who})"
        words = dropped(replace(asked, who=who), row, flying=False)
        ended = replace(
            row,
            status=ReportStatus.WITHDRAWN,
            in_doubt=False,
            answer=words,
            updated=SystemClock().now().wall,
        )
        store.write([Put(ended, durable=True)])
    except StoreFault as fault:
        raise ConfigFault(f"Nothing is dropped: {fault}") from fault
    finally:
        store.close()
    about = event(
        "report.withdrawn",
        monitor=report.monitor,
        subject=row.subject,
        report_id=row.id,
        reason=words,
        who=who,
    )
    LOG.warning("%s withdrawn: %s", row.subject, words, extra=about)
    return f"The report about {row.subject} is dropped. {arrived(row, flying=False)}"


def _waiting(report: Report) -> Report:
    row = report.row
    if row.status is not ReportStatus.PENDING:
        end = f"{report.name} does not wait any more: it is {row.status.value}"
        raise ConfigFault(
            f"{end} ({row.answer}). What has ended cannot be retried or dropped." if row.answer else end
        )
    return report


def _find(conf: cfg.ConfigOpts, name: str, file: Path | None) -> Report:
    """The report of that id; raises ConfigFault where there is none, or several have its number."""
    monitor, _, number = name.rpartition("/")
    if not number.isdecimal() or (monitor and monitor not in MONITORS):
        raise ConfigFault(
            f"{name!r} is no report's id; an id is MONITOR/NUMBER, as `masakari-monitors outbox` shows it."
        )
    wanted = [monitor] if monitor else None
    found = [
        Report(of, path, row)
        for of, path in _files(conf, file, wanted, set())
        for row in _read(path, _ALL)
        if row.id == int(number)
    ]
    if len(found) == 1:
        return found[0]
    if found:
        names = ", ".join(one.name for one in found)
        raise ConfigFault(f"Several monitors have a report {number}: name one of {names}.")
    why = f"There is no report {name}. `masakari-monitors outbox` lists those that there are."
    if file is None and (others := _unlisted(conf, wanted or MONITORS)):
        raise Ended(" ".join([f"There is no report {name} here.", *others]), Exit.UNKNOWN)
    raise ConfigFault(why)


def _find_in(monitor: str, path: Path, number: int) -> Report:
    for row in _read(path, _ALL):
        if row.id == number:
            return Report(monitor, path, row)
    raise ConfigFault(f"There is no report {monitor}/{number} any more.")


def _files(
    conf: cfg.ConfigOpts, file: Path | None, monitors: Sequence[str] | None, said: set[str]
) -> Iterator[tuple[str, Path]]:
    """Each outbox that is there, and whose it is; raises ConfigFault for what this user may not know.

    What else he may not know is said, once, and added to what was `said`.
    """
    if file is not None:
        if not _is_there(file):
            raise ConfigFault(f"There is no file {file}.")
        yield "", file
        return
    found = state_path.search(conf, ".sqlite", MONITORS)
    if found.unknown:
        if found.folder in found.closed:
            raise Ended(found.unknown, Exit.UNKNOWN)
        if found.unknown not in said:
            say(found.unknown, to=sys.stderr)
        said.add(found.unknown)
    for name in monitors or MONITORS:
        if found.folder is not None and _is_there(path := found.folder / f"{name}.sqlite"):
            yield name, path


def _read(path: Path, limit: int) -> list[Row]:
    try:
        return reading.read_only(path, limit)
    except (sqlite3.Error, ValueError, OSError) as fault:
        raise Ended(f"{path} cannot be read as an outbox: {fault}", Exit.UNKNOWN) from fault


def _is_there(path: Path) -> bool:
    """Whether there is a file; raises ConfigFault where this user may not know, or not read it."""
    try:
        path.stat()
        readable = os.access(path, os.R_OK, effective_ids=True)
    except (FileNotFoundError, NotADirectoryError):
        return False
    except OSError as fault:
        why = f"{path} cannot be looked at by uid {os.geteuid()}: {fault.strerror}. {_AS_WHOM}"
        raise Ended(why, Exit.UNKNOWN) from fault
    if not readable:
        raise Ended(f"uid {os.geteuid()} may not read {path}. {_AS_WHOM}", Exit.UNKNOWN)
    return True
