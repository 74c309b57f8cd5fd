"""`masakari-monitors explain`: how one subject stands now, why it was reported or why not, and how that came about.

The monitors that run are asked by their sockets, the past is read from their journals and outboxes; nothing is made or
changed. The first line is for whoever was woken up.
"""

import argparse
import json
import os
import sqlite3
import sys
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from masakarimonitors.cmd import sockets
from masakarimonitors.cmd.console.exits import Exit, codes
from masakarimonitors.cmd.console.names import MONITORS
from masakarimonitors.cmd.console.terminal import say
from masakarimonitors.conf import state_path
from masakarimonitors.core.outside import moment
from masakarimonitors.core.printable import printable
from masakarimonitors.journal import reader, story
from masakarimonitors.journal.record import JournalRecord, Kind
from masakarimonitors.journal.story import Answer, Story
from masakarimonitors.journal.writer import SUFFIX
from masakarimonitors.outbox.storage import reading
from masakarimonitors.status import unix_socket
from masakarimonitors.status.health import Level
from masakarimonitors.system.clock import SystemClock
from masakarimonitors.system.files import run_folder

TAKES = "explain takes host:NAME, instance UUID, process NAME, report NUMBER, or one name alone"

_KINDS = {
    "host": "host:",
    "instance": "vm:",
    "vm": "vm:",
    "guest": "vm:",
    "process": "process:",
    "report": "",
}
_WATCH = {
    "host:": ["hostmonitor"],
    "vm:": ["instancemonitor", "introspectiveinstancemonitor"],
    "process:": ["processmonitor"],
}
# Rows of each outbox that are looked through, the newest.
_ROWS = 2000
# So often a monitor is asked that gave its status and no answer: it did not hear the question in time.
_ASKED = 3
_DEAD = "is dead: it was killed, or ended by a fault (see its log)"
_LIVES = (Kind.STARTED, Kind.STOPPED, Kind.LOST)


@dataclass(frozen=True, slots=True)
class Wanted:
    """What was asked for: subjects that it may be, or a number or name of a report."""

    word: str
    subjects: Sequence[str] = ()
    report: str = ""

    def is_report(self, record: JournalRecord) -> bool:
        """Whether it names the report of that record, by its number or by masakari's uuid of it."""
        if not self.report or record.report is None:
            return False
        return self.report in (str(record.report), f"{record.monitor}/{record.report}", record.uuid)

    def is_subject(self, subject: str) -> bool:
        """Whether it names that subject: a host in any case, a process also by what follows its last slash."""
        kind, _, name = subject.partition(":")
        names = {subject.casefold()} if kind == "host" else {subject, f"{kind}:{name.rsplit('/', 1)[-1]}"}
        return any((one.casefold() if kind == "host" else one) in names for one in self.subjects)


@dataclass(slots=True, kw_only=True)
class Found:
    """What was found out, of which `subjects`, and `remarks` on what could not be.

    `blind`: the monitors that run and do not see all that they are to watch, each with its health in a line.
    `unknown`: somebody could not be asked or read.
    """

    told: list[Answer] = field(default_factory=list)
    records: list[JournalRecord] = field(default_factory=list)
    remarks: list[str] = field(default_factory=list)
    subjects: list[str] = field(default_factory=list)
    blind: dict[str, str] = field(default_factory=dict)
    running: int = 0
    written: bool = False
    unknown: bool = False


def add_parser(commands: Any) -> None:
    """Declare the subcommand."""
    parser = commands.add_parser(
        "explain",
        help="tell why a host, an instance or a process was reported, or why not",
        description="Tells how it stands now, each gate between it and masakari, and what happened, in order. "
        f"{codes('explain')}",
    )
    parser.add_argument(
        "what",
        nargs="+",
        metavar="WHAT",
        help="host:NAME, instance UUID, process NAME, the number of a report, or one such name alone",
    )
    parser.add_argument("--json", action="store_true", help="one document for programs")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace, rest: Sequence[str]) -> Exit:
    """Tell the story."""
    wanted = parse(arguments.what)
    if wanted is None:
        say(f"{TAKES}; not {' '.join(arguments.what)}", to=sys.stderr)
        return Exit.WRONG_WORDS
    conf, fault = sockets.configuration(rest)
    if fault:
        say(fault, lines=True, to=sys.stderr)
    found = look(conf, wanted)
    subjects = found.subjects
    for remark in found.remarks:
        say(remark, to=sys.stderr)
    if len(subjects) > 1:
        say(f"{wanted.word} may be any of these; name one: {', '.join(subjects)}", to=sys.stderr)
        return Exit.WRONG_WORDS
    if not subjects:
        words = story.NOT_HEARD if found.unknown else story.UNKNOWN
        say(words.format(wanted.word), to=sys.stderr)
        if found.unknown:
            return Exit.UNKNOWN
        return Exit.AMISS if found.running or found.written else Exit.NONE_THERE
    told = story_of(subjects[0], wanted, found)
    if arguments.json:
        print(json.dumps(story.as_json(told)))
    else:
        _show(told)
    return Exit.FINE


def parse(words: Sequence[str]) -> Wanted | None:
    """What these words ask for; None where they make no sense."""
    if len(words) == 2 and words[0] in _KINDS:
        kind, word = words
    elif len(words) == 1 and words[0].partition(":")[0] in _KINDS and ":" in words[0]:
        kind, _, word = words[0].partition(":")
    elif len(words) == 1:
        kind, word = "", words[0]
    else:
        return None
    if not word:
        return None
    if kind == "report":
        return Wanted(word, report=word)
    if kind:
        return Wanted(word, [f"{_KINDS[kind]}{word}"])
    whole = [word] if ":" in word else []  # what the status shows besides: a link, a storm, a libvirt
    return Wanted(
        word, [*(f"{prefix}{word}" for prefix in ("host:", "vm:", "process:")), *whole], report=word
    )


def _same_host(subjects: Sequence[str]) -> list[str]:
    """A host that is written in two ways is one."""
    found: dict[str, str] = {}
    for subject in subjects:
        found.setdefault(subject.casefold() if subject.startswith("host:") else subject, subject)
    return list(found.values())


def look(conf: Any, wanted: Wanted) -> Found:
    """Ask and read all that there is of what is wanted; `conf` None: no configuration can be used."""
    found = Found()
    if conf is None:
        found.unknown = True
        found.remarks.append(
            "Where journals and outboxes are is not known without it: the past is missing here."
        )
    _read(conf, found)
    about = {one.subject for one in found.records if wanted.is_report(one)}
    asked = list(dict.fromkeys([*wanted.subjects, *sorted(about)]))
    _ask_all(conf, asked, found)
    subjects = sorted(
        {one.explained["subject"] for one in found.told}
        | about
        | {one.subject for one in found.records if wanted.is_subject(one.subject)}
    )
    found.subjects = _same_host(subjects)
    if not subjects:
        _blame_blindness(wanted, found)
    return found


def _blame_blindness(wanted: Wanted, found: Found) -> None:
    """What is wanted is not known: of a monitor that does not see, that says nothing."""
    kinds = [kind for kind in _WATCH if any(subject.startswith(kind) for subject in wanted.subjects)]
    for name, health in found.blind.items():
        if any(name in _WATCH[kind] for kind in kinds):
            found.remarks.append(f"{name} cannot tell whether it is to watch it. It is {health}")
            found.unknown = True


def story_of(subject: str, wanted: Wanted, found: Found) -> Story:
    """What was found of one of its subjects."""

    def is_it(record: JournalRecord) -> bool:
        same = record.subject.casefold() == subject.casefold() if subject.startswith("host:") else False
        return same or record.subject == subject

    past = [replace(one, subject=subject) for one in found.records if is_it(one)]
    others = [one for one in found.records if story.bears_on(one, subject)]
    others += _lives(found.records, past)
    report = next((one.report for one in found.records if wanted.is_report(one)), None)
    now = SystemClock().now().wall
    told = [one for one in found.told if one.explained["subject"] == subject]
    return Story(subject=subject, now=now, told=told, past=past, others=others, report=report)


def _lives(records: Sequence[JournalRecord], past: Sequence[JournalRecord]) -> Iterator[JournalRecord]:
    """When the monitors that tell of it were started and stopped, from the start before the first word of it on."""
    for monitor in {one.monitor for one in past}:
        first = next(one.at for one in past if one.monitor == monitor)
        lives = [one for one in records if one.kind in _LIVES and one.monitor == monitor]
        starts = [one.at for one in lives if one.kind is Kind.STARTED and one.at <= first]
        yield from (one for one in lives if one.at >= max(starts, default=first))


# -- what is asked and read -------------------------------------------------------------------------


def _read(conf: Any, found: Found) -> None:
    """The journals, and of what they do not tell the outboxes."""
    there = sockets.search(conf, SUFFIX)
    if there.folder is not None and there.folder not in there.closed:
        read = reader.read(there.folder, MONITORS)
        found.records += read.records
        found.written |= read.found
        found.remarks += [f"The journal cannot be read: {fault}" for fault in read.faults]
        found.unknown |= bool(read.faults)
        if read.torn:
            found.remarks.append(f"{read.torn} lines of the journal make no sense and are left out.")
    for folder, name in _outboxes(conf):
        path = folder / f"{name}.sqlite"
        try:
            if not path.exists():
                continue
            rows = reading.read_only(path, _ROWS)
        except (sqlite3.Error, ValueError, OSError) as fault:
            found.remarks.append(f"{path} cannot be read: {fault}")
            found.unknown = True
            continue
        found.written = True
        found.records += story.of_rows(name, rows, found.records)
    found.records.sort(key=lambda record: record.at)


def _outboxes(conf: Any) -> Iterator[tuple[Path, str]]:
    there = sockets.search(conf, ".sqlite")
    if there.folder is not None and there.folder not in there.closed:
        yield from ((there.folder, name) for name in MONITORS)


def _ask_all(conf: Any, subjects: Sequence[str], found: Found) -> None:
    there = sockets.search(conf, ".sock")
    if there.unknown:
        found.remarks.append(there.unknown)
        found.unknown = True
    with ThreadPoolExecutor(len(MONITORS)) as pool:  # one that hangs costs its time once
        answers = list(pool.map(lambda name: _best(name, there, subjects), MONITORS))
    for name, answer in zip(MONITORS, answers, strict=True):
        if answer is None:
            continue
        if isinstance(answer, str):
            found.remarks.append(f"{answer} What it knows now is missing here.")
            found.unknown = True
            continue
        found.running += 1
        _hear_journal(conf, name, answer, found)
        if (health := str(answer.get("health", ""))).startswith(Level.BLIND.value):
            found.blind[name] = health
        for one in story.rows(answer["explained"]):
            if isinstance(one.get("subject"), str):
                found.told.append(Answer(monitor=name, at=moment(answer.get("at")), explained=one))


def _hear_journal(conf: Any, name: str, answer: Mapping[str, Any], found: Found) -> None:
    """What a monitor that runs says of its journal: how much was lost, and whether another one was read here."""
    journal = answer.get("journal")
    if not isinstance(journal, dict):
        return
    if lost := journal.get("lost"):
        found.remarks.append(f"{name} has lost {lost} records of its journal since its start.")
    if conf is None:
        return
    there = sockets.search(conf, SUFFIX)
    # A folder that this user may not look into, as is said by then, may be the very one that it keeps it in.
    kept = {"folder": answer.get("folder"), **journal}
    if not there.closed and (why := sockets.kept_elsewhere(name, kept, there.folder)):
        found.remarks.append(f"{why} What has happened is missing here.")
        found.unknown = True


def _best(name: str, there: state_path.Found, subjects: Sequence[str]) -> dict[str, Any] | str | None:
    """As `_ask`, of the first place at which it answers; of one that is nowhere seen, what is known in closed ones."""
    paths = [place / f"{name}.sock" for place in sockets.places(there, name)]
    seen: list[str] = []
    for answer in sockets.ask_each(
        paths, lambda path: _ask(path, subjects), lambda heard: isinstance(heard, dict)
    ):
        if isinstance(answer, dict):
            return answer
        if answer is not None:
            seen.append(answer)
    # Beside one that runs, the socket of an earlier life may stand in another place.
    for answer in seen:
        if answer != _DEAD:
            return f"{name} {answer}."
    return sockets.hidden(name, there.closed) or (f"{name} {_DEAD}." if seen else None)


def _ask(path: Path, subjects: Sequence[str]) -> dict[str, Any] | str | None:
    """What the monitor says; or, in words, why it does not; None where none runs."""
    try:
        for _ in range(_ASKED):
            answer: Any = unix_socket.ask(path, subjects)
            if isinstance(answer, dict) and isinstance(answer.get("explained"), list):
                return answer
    except (FileNotFoundError, NotADirectoryError):
        return None
    except ConnectionRefusedError:
        return _DEAD
    except PermissionError:
        return (
            f"may not be asked by uid {os.geteuid()}; ask as root, as the user that the monitors run as, or as a "
            f"member of the group {run_folder.GROUP}"
        )
    except (TimeoutError, BlockingIOError):
        return "does not answer: it is stopped or hangs"
    except (OSError, ValueError) as fault:
        return f"cannot be asked ({fault})"
    return "does not know this question: it is of an earlier release; restart it"


# -- what is shown ----------------------------------------------------------------------------------


def _show(told: Story) -> None:
    say(story.first_line(told))
    rows = list(story.lines(told))
    # For a pipe: one tab between two columns, and nothing that only pleases the eye.
    if not sys.stdout.isatty():
        for row in rows:
            _say_row(row)
        return
    columns = [row for row in rows if len(row) > 1]
    widths = [max((len(row[at]) for row in columns), default=0) for at in (1, 2)]
    for row in rows:
        if len(row) == 1:
            say()
            say(row[0])
        else:
            say(f"  {row[1]:<{widths[0]}}  {row[2]:<{widths[1]}}  {row[3]}")


def _say_row(row: Sequence[str]) -> None:
    """A row of columns, with tabs between them."""
    print("\t".join(printable(cell) for cell in row[1:] or row))
