"""Whether a monitor does what it is there for: ok, degraded or blind, with every cause. Pure, and said here alone.

In: what one monitor shows at one moment, and its health as it was last judged. Out: its health now.
Page, metrics, probes, exit codes and the line for the service manager show this one answer. It is about the monitor,
not about what it watches: a host that is down and was reported is no fault of whoever reported it.
"""

import datetime
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING

from masakarimonitors.core.decision import JSON, Instant

if TYPE_CHECKING:  # the rows name a kind of cause; here they are only looked at
    from masakarimonitors.status.model import OutboxStanding, SourceRow, SubjectRow

UNDELIVERED = 120.0
"""Seconds for which a report may wait for masakari, for whatever reason, before the monitor is degraded by it."""

# Subjects that one cause names; all of them are among the rows.
_NAMED = 5


class Level(StrEnum):
    """How a monitor is; the worst cause says it."""

    OK = "ok"
    DEGRADED = "degraded"
    """It sees, and something that fails may not reach masakari in time, or not at all."""
    BLIND = "blind"
    """It does not see what it should watch, or cannot be known to: a failure may go unnoticed."""


class Sight(StrEnum):
    """How a view is."""

    PROVEN = "proven"
    BLIND = "blind"
    UNKNOWN = "unknown"
    """Not looked yet since the start: never taken for proven."""


@dataclass(frozen=True, slots=True)
class View:
    """One source's sight of what it watches, and why it is so, in one clause."""

    name: str
    sight: Sight
    why: str = ""


class Kind(StrEnum):
    """What may be wrong with a monitor: a closed set."""

    SOURCE = "source failed"
    VIEW = "blind"
    UNSEEN_YET = "not looked yet"
    DISK = "disk does not answer"
    MEMORY = "not on disk"
    VOLATILE = "state does not survive"
    UNREAD = "an earlier run's reports unread"
    API = "masakari unreachable"
    UNDELIVERED = "undelivered"
    REFUSED = "refused"
    UNSURE = "perhaps not told"
    HELD = "held"
    SILENCED = "silenced"
    REPORTER = "reporter"
    FLEET = "hosts differ"
    HINDERED = "hindered"
    UNWATCHED = "unwatched"
    OUTDATED = "outdated"
    UNTOLD = "view untold"
    LEFT_OUT = "left out"
    DEFECT = "fault inside"
    SHADOW = "shadow"


@dataclass(frozen=True, slots=True, kw_only=True)
class Meaning:
    """What a cause makes of the monitor, what it means, and what to do. `unready`: it is not ready because of it."""

    level: Level
    means: str
    to_do: str
    unready: bool = False


MEANINGS: Mapping[Kind, Meaning] = {
    Kind.SOURCE: Meaning(
        level=Level.BLIND,
        unready=True,
        means="What it watches is not seen before it runs again; it is started again by itself.",
        to_do="Mend what is named, or see the log.",
    ),
    Kind.VIEW: Meaning(
        level=Level.BLIND,
        unready=True,
        means="What fails there is not seen now. Nothing is taken for failed because of it.",
        to_do="Mend what is named; no restart is needed.",
    ),
    Kind.UNSEEN_YET: Meaning(
        level=Level.BLIND,
        unready=True,
        means="It has not looked since its start, so nothing is known.",
        to_do="Wait some seconds; if it stays so, see the log.",
    ),
    Kind.DISK: Meaning(
        level=Level.BLIND,
        unready=True,
        means="It works from memory: what it has reported, and what waits, ends with its process.",
        to_do="Mend the disk of [DEFAULT] state_path, and do not stop the monitor before.",
    ),
    Kind.MEMORY: Meaning(
        level=Level.DEGRADED,
        unready=True,
        means="What waits, and what was reported, is in memory only and ends with its process.",
        to_do="Free space on, or mend, the folder of [DEFAULT] state_path.",
    ),
    Kind.VOLATILE: Meaning(
        level=Level.DEGRADED,
        means="What waits there, and what was reported, is lost with it: a failure may be told twice, or never.",
        to_do="Name a folder on a disk that stays with [DEFAULT] state_path, in a container a volume such as a "
        "hostPath; or say that it is wanted with state_may_be_lost.",
    ),
    Kind.UNREAD: Meaning(
        level=Level.DEGRADED,
        means="A failure that an earlier run could not tell of may stand there: nobody recovers it.",
        to_do="Where a file was set aside, compare it with masakari's notification list, and recover by hand what is "
        "missing there. Then start the monitor again.",
    ),
    Kind.API: Meaning(
        level=Level.DEGRADED,
        means="What fails now is seen, and recovered only when masakari-api answers again.",
        to_do="See whether masakari-api and keystone answer, and the [api] section: `masakari-monitors check`.",
    ),
    Kind.UNDELIVERED: Meaning(
        level=Level.DEGRADED,
        means=f"A report has waited for more than {UNDELIVERED:g} s: nobody recovers its subject yet.",
        to_do="`masakari-monitors outbox` says what each waits for.",
    ),
    Kind.REFUSED: Meaning(
        level=Level.DEGRADED,
        means="Its failure was not told: nobody recovers it.",
        to_do="Look whether it runs, recover it by hand if not, and mend what is named.",
    ),
    Kind.UNSURE: Meaning(
        level=Level.DEGRADED,
        means="Whether masakari has the report is not known: perhaps nobody recovers its subject.",
        to_do="See what runs, and recover by hand what does not; the cause says why it is not known.",
    ),
    Kind.HELD: Meaning(
        level=Level.DEGRADED,
        means="A failure of these is not reported for the reason that is named, or would not be seen.",
        to_do="`masakari-monitors status` and the manual's page of the monitor say what each waits for.",
    ),
    Kind.SILENCED: Meaning(
        level=Level.DEGRADED,
        means="What fails of these is seen, and not told before that time, because somebody wants it so.",
        to_do="Nothing if it is meant; else `masakari-monitors silence end ID`.",
    ),
    Kind.REPORTER: Meaning(
        level=Level.DEGRADED,
        means="No single monitor is known to report hosts: reports may wait, or be made by all in turn.",
        to_do="Look at the cluster engine's election, and at the monitor that is named.",
    ),
    Kind.FLEET: Meaning(
        level=Level.DEGRADED,
        means="Whether a failed host is reported, and when, depends on which monitor is the reporter.",
        to_do="Give all hosts the same configuration and files, and restart the monitors that are named; two that "
        "report: look at the cluster engine's election.",
    ),
    Kind.HINDERED: Meaning(
        level=Level.DEGRADED,
        means="It sees, and something that its driver needs besides is missing.",
        to_do="Mend what is named.",
    ),
    Kind.UNWATCHED: Meaning(
        level=Level.DEGRADED,
        means="A failure of these would not be seen.",
        to_do="Mend what is named; all else is watched.",
    ),
    Kind.OUTDATED: Meaning(
        level=Level.DEGRADED,
        means="What stood in the file before it was broken is in force, and what was changed since is not; a restart "
        "would find no good one.",
        to_do="Mend the file. A list of processes is read again by itself, any other on SIGHUP.",
    ),
    Kind.UNTOLD: Meaning(
        level=Level.DEGRADED,
        means="This driver is not the project's own and does not tell whether it sees: nobody can vouch for it.",
        to_do="Watch the driver by its own means.",
    ),
    Kind.LEFT_OUT: Meaning(
        level=Level.DEGRADED,
        means="`masakari-monitors run` was to run all that can work here, and has left it out: it watches nothing.",
        to_do="Mend what is named and start `run` again, or name with --monitor those that are wanted here.",
    ),
    Kind.DEFECT: Meaning(
        level=Level.DEGRADED,
        means="A fault of this program: something that was seen may have had no effect.",
        to_do="Report it with the log; a restart has everything looked at anew.",
    ),
    Kind.SHADOW: Meaning(
        level=Level.DEGRADED,
        means="It only looks: nobody recovers anything because of it.",
        to_do="Nothing if it is meant: `masakari-monitors shadow` compares. Else take shadow out of [DEFAULT] and "
        "start it again.",
    ),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Unreported:
    """A report that has ended, `at` that moment, without masakari having taken it, and masakari's words."""

    subject: str
    seen: str
    at: Instant


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """All that one monitor shows `at` one moment.

    `views`: None where its sources tell nothing of what they see. `defects`: faults of this program, oldest first.
    `left_out`: monitors that do not run beside it though they were wanted, and why. `outdated`: files that were broken
    when they were read again, and how. `shadow`: it only looks.
    """

    at: Instant
    sources: Sequence["SourceRow"]
    views: Sequence[View] | None
    subjects: Sequence["SubjectRow"]
    outbox: "OutboxStanding"
    unreported: Sequence[Unreported] = ()
    defects: Sequence[tuple[Instant, str]] = ()
    left_out: Mapping[str, str] = field(default_factory=dict)
    outdated: Mapping[str, str] = field(default_factory=dict)
    shadow: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Cause:
    """One thing that is wrong: of whom, since when, and what was seen."""

    kind: Kind
    subject: str
    seen: str
    since: Instant

    @property
    def level(self) -> Level:
        """What it makes of the monitor."""
        return MEANINGS[self.kind].level

    def line(self, monitor: str = "") -> str:
        """All of it in one line."""
        meaning = MEANINGS[self.kind]
        where = " ".join(filter(None, (monitor, self.subject)))
        since = self.since.wall.astimezone(datetime.UTC)
        text = f"{self.level.value}: {where}: {self.seen or self.kind.value} (since {since:%Y-%m-%d %H:%M:%S} UTC)."
        return " ".join(f"{text} {meaning.means} {meaning.to_do}".split())


@dataclass(frozen=True, slots=True, kw_only=True)
class StandingView:
    """A view, since when it is so, and when it was last known to be proven (None: never since the start)."""

    view: View
    since: Instant
    proven_at: Instant | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Health:
    """What all that amounts to; the causes stand with the worst first."""

    at: Instant
    views: Sequence[StandingView] = ()
    causes: Sequence[Cause] = ()

    @property
    def level(self) -> Level:
        """The worst that any cause says."""
        return self.causes[0].level if self.causes else Level.OK

    @property
    def looked(self) -> bool:
        """Whether each view has been looked at since the start, with whatever result."""
        return all(one.view.sight is not Sight.UNKNOWN for one in self.views)

    @property
    def unready(self) -> Sequence[Cause]:
        """Why it is not ready: a view that is not proven, an outbox that is not on disk."""
        return [cause for cause in self.causes if MEANINGS[cause.kind].unready]

    def headline(self) -> str:
        """The level, and the worst cause, in one short line."""
        if not self.causes:
            return self.level.value
        worst = self.causes[0]
        more = f" (and {len(self.causes) - 1} more)" if len(self.causes) > 1 else ""
        said = " ".join(f"{worst.subject}: {worst.seen or worst.kind.value}".split())
        return f"{self.level.value}: {said}{more}"

    def as_json(self) -> dict[str, JSON]:
        """For programs."""
        return {
            "health": self.level.value,
            "views": [
                {
                    "name": one.view.name,
                    "view": one.view.sight.value,
                    "since": one.since.wall.isoformat(),
                    "why": one.view.why,
                    "proven_at": one.proven_at.wall.isoformat() if one.proven_at else None,
                }
                for one in self.views
            ],
            "causes": [
                {
                    "level": cause.level.value,
                    "kind": cause.kind.value,
                    "subject": cause.subject,
                    "since": cause.since.wall.isoformat(),
                    "seen": cause.seen,
                    "means": MEANINGS[cause.kind].means,
                    "to_do": MEANINGS[cause.kind].to_do,
                    "line": cause.line(),
                }
                for cause in self.causes
            ],
        }


_Found = tuple[Kind, str, str, Instant | None]
"""A cause as it is found: since when, where its row tells; else since it was first found."""


def health(shown: Shown, before: Health | None = None) -> Health:
    """The health of a monitor that shows this; `before`, as it was last judged, tells since when things are so."""
    views = _views(shown, before)
    known = {(cause.kind, cause.subject): cause.since for cause in before.causes} if before else {}
    causes = [
        Cause(kind=kind, subject=subject, seen=seen, since=since or known.get((kind, subject), shown.at))
        for find in _FINDERS
        for kind, subject, seen, since in find(shown, views)
    ]
    return Health(
        at=shown.at, views=views, causes=sorted(causes, key=lambda cause: cause.level is not Level.BLIND)
    )


def _views(shown: Shown, before: Health | None) -> Sequence[StandingView]:
    known = {one.view.name: one for one in before.views} if before else {}
    standing = []
    for view in shown.views or ():
        old = known.get(view.name)
        same = old is not None and old.view.sight is view.sight
        proven_at = shown.at if view.sight is Sight.PROVEN else old.proven_at if old else None
        since = old.since if old is not None and same else shown.at
        standing.append(StandingView(view=view, since=since, proven_at=proven_at))
    return standing


def _of_shadows(shown: Shown, views: Sequence[StandingView]) -> Iterator[_Found]:
    if shown.shadow:
        yield Kind.SHADOW, "shadow", "it tells masakari nothing and does nothing, whatever fails", None


def _of_sources(shown: Shown, views: Sequence[StandingView]) -> Iterator[_Found]:
    for source in shown.sources:
        if source.state != "running":
            yield Kind.SOURCE, source.name, source.seen, source.since
    for one in views:
        if one.view.sight is Sight.BLIND:
            yield Kind.VIEW, one.view.name, one.view.why, one.since
        elif one.view.sight is Sight.UNKNOWN:
            yield Kind.UNSEEN_YET, one.view.name, one.view.why, one.since
    if shown.views is None:
        yield Kind.UNTOLD, "sources", "whether they see is not told", None


def _of_reports(shown: Shown, views: Sequence[StandingView]) -> Iterator[_Found]:
    outbox = shown.outbox
    if outbox.hangs:
        yield Kind.DISK, "outbox", outbox.disk_fault, None
    elif outbox.disk_fault or not outbox.keeps:
        yield Kind.MEMORY, "outbox", outbox.disk_fault or f"kept in {outbox.where}", None
    if outbox.volatile:
        yield Kind.VOLATILE, "outbox", outbox.volatile, None
    if outbox.unread:
        yield Kind.UNREAD, "outbox", outbox.unread, None
    if outbox.api_trouble:
        yield Kind.API, "masakari-api", outbox.api_trouble, None
    oldest = outbox.oldest
    if oldest is not None and shown.at.monotonic - oldest > UNDELIVERED:
        age = datetime.timedelta(seconds=shown.at.monotonic - oldest)
        made = Instant(oldest, shown.at.wall - age)
        yield Kind.UNDELIVERED, "outbox", f"{outbox.pending} waiting, the oldest for {_words(age)}", made
    for report in shown.unreported:
        yield Kind.REFUSED, report.subject, report.seen, report.at


def _of_subjects(shown: Shown, views: Sequence[StandingView]) -> Iterator[_Found]:
    for row in shown.subjects:
        if row.alarm and row.harms is not None:
            yield row.harms, row.subject, f"{row.state}: {row.detail}" if row.detail else row.state, None
    held: dict[str, list[str]] = {}
    for row in shown.subjects:
        if row.alarm and row.held and row.harms is None:
            held.setdefault(row.held, []).append(row.subject)
    for reason, subjects in held.items():
        more = f" and {len(subjects) - _NAMED} more" if len(subjects) > _NAMED else ""
        yield Kind.HELD, reason, ", ".join(subjects[:_NAMED]) + more, None


def _of_program(shown: Shown, views: Sequence[StandingView]) -> Iterator[_Found]:
    for name, why in shown.left_out.items():
        yield Kind.LEFT_OUT, name, why, None
    for path, why in shown.outdated.items():
        yield Kind.OUTDATED, path, why, None
    if shown.defects:
        since, text = shown.defects[0]
        more = f" (and {len(shown.defects) - 1} more)" if len(shown.defects) > 1 else ""
        yield Kind.DEFECT, "program", text + more, since


_FINDERS: Sequence[Callable[[Shown, Sequence[StandingView]], Iterator[_Found]]] = (
    _of_shadows,
    _of_sources,
    _of_reports,
    _of_subjects,
    _of_program,
)


def _words(age: datetime.timedelta) -> str:
    return str(datetime.timedelta(seconds=round(age.total_seconds())))
