"""`masakari-monitors status`: how the monitors on this host are, what they see, decided and still have to deliver.

A monitor that does not answer is a finding, not a blank: one that was killed, or ended by a fault, leaves its socket,
one that hangs takes the question and says nothing, one of another user may not be asked. One that is to run here, by
the word of [web] monitors or by the outbox that it has left, and does not, is missing. Each is shown, and told by the
exit code. No configuration is needed to find them; one that cannot be read hides none.
"""

import argparse
import contextlib
import io
import json
import sys
import time
from collections.abc import Collection, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

from masakarimonitors.cmd import sockets
from masakarimonitors.cmd.console import shadow, tables
from masakarimonitors.cmd.console.arguments import meant, number
from masakarimonitors.cmd.console.exits import Exit, codes
from masakarimonitors.cmd.console.names import MONITORS
from masakarimonitors.cmd.console.tables import Column, Row, Writer, whole
from masakarimonitors.cmd.console.terminal import say
from masakarimonitors.core.decision import JSON
from masakarimonitors.core.outside import moment
from masakarimonitors.status import fleet
from masakarimonitors.status.asked import Answer, Found
from masakarimonitors.status.health import Level, Sight
from masakarimonitors.system.files import run_folder
from masakarimonitors.web.lives import MEANS, NONE_EXPECTED, Life

# Waiting and delivered reports, and verdicts, that are shown to people; all of them are in the JSON.
_SHOWN = 20

_CLEAR = "\x1b[H\x1b[2J\x1b[3J"


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is to be shown: of which monitors, and of those which subjects in which states; none named: all."""

    monitors: Sequence[str]
    subjects: Sequence[str] = ()
    states: Sequence[str] = ()

    @property
    def is_all(self) -> bool:
        """Whether nothing is left out of what a monitor shows."""
        return not (self.subjects or self.states)

    def fits(self, row: Row) -> bool:
        """Whether a row that is about a subject is to be shown."""
        subject = str(row.get("subject", "")).casefold()
        words = {word.casefold() for word in self.states}
        return (not self.subjects or any(word.casefold() in subject for word in self.subjects)) and (
            not words or not words.isdisjoint(_states(row))
        )

    def nothing_in(self, snapshots: Sequence[Any]) -> str:
        """What is said where nothing of what these monitors show is wanted; nothing where something is."""
        kept = [self.of(snapshot) for snapshot in snapshots]
        if self.is_all or not kept or any(_about_subjects(one) for one in kept):
            return ""
        known = {state for one in snapshots for row in _about_subjects(one) for state in _states(row)}
        odd = [word for word in self.states if word.casefold() not in known]
        hints = "".join(f" Nothing is {word} at present{meant(word.casefold(), known)}" for word in odd)
        return f"Nothing of what the monitors that answer show is as was asked for.{hints}"

    def of(self, snapshot: Any) -> Any:
        """The snapshot without what is not wanted."""
        if self.is_all:
            return snapshot
        kept = {key: [row for row in snapshot.get(key, ()) if self.fits(row)] for key in _ABOUT_SUBJECTS}
        waiting = [row for row in snapshot["outbox"].get("waiting", ()) if self.fits(row)]
        return {**snapshot, **kept, "outbox": {**snapshot["outbox"], "waiting": waiting}}


_ABOUT_SUBJECTS = ("subjects", "delivered", "verdicts")


def _about_subjects(snapshot: Any) -> list[Row]:
    rows = [row for key in _ABOUT_SUBJECTS for row in snapshot.get(key, ())]
    return [*rows, *snapshot["outbox"].get("waiting", ())]


def _states(row: Row) -> Collection[str]:
    """By which states, or rulings, it is found: "down" finds what is "down, waiting for the next slow try", too."""
    state = str(row.get("state") or row.get("ruling") or "waiting").casefold()
    return (state, state.partition(",")[0])


def add_parser(commands: Any) -> None:
    """Declare the subcommand."""
    parser = commands.add_parser(
        "status",
        help="show how the running monitors are, what they see, have decided and why",
        description=f"All times are UTC. {codes('status')}",
    )
    parser.add_argument(
        "--json", action="store_true", help="the whole snapshot as JSON, one line per monitor"
    )
    parser.add_argument(
        "--watch",
        nargs="?",
        const=2.0,
        type=_seconds,
        metavar="SECONDS",
        help="look again every so many seconds (2), until Ctrl-C",
    )
    parser.add_argument(
        "--monitor",
        action="append",
        choices=MONITORS,
        metavar="NAME",
        help="only this monitor; may be repeated",
    )
    parser.add_argument(
        "--subject", action="append", default=[], metavar="WORD", help="only subjects whose names contain it"
    )
    parser.add_argument(
        "--state",
        action="append",
        default=[],
        metavar="STATE",
        help="only what is in this state, or was ruled so",
    )
    parser.set_defaults(run=run)


def _seconds(text: str) -> float:
    return number(text, 0.1, 86400)


def run(arguments: argparse.Namespace, rest: Sequence[str]) -> Exit:
    """Ask each monitor's socket, once or again and again."""
    wanted = Wanted(arguments.monitor or MONITORS, arguments.subject, arguments.state)
    looking = _Looking(rest)
    if arguments.watch is None:
        return looking.once(wanted, as_json=arguments.json)
    code = Exit.UNKNOWN
    with contextlib.suppress(KeyboardInterrupt):
        while True:
            if sys.stdout.isatty() and not arguments.json:
                sys.stdout.write(_CLEAR)
            code = looking.once(wanted, as_json=arguments.json)
            sys.stdout.flush()
            time.sleep(arguments.watch)
    return code


class _Looking:
    """Where the sockets are, by the configuration as it was read once."""

    def __init__(self, rest: Sequence[str]) -> None:
        self._conf, self._fault = sockets.configuration(rest)

    def once(self, wanted: Wanted, *, as_json: bool) -> Exit:
        """Show them as they are now; the exit code."""
        there = sockets.search(self._conf, ".sock")
        with ThreadPoolExecutor(len(wanted.monitors)) as pool:  # one that hangs costs its time once
            found = list(pool.map(lambda name: sockets.best(name, there), wanted.monitors))
        pages = [_page(one, wanted, as_json=as_json) for one in found]
        found = [one for one, _ in pages]
        silent = [one.name for one in found if one.answer is Answer.NONE]
        expected = sockets.to_run(self._conf) if silent else NONE_EXPECTED
        missing = {name for name in silent if name in expected.names}
        _print(pages, missing, as_json=as_json)
        if why := wanted.nothing_in([one.snapshot for one in found if one.answer is Answer.SAID]):
            say(why, to=sys.stderr)
        if self._fault:
            say(self._fault, lines=True, to=sys.stderr)
        if there.unknown:
            say(there.unknown, to=sys.stderr)
        if all(one.answer is Answer.NONE for one in found):
            if self._fault or there.unknown:
                return Exit.UNKNOWN
            say(
                f"No shadow is running with its state in {there.folder}."
                if there.shadow
                else f"No monitor is running with its state in {there.folder}, nor has any its socket in "
                f"{run_folder.folder()}.",
                to=sys.stderr if as_json else sys.stdout,
            )
            return Exit.NONE_THERE
        untold = [name for name in silent if name not in missing] if expected.untold else []
        if untold:
            said = f"Whether more are to run here ({', '.join(untold)}) is not known: {expected.untold}."
            say(f"{said} Name those that are with [web] monitors.", lines=True, to=sys.stderr)
        return exit_code(found, missing=bool(missing), untold=bool(untold))


def _page(one: Found, wanted: Wanted, *, as_json: bool) -> tuple[Found, str]:
    """What is printed of one that answers. One that shows what cannot be read hides none of the others."""
    if one.answer is not Answer.SAID:
        return one, ""
    if as_json and wanted.is_all:
        return one, json.dumps(one.snapshot)
    to = io.StringIO()
    try:
        kept = wanted.of(one.snapshot)
        wanted.nothing_in([one.snapshot])
        if as_json:
            return one, json.dumps(kept)
        show(Writer().aside(to), kept, everything=wanted.is_all)
    except (ArithmeticError, AttributeError, LookupError, TypeError, ValueError) as fault:
        return Found(one.name, Answer.ODD, why=f"what it shows cannot be read: {fault!r}"), ""
    return one, to.getvalue().removesuffix("\n")


def _print(pages: Sequence[tuple[Found, str]], missing: Collection[str], *, as_json: bool) -> None:
    writer = Writer()
    for one, text in pages:
        match one.answer:
            case Answer.NONE if one.name not in missing:
                pass
            case Answer.SAID:
                if text:
                    print(text)
            case _ if as_json:
                print(json.dumps(_unanswered(one)))
            case Answer.CLOSED:
                say(one.why, to=sys.stderr)
            case _ if writer.is_terminal:
                writer.title(one.name)
                writer.line(_words(one), alarm=True)
            case _:
                writer.fields(one.name, _word(one), _words(one))


def exit_code(found: Sequence[Found], *, missing: bool = False, untold: bool = False) -> Exit:
    """What nobody can know comes before what is wrong, and that before what is well.

    `missing`: one that is to run here does not; `untold`: nobody knows of one that does not run whether it is to.
    """
    answers = {one.answer for one in found}
    levels = {_level(one.snapshot) for one in found if one.answer is Answer.SAID}
    if answers & {Answer.HUNG, Answer.CLOSED, Answer.ODD} or None in levels or untold:
        return Exit.UNKNOWN
    if Answer.SAID not in answers:
        return Exit.NONE_THERE
    return Exit.AMISS if missing or Answer.DEAD in answers or levels != {Level.OK} else Exit.FINE


def _level(snapshot: Any) -> Level | None:
    """None where it does not tell: an earlier release."""
    try:
        return Level(snapshot.get("health"))
    except ValueError:
        return None


def _word(one: Found) -> str:
    """How it does not answer; one that is not there at all is shown where it is to run here."""
    return Life.MISSING.value if one.answer is Answer.NONE else one.answer.name.lower()


def _words(one: Found) -> str:
    if one.answer is Answer.NONE:
        return f"{one.name} {MEANS[Life.MISSING]}."
    return f"{one.name} {one.answer.value} ({one.why})."


def _unanswered(one: Found) -> dict[str, JSON]:
    why = MEANS[Life.MISSING] if one.answer is Answer.NONE else one.why
    return {"monitor": one.name, "health": None, "unanswered": _word(one), "why": why}


_UNPROVEN = {sight.value for sight in Sight if sight is not Sight.PROVEN}

_WORDS = Column("detail")
_SOURCES = (whole("name"), whole("state"), Column("last fault", "last_fault"))
_VIEWS = (whole("name"), whole("view"), tables.time("since"), Column("why"))
_SUBJECTS = (whole("subject"), whole("state"), _WORDS)
_WAITING = (whole("subject"), Column("waits for", "why"))
_VERDICTS = (tables.time("at"), whole("subject"), whole("ruling"), Column("why"), Column("evidence"))
_FLEET = (whole("host"), whole("state"), whole("version"), _WORDS)
_CAUSES = (whole("level"), whole("subject"), tables.time("since"), whole("kind"), Column("line"))


def _alarm(row: Row) -> bool:
    return bool(row.get("alarm")) or row.get("state") == "failed" or row.get("view") in _UNPROVEN


def show(writer: Writer, snapshot: Any, *, everything: bool = True) -> None:
    """One monitor; without `everything` only what is about subjects."""
    name, outbox = str(snapshot["monitor"]), snapshot["outbox"]
    at = moment(snapshot.get("at"))
    _show_health(writer, name, snapshot, f"up {snapshot['up_seconds']:.0f} s", at, everything=everything)
    if everything:
        for kind, text, alarm in _lines(outbox, snapshot):
            if writer.is_terminal:
                writer.line(text, alarm=alarm)
            else:
                writer.fields(name, kind, text)
    reports = sorted(snapshot.get("delivered", []), key=lambda row: not row["alarm"])
    subjects = sorted(snapshot["subjects"], key=lambda row: not row["alarm"])
    tabled: list[tuple[str, str, Sequence[Column], Sequence[Row], int | None]] = [
        ("waiting", "Reports that wait", _WAITING, outbox.get("waiting", []), _SHOWN),
        ("subject", "Subjects", _SUBJECTS, subjects, None),
        ("delivered", "Delivered reports", _SUBJECTS, reports, _SHOWN),
        ("verdict", "Verdicts", _VERDICTS, snapshot["verdicts"], _SHOWN),
    ]
    if everything:
        tabled[1:1] = [
            ("source", "Sources", _SOURCES, snapshot["sources"], None),
            ("view", "Views", _VIEWS, snapshot.get("views", []), None),
        ]
        tabled.append(("peer", "Hosts' monitors that are not as most", _FLEET, _of_fleet(snapshot), None))
    for kind, title, columns, rows, most in tabled:
        # Whoever reads by a program wants all of them; and of what a person asked for, nothing is left out.
        most = most if writer.is_terminal and everything else None
        writer.rows(title, columns, rows[:most], of=(name, kind), alarm=_alarm)
        if most is not None and len(rows) > most:
            writer.line(f"... and {len(rows) - most} more")
    if writer.is_terminal:
        writer.line("")


def _of_fleet(snapshot: Any) -> Sequence[Row]:
    """The monitors of other hosts that are not as most are."""
    rows: Sequence[Row] = (snapshot.get("fleet") or {}).get("hosts", ())
    return rows


def _show_health(writer: Writer, name: str, snapshot: Any, up: str, at: Any, *, everything: bool) -> None:
    level = _level(snapshot)
    if writer.is_terminal:
        judged = f": {level.value}" if level else ""
        mark = " (shadow)" if snapshot.get("shadow") else ""
        writer.title(f"{name}{mark}{judged}, {up}" + (f", at {tables.for_people(at)} UTC" if at else ""))
    else:
        writer.fields(name, "health", level.value if level else "", tables.for_programs(at) if at else "", up)
    if level is None:
        text = "It does not tell how it is: it is of an earlier release. Restart it."
        writer.line(text, alarm=True) if writer.is_terminal else writer.fields(name, "unanswered", text)
    elif everything and not writer.is_terminal:
        writer.rows("", _CAUSES, snapshot["causes"], of=(name, "cause"))
    elif everything:
        for cause in snapshot["causes"]:
            writer.line(cause["line"], alarm=True)


def _lines(outbox: Any, snapshot: Any) -> list[tuple[str, str, bool]]:
    """What is said in a line each: of what kind, the words, and whether it is an alarm."""
    counts = ", ".join(f"{count} {status}" for status, count in outbox["counts"].items() if count)
    reports = f"{outbox['pending']} waiting{', ' if counts else ''}{counts}; kept in {outbox['where']}"
    lines = [("reports", f"reports: {reports}", False)]
    if told := snapshot.get("shadow"):
        lines.insert(0, ("shadow", f"shadow: {shadow.in_a_line(told)}", bool(told["trouble"])))
    delivered = [f"{count} {state}" for state, count in outbox.get("delivered", {}).items() if count]
    if delivered:
        text = f"of what masakari has: {', '.join(delivered)} (delivered is not recovered)"
        lines.append(("reports", text, False))
    # What a cause says already is not said again.
    told = [cause["seen"] for cause in snapshot.get("causes", ())]
    troubles = (outbox["disk_fault"], outbox["api_trouble"])
    lines += [("trouble", text, True) for text in troubles if text and text not in told]
    lines += [("fleet", text, False) for text in fleet.lines(snapshot.get("fleet"))]
    for fault in snapshot["faults"]:
        when = moment(fault.get("at"))
        at = f"{tables.for_people(when)} UTC: " if when else ""
        lines.append(("fault", f"{at}{fault['text']}", True))
    return lines
