"""Where one watched process stands: one small frozen record for each stage, and what goes on through several. Pure.

The moves between the stages are the table in lifecycle.py; what has become of a report is in reports.py.
"""

from dataclasses import dataclass, field
from enum import StrEnum

from masakarimonitors.core.decision import Instant
from masakarimonitors.processmonitor.core.observation import CommandKey, Entry, Presence, Step
from masakarimonitors.processmonitor.core.reports import NO_REPORT, Report

SHORTEST_INTERVAL = 1.0
"""Seconds: a shorter restart_interval would use up all tries before any service could appear."""

HOUR = 3600.0

COMMAND_GRACE = 30.0
"""Seconds after a command's time-out in which its end must have been told."""

LONGEST_LEAD = 0.05
"""The last look of a grace begins at most such a part of it before its end."""

LATE = 5.0
"""Seconds by which the end of a time may be noticed late; by more, this process stood still."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """The operator's settings; all times in seconds.

    A process gets one try and `restart_retries` more, `restart_interval` apart, before it is reported, as always in
    this field; then slow tries, up to `slow_interval` apart. `restart_grace`: how long somebody else may take to
    start it again. `start_patience`: how long a service may need to appear after a command that has succeeded.
    `restarts_per_hour`: so many ends within an hour are an alarm. `boot`: the kernel's identity of this boot.
    `short_patience`: see `shortage`. `tells`: whether masakari is told; a shadow tells it nothing, and knows of nothing
    that masakari would have made of that.
    """

    hostname: str
    restart_retries: int = 3
    restart_interval: float = 5.0
    restart_grace: float = 1.0
    start_patience: float = 30.0
    restarts_per_hour: int = 10
    command_timeout: float = 60.0
    slow_interval: float = 300.0
    short_patience: float = 600.0
    boot: str = ""
    tells: bool = True

    @property
    def tries(self) -> int:
        """How many restarts are tried before the report."""
        return self.restart_retries + 1

    @property
    def interval(self) -> float:
        """Seconds between two tries, whatever the option says."""
        return max(self.restart_interval, SHORTEST_INTERVAL)

    @property
    def shortage(self) -> float:
        """Seconds for which what this monitor itself lacks is no failed try. What lasts longer is nothing that passes:
        the process is down, and nobody starts it.
        """
        return max(self.tries * self.interval, self.short_patience)

    @property
    def probation(self) -> float:
        """Seconds for which it must run before it has recovered."""
        return 2 * self.interval

    @property
    def returning(self) -> float:
        """Seconds from the first sight of one that returns to its recovery or its next end, at most, with a margin:
        the command that has brought it back may run on, and what follows that one takes its time too.
        """
        return 2 * (self.command_timeout + COMMAND_GRACE) + self.probation + 30.0


class Kind(StrEnum):
    """Which of the two sets of commands a try uses."""

    START = "start"
    RESTART = "restart"

    def key(self, step: Step) -> CommandKey:
        """The command of this step of such a try."""
        return CommandKey(f"{'' if step is Step.MAIN else f'{step.value}_'}{self.value}_command")


@dataclass(frozen=True, slots=True)
class Unseen:
    """Not looked at since the monitor started, or since the entry came onto the list."""

    text = "not looked at yet"


@dataclass(frozen=True, slots=True)
class Unclear:
    """Never seen running, and somebody shows its text: perhaps it runs, and the entry fits it no more."""

    who: str
    text = "held: not found, though its text stands in a command line"


@dataclass(frozen=True, slots=True)
class Running:
    """It runs, and has for long enough."""

    text = "running"


@dataclass(frozen=True, slots=True)
class Grace:
    """It is gone; until then somebody else may be starting it again.

    `lead`: so many seconds before that the last look is asked for, as long as the one before it took from then until it
    was judged: the time between a look at somebody and a command is the look's own then, as it is for any, and none of
    it comes after the grace.
    """

    until: float
    kind: Kind
    pause: float
    lead: float = 0.0
    text = "gone, waiting for somebody else to start it"


@dataclass(frozen=True, slots=True, kw_only=True)
class Trying:
    """A try is under way: one of its commands runs, or a look before the main one is awaited (`step` None)."""

    kind: Kind
    step: Step | None

    @property
    def text(self) -> str:
        """For people."""
        if self.step is None:
            return "looking before the command"
        return "command runs" if self.step is Step.MAIN else f"{self.step.value} command runs"


@dataclass(frozen=True, slots=True, kw_only=True)
class Appearing:
    """The commands of a try are over: until `deadline` it may appear. `again`: this was no try, but a shortage; the
    same try goes on then at this step. `hopeless`: none of them can bring it any more, so that the next life of this
    monitor need not wait for that.
    """

    kind: Kind
    deadline: float
    pause: float
    again: Step | None = None
    hopeless: bool = False
    text = "waiting for it to appear"


@dataclass(frozen=True, slots=True, kw_only=True)
class Probation:
    """It runs again since `since`, and has recovered if it still does at `until`."""

    kind: Kind
    since: float
    until: float
    text = "running, on probation"


@dataclass(frozen=True, slots=True)
class Down:
    """All tries have failed; what masakari is told of it stands in the outage. The next slow try is due at `until`."""

    until: float = 0.0
    text = "down, waiting for the next slow try"


Stage = Unseen | Unclear | Running | Grace | Trying | Appearing | Probation | Down


@dataclass(frozen=True, slots=True, kw_only=True)
class Outage:
    """From the first look that found it gone to its recovery, however often it appears in between.

    `tries`: restarts tried; `slow`: how often they have all failed. `trouble`: why the last try failed. `short_since`:
    the monotonic second since which none of its main commands could be started for a reason of this monitor's own.
    """

    since: Instant
    tries: int = 0
    slow: int = 0
    report: Report = NO_REPORT
    trouble: str = ""
    short_since: float | None = None


@dataclass(frozen=True, slots=True)
class Begun:
    """From monotonic second `since` on a command of it may begin, or may have begun, of which no end is known to have
    been in vain. `earlier`: in an earlier life of this monitor, and nobody has looked yet what has become of it.
    """

    since: float
    earlier: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class WatchedProcess:
    """One entry of the list and everything known about it.

    `runs_as`: by which process, and why that is it, while it runs. `request_id`: the request whose reply counts.
    `due`: when to act if no answer comes. `ends`: the latest times at which it ended. `presence`: as it was last
    seen, whatever its stage makes of that. `blind`: it cannot be seen. `told`: the report of an outage that is over
    which masakari has, or may have while it holds this host on maintenance; `taken_back`: the last one that was
    withdrawn, which may have arrived before, for its answer was lost or it was on its way. Its `reported_at` is
    when it was taken back: the last moment at which it can have left. `begun`: what is kept on disk of its next or
    present try, ahead of its command.
    """

    entry: Entry
    request_id: int = 0
    stage: Stage = field(default_factory=Unseen)
    due: float | None = None
    seen_at: float = float("-inf")
    outage: Outage | None = None
    ends: tuple[float, ...] = ()
    often: bool = False
    presence: Presence = Presence.UNKNOWN
    runs_as: str = ""
    blind: bool = False
    told: Report | None = None
    taken_back: Report | None = None
    begun: Begun | None = None

    @property
    def name(self) -> str:
        """The process_name of the list."""
        return self.entry.process_name

    @property
    def subject(self) -> str:
        """What the outbox and the status call it; also the key of its wake-up and of its memory."""
        return subject_of(self.entry.process_name)

    def command(self, kind: Kind, step: Step) -> str | None:
        """The command line of this step of such a try, if the list gives one."""
        return kind.key(step).of(self.entry)

    @property
    def over(self) -> Report | None:
        """The report of an outage that is over of which masakari may make something yet."""
        return self.taken_back or self.told

    @property
    def reported(self) -> bool:
        """Whether the present outage was reported, whatever has become of that."""
        return self.outage is not None and self.outage.report is not NO_REPORT


def subject_of(process_name: str) -> str:
    """As in the notifications: order is kept, and recovery withdraws, per subject."""
    return f"process:{process_name}"
