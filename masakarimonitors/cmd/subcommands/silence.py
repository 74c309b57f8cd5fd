"""`masakari-monitors silence`: hold reports about hosts, processes or instances until a time; show and end that.

The monitors that run do it, asked by their sockets: each keeps its own silences, and the host monitor tells those of
the other hosts. Nothing is written here.
"""

import argparse
import datetime
import json
import os
import re
import sys
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from masakarimonitors.cmd import sockets
from masakarimonitors.cmd.console import tables
from masakarimonitors.cmd.console.arguments import Parser
from masakarimonitors.cmd.console.exits import Exit, codes
from masakarimonitors.cmd.console.identity import me
from masakarimonitors.cmd.console.tables import Column, Writer, whole
from masakarimonitors.cmd.console.terminal import outcome, say
from masakarimonitors.cmd.wiring import MONITORS
from masakarimonitors.conf import loader, state_path
from masakarimonitors.core.decision import JSON
from masakarimonitors.core.printable import printable
from masakarimonitors.core.silences.silence import ALL, DOMAIN, HOST, INSTANCE, KINDS, PROCESS, fault_of
from masakarimonitors.core.silences.wish import Add, End, Wish
from masakarimonitors.outbox import control
from masakarimonitors.outbox.by_hand import Done
from masakarimonitors.status.asked import Answer
from masakarimonitors.system.clock import SystemClock

_OF_HOSTS = ("hostmonitor",)
_ASKED: Mapping[str, Sequence[str]] = {
    ALL: _OF_HOSTS,
    HOST: _OF_HOSTS,
    DOMAIN: _OF_HOSTS,
    PROCESS: ("processmonitor",),
    INSTANCE: ("instancemonitor", "introspectiveinstancemonitor"),
}
"""Which monitors hold what is told of such a target; each that runs is asked."""

_OTHER_WORDS = {"instance:": INSTANCE, "guest:": INSTANCE}
_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400}
_LENGTH = re.compile(r"(?:\d+[smhd])+\Z")
_AS_WHOM = "Ask as root, or as the user that the monitors run as."


def add_parser(commands: Any) -> None:
    """Declare the subcommand."""
    parser: Parser = commands.add_parser(
        "silence",
        help="hold reports about hosts, processes or instances until a time",
        description="What is silenced is watched and judged as before, and masakari is not told of it. A silence of "
        "hosts counts on all hosts where the cluster engine elects a reporter, one of processes or instances on this "
        f"host. Each ends by itself; what fails then is judged anew. {codes('silence add')}",
        epilog="Without one of these words: list.",
    )
    acts = parser.add_subparsers(dest="act", metavar="list|add|end")
    parser.otherwise = "list"
    listing = acts.add_parser("list", help="the silences that hold, as the monitors of this host know them")
    listing.add_argument("--json", action="store_true", help="as JSON, one line per silence")
    listing.set_defaults(run=_list)
    adding = acts.add_parser("add", help="hold reports about each target until a time")
    adding.add_argument(
        "target",
        nargs="+",
        metavar="TARGET",
        help="host:NAME, domain:NAME (a failure domain), all (every host), process:NAME, or vm:UUID; in a name * "
        "stands for any letters and ? for one",
    )
    length = adding.add_mutually_exclusive_group(required=True)
    length.add_argument(
        "--for", dest="length", type=_length, metavar="TIME", help="for how long: 90m, 2h, 1h30m, 1d"
    )
    length.add_argument(
        "--until",
        type=_moment,
        metavar="TIME",
        help="until when, with its zone (2026-11-22T08:00Z or +01:00); without one it is UTC",
    )
    adding.add_argument(
        "--reason", required=True, metavar="TEXT", help="why, for whoever is woken up meanwhile"
    )
    adding.set_defaults(run=_add)
    ending = acts.add_parser("end", help="end silences before their time")
    ending.add_argument("id", nargs="+", metavar="ID", help="as list shows it")
    ending.add_argument("--reason", default="", metavar="TEXT", help="why, for the log")
    ending.set_defaults(run=_end)
    for one in (adding, ending):
        one.add_argument("--json", action="store_true", help="as JSON, one line per answer of a monitor")


def _length(text: str) -> datetime.timedelta:
    if not _LENGTH.match(text):
        raise argparse.ArgumentTypeError(f"{text!r} is no length of time such as 90m, 2h or 1d")
    parts = re.findall(r"(\d+)([smhd])", text)
    try:
        return datetime.timedelta(seconds=sum(int(number) * _UNITS[unit] for number, unit in parts))
    except OverflowError:
        raise argparse.ArgumentTypeError(f"{text!r} is longer than anybody lives") from None


def _moment(text: str) -> datetime.datetime:
    try:
        found = datetime.datetime.fromisoformat(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is no moment such as 2026-11-22T08:00Z") from None
    return found if found.tzinfo is not None else found.replace(tzinfo=datetime.UTC)


def _add(arguments: argparse.Namespace, rest: Sequence[str]) -> Exit:
    targets = [_as_written(word) for word in arguments.target]
    for target in targets:
        if why := fault_of(target):
            say(f"Nothing is silenced: {why}.", to=sys.stderr)
            return Exit.WRONG_WORDS
    conf = loader.load(rest, prog="masakari-monitors")
    until = arguments.until or SystemClock().now().wall + arguments.length
    reason = printable(arguments.reason)
    code = Exit.FINE
    for target in targets:
        kind = next(one for one in (ALL, *KINDS) if target.startswith(one))
        wish = Wish(what=Add(target=target, until=until), who=me(), why=reason)
        answers = list(_ask(conf, _ASKED[kind], wish))
        if not answers:
            names = " and ".join(_ASKED[kind])
            said = f"{target} is not silenced: {names} does not run here, and reports nothing."
            outcome(False, said, {**_NOBODY, "target": target}, as_json=arguments.json)
            code = max(code, Exit.NONE_THERE)
        told = (_said(name, done, {"target": target}, as_json=arguments.json) for name, done in answers)
        code = max([code, *told])
    return code


def _as_written(word: str) -> str:
    for other, kind in _OTHER_WORDS.items():
        if word.startswith(other):
            return kind + word.removeprefix(other)
    return word


def _end(arguments: argparse.Namespace, rest: Sequence[str]) -> Exit:
    conf = loader.load(rest, prog="masakari-monitors")
    code = Exit.FINE
    for key in arguments.id:
        known = key.removeprefix("silence:")
        wish = Wish(what=End(known), who=me(), why=printable(arguments.reason))
        answers = list(_ask(conf, MONITORS, wish))
        told = [one for one in answers if one[1].done] + [
            one for one in answers if isinstance(one[1], _NotAsked)
        ]
        about: dict[str, JSON] = {"silence": known}
        if not answers:
            outcome(False, "No monitor runs here.", {**_NOBODY, **about}, as_json=arguments.json)
            code = max(code, Exit.NONE_THERE)
        # Where nobody has done it, one that does not know it says so for all of them.
        for name, done in told or answers[:1]:
            code = max(code, _said(name, done, about, as_json=arguments.json))
    return code


class _NotAsked(Done):
    """It could not be asked; why."""


_NOBODY: Mapping[str, JSON] = {"monitor": None}


def _said(name: str | None, done: Done, about: Mapping[str, JSON], *, as_json: bool) -> Exit:
    known = None if isinstance(done, _NotAsked) else done.done
    named: dict[str, JSON] = {"silence": done.silence} if done.silence else {}
    outcome(known, done.said, {"monitor": name, **about, **named}, as_json=as_json)
    if known is None:
        return Exit.UNKNOWN
    return Exit.FINE if known else Exit.AMISS


def _ask(conf: Any, names: Sequence[str], wish: Wish) -> Iterator[tuple[str | None, Done]]:
    """What each of these monitors says that runs here; None is nobody's name."""
    there = state_path.search(conf, ".sqlite", MONITORS)
    if there.unknown and (there.folder is None or there.folder in there.closed):
        yield None, _NotAsked(False, there.unknown)
        return
    for name in names:
        if there.folder is None:
            return
        place = control.place(there.folder / f"{name}.sqlite")
        try:
            yield name, control.wish(place, wish)
        except (FileNotFoundError, ConnectionRefusedError, NotADirectoryError):
            if why := _not_there(name, there, place):
                yield name, _NotAsked(False, f"{why} Nothing is done.")
        except TimeoutError:
            said = f"{name} does not answer at {place}: it is stopped or hangs."
            yield name, _NotAsked(False, f"{said} Whether it has done it, or will, is not known.")
        except PermissionError:
            yield name, _NotAsked(False, f"uid {os.geteuid()} may not ask {place}. {_AS_WHOM}")
        except (OSError, ValueError) as fault:
            yield name, _NotAsked(False, f"{name} at {place} gives no answer that makes sense: {fault}")


def _not_there(name: str, there: state_path.Found, place: Path) -> str:
    """Why a monitor that runs takes no wish where its configuration has it; nothing of one that does not run."""
    found = sockets.best(name, there)
    if found.answer is Answer.HUNG:
        return f"{name} {found.answer.value} ({found.why})."
    if found.answer is not Answer.SAID:
        return ""
    elsewhere = sockets.kept_elsewhere(name, found.snapshot.get("outbox") or {}, there.folder)
    return elsewhere or f"{name} runs, and takes no wishes at {place}."


_LIST = (
    whole("id"),
    whole("target"),
    tables.time("until", "ends"),
    Column("monitor"),
    Column("author"),
    Column("reason"),
)


def _list(arguments: argparse.Namespace, rest: Sequence[str]) -> Exit:
    conf = loader.load(rest, prog="masakari-monitors")
    there = state_path.search(conf, ".sock", MONITORS)
    found: list[dict[str, Any]] = []
    asked, dead, unknown = 0, False, bool(there.unknown)
    with ThreadPoolExecutor(len(MONITORS)) as pool:  # several that hang cost their time once
        heard = list(pool.map(lambda name: _status(name, there), MONITORS))
    for name, told in zip(MONITORS, heard, strict=True):
        if isinstance(told, _Dead):
            say(str(told), to=sys.stderr)
            dead = True
        elif isinstance(told, str):
            say(told, to=sys.stderr)
            unknown = True
        elif told is not None:
            asked += 1
            found += [{**one, "monitor": name} for one in told.get("silences") or () if isinstance(one, dict)]
    if there.unknown:
        say(there.unknown, to=sys.stderr)
    if arguments.json:
        for one in found:
            print(json.dumps(one))
    else:
        writer = Writer()
        writer.rows("silences", _LIST, found)
        if writer.is_terminal and asked and not found:
            say("Nothing is silenced by those that answer." if dead or unknown else "Nothing is silenced.")
    if not (asked or dead or unknown):
        say("No monitor runs here that could tell what is silenced.", to=sys.stderr)
    if unknown or (dead and asked):
        return Exit.UNKNOWN
    return Exit.FINE if asked else Exit.NONE_THERE


class _Dead(str):
    """What is said of one that was killed."""


def _status(name: str, there: state_path.Found) -> dict[str, Any] | str | None:
    """What that monitor shows; in words why it does not; None where none runs."""
    found = sockets.best(name, there)
    match found.answer:
        case Answer.SAID:
            told: dict[str, Any] = found.snapshot
            return told
        case Answer.NONE:
            return None
        case Answer.DEAD:
            why = "What it has silenced is on disk, and holds again when it runs."
            return _Dead(f"{name} {Answer.DEAD.value}. {why}")
        case Answer.CLOSED:
            return found.why
    return f"{name} {found.answer.value} ({found.why})."
