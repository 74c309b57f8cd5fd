"""`masakari-monitors replay`: a recording, put through the monitor's decision once more.

By the rules that were recorded it shows that the same comes of it, which is how a fault is told from an order of
events; by another configuration's, what that would have reported, and of which subjects nothing recorded can tell. Only
reads; nothing is sent.
"""

import argparse
import json
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from masakarimonitors.cmd import wiring
from masakarimonitors.cmd.console.exits import Exit, codes
from masakarimonitors.cmd.console.names import MONITORS
from masakarimonitors.cmd.console.tables import Column, Writer, for_people, for_programs, time, whole
from masakarimonitors.cmd.console.terminal import say
from masakarimonitors.cmd.rehearsal.recorded import by_configuration
from masakarimonitors.conf import loader, state_path
from masakarimonitors.core.decision import JSON, Instant, Notify
from masakarimonitors.core.rehearsal.again import Replayed, again
from masakarimonitors.core.rehearsal.other_rules import Doubt
from masakarimonitors.core.rehearsal.written import Kinds
from masakarimonitors.recording import lines, reader
from masakarimonitors.recording.recorder import SUFFIX

_NEAR = 1.0
"""Seconds by which two reports may differ and are at the same time: answers are supposed to take that long."""

_COLUMNS = (
    whole("subject"),
    whole("report"),
    time("then"),
    time("now"),
    Column("what differs", "differs"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """One report: as it was recorded, as it is made now, or both.

    `doubt`: why nobody knows what these rules would have said; where that is all, there is neither, and no words.
    """

    subject: str
    says: str
    then: Instant | None = None
    now: Instant | None = None
    why: str = ""
    doubt: str = ""

    @property
    def differs(self) -> str:
        """In what it is another now; empty where it is the same."""
        known = self._known
        if not self.doubt or (known == "" and self.then is not None):
            return known
        return f"not known: {self.doubt}" + f" (as far as it was recorded: {known})" * bool(known)

    @property
    def _known(self) -> str:
        if self.then is None and self.now is None:
            return ""
        if self.then is None:
            return f"would be made: {self.why}"
        if self.now is None:
            return "would not be made"
        later = self.now.monotonic - self.then.monotonic
        return "" if abs(later) <= _NEAR else f"{abs(later):.1f} s {'later' if later > 0 else 'earlier'}"


@dataclass(slots=True, kw_only=True)
class _Played:
    """All that came of it."""

    monitor: str
    by: str
    first: Instant
    last: Instant
    replayed: Replayed
    reports: list[Report] = field(default_factory=list)
    remarks: list[str] = field(default_factory=list)
    supposed: list[str] = field(default_factory=list)
    versions: list[str] = field(default_factory=list)

    @property
    def same(self) -> bool:
        """Whether nothing differs."""
        return not self.replayed.other and not any(one.differs for one in self.reports)


def add_parser(commands: Any) -> None:
    """Declare the subcommand."""
    parser = commands.add_parser(
        "replay",
        help="put a recording through the decision once more: by its own rules, or by another configuration's",
        description="A recording is made where [DEFAULT] recording_size is set. With --config-file or --config-dir a "
        f"recording is judged by that configuration's rules, else by those that were recorded. {codes('replay')}",
    )
    parser.add_argument(
        "file",
        nargs="*",
        type=Path,
        metavar="FILE",
        help="a recording; of one in two files the older (.recording.1) goes first",
    )
    parser.add_argument(
        "--live",
        action="store_true",
        help="what the monitor on this host has recorded up to now, in its folder for state",
    )
    parser.add_argument(
        "--monitor",
        choices=MONITORS,
        default="hostmonitor",
        metavar="NAME",
        help="whose recording (hostmonitor)",
    )
    parser.add_argument(
        "--rules",
        choices=("recorded", "today"),
        help="by which it is judged; today's are those of the configuration",
    )
    parser.add_argument("--json", action="store_true", help="one document for programs")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace, rest: Sequence[str]) -> Exit:
    """Play it and tell what differs."""
    if bool(arguments.file) == arguments.live:
        say("replay takes the FILE of a recording, or --live", to=sys.stderr)
        return Exit.WRONG_WORDS
    named = any(word.startswith(("--config-file", "--config-dir")) for word in rest)
    today = arguments.rules == "today" or (arguments.rules is None and named)
    conf = loader.load(rest, prog="masakari-monitors") if today or arguments.live else None
    kinds = wiring.monitor_module(arguments.monitor).kinds()
    try:
        paths = _paths(conf, arguments)
        if not paths:
            say(_NONE.format(arguments.monitor), to=sys.stderr)
            return Exit.NONE_THERE
        recording = reader.read(paths, kinds)
    except OSError as fault:
        say(f"The recording cannot be read: {fault}", to=sys.stderr)
        return Exit.NONE_THERE if isinstance(fault, FileNotFoundError) else Exit.UNKNOWN
    except lines.OtherVersion as fault:
        if fault.monitor in MONITORS and fault.monitor != arguments.monitor:
            return _of_another(fault.monitor)
        say(f"The recording cannot be played: {fault}.", to=sys.stderr)
        return Exit.UNKNOWN
    if not recording.segments:
        for remark in recording.remarks:
            say(f"{remark}.", to=sys.stderr)
        say(f"There is nothing in it that could be played as the {arguments.monitor}'s.", to=sys.stderr)
        return Exit.UNKNOWN if recording.damaged else Exit.NONE_THERE
    if recording.monitor != arguments.monitor:
        return _of_another(recording.monitor)
    return _play(arguments, conf if today else None, recording, kinds)


def _of_another(monitor: str) -> Exit:
    say(f"It is a recording of {monitor}: say --monitor {monitor}", to=sys.stderr)
    return Exit.WRONG_WORDS


_NONE = (
    "No recording of {} is there: one is made where [DEFAULT] recording_size is set, from the next start on."
)


def _paths(conf: Any, arguments: argparse.Namespace) -> Sequence[Path]:
    if not arguments.live:
        return list(arguments.file)
    there = state_path.search(conf, SUFFIX, (arguments.monitor,))
    if there.folder is None:
        return ()
    return reader.files_of(there.folder / f"{arguments.monitor}{SUFFIX}")


def _play(arguments: argparse.Namespace, conf: Any, recording: reader.Recording, kinds: Kinds) -> Exit:
    first = recording.segments[0].begun
    last = next((one.steps[-1].at for one in reversed(recording.segments) if one.steps), first.at)
    played = _Played(
        monitor=recording.monitor,
        by="the rules that were recorded" if conf is None else "this configuration",
        first=first.at,
        last=last,
        replayed=Replayed(),
        remarks=list(recording.remarks),
        versions=list(dict.fromkeys(one.begun.version for one in recording.segments)),
    )
    if conf is None:
        _as_recorded(recording, kinds, played)
    else:
        from masakarimonitors.hostmonitor.core.rehearsal.standing import NoPlay

        try:
            _by_others(recording, conf, played)
        except NoPlay as fault:
            say(f"{fault}.", to=sys.stderr)
            return Exit.AMISS
    if arguments.json:
        print(json.dumps(_as_json(played)))
    else:
        _show(played)
    return Exit.FINE if played.same else Exit.AMISS


def _as_recorded(recording: reader.Recording, kinds: Kinds, played: _Played) -> None:
    for segment in recording.segments:
        decide = kinds.decider(segment.begun.rules)
        before = len(played.replayed.reports)
        again(
            decide,
            segment.begun.state,
            segment.steps,
            lambda decision: lines.digest(decision, kinds.words),
            played.replayed,
        )
        played.reports += _paired(_then(segment), played.replayed.reports[before:])


def _by_others(recording: reader.Recording, conf: Any, played: _Played) -> None:
    rules, judge, supposed = by_configuration(recording.monitor, conf)
    played.supposed += supposed[:-1]
    for segment in recording.segments:
        begun = segment.begun
        judged = judge(rules, begun.rules, begun.state, begun.at, segment.steps)
        played.replayed.steps += len(segment.steps)
        played.reports += _paired(_then(segment), judged.reports, judged.doubts)
        played.supposed += [one for one in judged.supposed if one not in (*supposed, *played.supposed)]
        played.remarks += judged.defects
    played.supposed += supposed[-1:]


def _then(segment: reader.Segment) -> list[tuple[Instant, Notify]]:
    return [(step.at, one) for step in segment.steps for one in step.reports]


def _paired(
    then: Sequence[tuple[Instant, Notify]],
    now: Sequence[tuple[Instant, Notify]],
    doubts: Sequence[Doubt] = (),
) -> list[Report]:
    """Of each subject the reports that say the same, in their order, beside one another; and what is not known."""
    left = list(now)
    found = []
    for at, one in then:
        match = next((two for two in left if _what(two[1]) == _what(one)), None)
        if match is not None:
            left.remove(match)
        found.append(_report(one, then=at, now=match[0] if match is not None else None))
    found += [_report(one, now=at) for at, one in left]
    found = [_doubted(one, doubts) for one in found]
    told = {one.subject for one in found}
    unsaid = {one.subject: one for one in reversed(doubts) if one.subject not in told}
    found.sort(key=lambda one: min(at.wall for at in (one.then, one.now) if at is not None))
    return found + [Report(subject=one.subject, says="", doubt=one.why) for one in unsaid.values()]


def _doubted(report: Report, doubts: Sequence[Doubt]) -> Report:
    """What came before the doubt is known."""
    last = max(at.monotonic for at in (report.then, report.now) if at is not None)
    why = next(
        (
            one.why
            for one in doubts
            if one.subject == report.subject and (report.now is None or one.at.monotonic <= last)
        ),
        "",
    )
    return replace(report, doubt=why)


def _what(told: Notify) -> tuple[str, str]:
    return told.notification.subject, " ".join(told.notification.payload.values())


def _report(told: Notify, *, then: Instant | None = None, now: Instant | None = None) -> Report:
    subject, says = _what(told)
    return Report(subject=subject, says=says, then=then, now=now, why=told.why)


# -- what is shown ----------------------------------------------------------------------------------


def _show(played: _Played) -> None:
    writer = Writer()
    differ = [one for one in played.reports if one.differs]
    doubtful = sum(1 for one in differ if one.doubt)
    unknown = f" or not known ({doubtful})" if doubtful else ""
    span = f"{for_people(played.first.wall)} to {for_people(played.last.wall)} UTC"
    writer.line(
        f"{played.monitor}, {played.replayed.steps} steps from {span}, played by {played.by}: "
        f"{len(played.reports)} reports, {len(differ)} of them another{unknown}."
    )
    rows = [
        {
            "subject": one.subject,
            "report": one.says,
            "then": one.then.wall if one.then is not None else "",
            "now": one.now.wall if one.now is not None else "",
            "differs": one.differs,
        }
        for one in played.reports
    ]
    writer.rows("Reports", _COLUMNS, rows, of=("report",), alarm=lambda row: bool(row["differs"]))
    steps = [
        {"number": str(one.number), "at": one.at.wall, "seen": one.seen, "now": one.now}
        for one in played.replayed.differences
    ]
    columns = (whole("number"), time("at"), whole("seen"), Column("now"))
    writer.rows(
        "Steps of which something else comes now", columns, steps, of=("step",), alarm=lambda row: True
    )
    more = played.replayed.other - len(steps)
    sentences = [("and", f"{more} more steps")] if more > 0 else []
    sentences += [("supposed", one) for one in played.supposed]
    sentences += [("mark", one) for one in played.remarks]
    for head, text in sentences:
        if writer.is_terminal:
            writer.line(f"{head.capitalize()}: {text}.")
        else:
            writer.fields(head, text)


def _as_json(played: _Played) -> dict[str, JSON]:
    def moment(at: Instant | None) -> JSON:
        return None if at is None else for_programs(at.wall)

    return {
        "monitor": played.monitor,
        "by": "recorded" if not played.supposed else "today",
        "versions": list(played.versions),
        "from": moment(played.first),
        "to": moment(played.last),
        "steps": played.replayed.steps,
        "same": played.same,
        "reports": [
            {
                "subject": one.subject,
                "report": one.says,
                "then": moment(one.then),
                "now": moment(one.now),
                "differs": one.differs,
                "why": one.why,
                "not_known": one.doubt if one.differs else "",
            }
            for one in played.reports
        ],
        "other_steps": played.replayed.other,
        "differences": [
            {"number": one.number, "at": moment(one.at), "seen": one.seen, "now": one.now}
            for one in played.replayed.differences
        ],
        "supposed": list(played.supposed),
        "remarks": list(played.remarks),
    }
