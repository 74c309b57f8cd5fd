"""What a monitor is: the contracts between the loop that runs one and those who write its parts.

A monitor is a frozen state, a pure `decide`, sources that observe and effects that act. Whoever wires
one (each `monitor.py`) fills in `Monitor`; whoever writes a source, effects or a host driver needs
nothing else of this project but `core`. The loop itself stands in `daemon.py`.
"""

import datetime
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Generic, Protocol, TypeVar

from masakarimonitors.core.decision import JSON, Command, Decision, Instant, Remember, Woken
from masakarimonitors.core.explained import Explained, Standings
from masakarimonitors.core.notification import Leave, Notification, Settled
from masakarimonitors.core.rehearsal.written import Kinds
from masakarimonitors.core.silences.book import Book
from masakarimonitors.core.silences.wish import Answer, Wish
from masakarimonitors.core.unconfirmed import Unconfirmed, Word, wait
from masakarimonitors.status.health import Health, View
from masakarimonitors.status.model import Grid, OutboxStanding, SubjectRow

O = TypeVar("O")  # noqa: E741 - an observation of one monitor
O_co = TypeVar("O_co", covariant=True)
S = TypeVar("S")  # the frozen state of one monitor

Memory = Mapping[str, Mapping[str, JSON]]
"""What a monitor asked to be remembered (`Remember`) in its last life, by key."""


Made = tuple[str, datetime.datetime]
"""One report: its subject, and when its monitor made it (aware)."""


class Source(Protocol[O_co]):
    """Talks to one outside system and yields observations; decides nothing."""

    @property
    def name(self) -> str:
        """Stands in the log and the status."""

    async def run(self, emit: Callable[[Any], None]) -> None:
        """Until cancelled, hand every observation to `emit` (on the loop's thread)."""


class Effects(Protocol[O_co]):
    """Acts other than notifying; what came of one goes back into the inbox."""

    async def perform(self, command: Command) -> O_co | None:
        """Carry out one command, within a time of its own."""


class MasakariReader(Protocol):
    """What a monitor may ask of masakari-api beside sending reports."""

    async def get(self, path: str) -> Any:
        """Read `path` ("/segments"), relative to the service's endpoint; raises masakari_api.LookupFailed."""


class Following(Protocol):
    """Follows what masakari was told to its end there, and tells people of it."""

    def follows(self, subject: str) -> bool:
        """Whether any report about it is followed."""

    def take_over(self, notification: Notification, uuid: str, why: str) -> None:
        """Follow this one, too, which another monitor has delivered; masakari calls it `uuid`."""


async def _nothing() -> None:
    return None


_NOBODY_JUDGES = wait("this monitor does not judge what it has reported in an earlier life")


@dataclass(frozen=True, slots=True, kw_only=True)
class InputFile:
    """A file of the operator that was read at the start, and is read again on SIGHUP."""

    path: str
    read: Callable[[], Any]
    """What it says now, comparable; blocks. Raises ConfigFault for what an operator must mend."""
    in_force: Any
    """What it said at the start."""
    apply: Callable[[Any], str | None] | None = None
    """Puts what it says in force, or says why only a restart does; None where that is always so."""
    taken: str = "is in force"
    """What is true of it once it is put in force: where that waits for something, this says so."""


@dataclass(frozen=True, slots=True)
class OwnStanding:
    """How a running monitor is at this moment: its state, its health, and its outbox."""

    state: Any
    health: Health
    outbox: OutboxStanding


@dataclass(frozen=True, kw_only=True)
class Monitor(Generic[S, O]):
    """One monitor, wired but not running."""

    name: str
    state: S
    """Where it begins: what it remembers of its last life."""
    decide: Callable[[S, O | Woken, Instant], tuple[S, Decision]]
    """The next state and what follows from one observation; pure, called for one after another."""
    sources: Sequence[Source[O]]
    rules: Any = None
    """The frozen rules by which it decides; with its state they are all that it goes by. None: it does not tell."""
    kinds: Callable[[], Kinds] | None = None
    """In which words these, its state and what it sees are written down, so that they can be played."""
    within: Callable[[S], Any] = lambda state: state
    """The state that these words have: all of it, or the part within, by which it decides. Pure."""
    effects: Effects[O] | None = None
    judge_unconfirmed: Callable[[S, Unconfirmed, Instant], Word] = lambda state, report, now: _NOBODY_JUDGES
    """Whether a report of its last life still holds, by what it knows now; pure. Asked of each whenever the state has
    changed, until it says one or the other: only then is the report delivered, or taken back."""
    is_well: Callable[[S, str], str] = lambda state, subject: ""
    """Why nobody need see to that subject any more, although masakari did not recover it: it was seen in this life to
    be well. Empty when it was not, or when that cannot be said; pure. Nothing hangs on it but that an alarm ends."""
    may_offer: Callable[[S, Notification, Instant], Leave] = lambda state, notification, now: Leave.NOW
    """Whether this report may leave at this moment: asked last of all, on any thread. What may not now stays
    pending until a decision takes it back, or until it may; what never may is ended."""
    held_patience: float = 60.0
    """Seconds for which it may say "later" of a report without anything being wrong."""
    settled: Callable[[Settled, Instant], O | None] = lambda report, now: None
    """The end of one of its reports as an observation, if it wants to know. Decided at once: what is remembered of it
    stands on disk exactly when the end does."""
    unsent: Callable[[Settled, Instant], O | None] = lambda report, now: None
    """One of its reports that was taken back, and that masakari has certainly not got, as an observation, if it wants
    to know: that it was made then counts for nothing. Of most that are taken back nobody can say so, and it is not
    told; nor where the process ends in between."""
    awaits_ends: Callable[[S], Collection[Made]] = lambda state: ()
    """The reports of which it does not know that they have ended, by subject and the time at which they were made;
    pure. Asked at its start: those that wait no more have ended when nobody noted that."""
    watch_delivery: Callable[[Callable[[], str]], None] = lambda trouble: None
    """Told once where to ask what trouble the delivery of its reports has (nothing while there is none)."""
    watch_following: Callable[[Following], None] = lambda following: None
    """Told once who follows what was delivered."""
    left_to: Callable[[str], str] = lambda subject: ""
    """Who else follows by now what masakari was told of that host (its subject); empty where nobody is known to."""
    watch_standing: Callable[[Callable[[], OwnStanding]], None] = lambda ask: None
    """Told once where to ask how it is itself."""
    fleet: Callable[[S], dict[str, JSON] | None] = lambda state: None
    """How the monitors of other hosts stand beside it, for people and programs; None where they tell it nothing."""
    reload: Callable[[], None] = lambda: None
    """Called on SIGHUP, for what a source follows by itself."""
    files: Sequence[InputFile] = ()
    """What is read again on SIGHUP beside that."""
    take_options: Callable[[Any], Collection[str]] = lambda fresh: ()
    """Told the configuration (ConfigOpts) that was read anew on SIGHUP: puts in force what it can of it, and names the
    options ("[section] name") that need no restart."""
    at_end: Callable[[S], Sequence[Remember]] = lambda state: ()
    """What its next life should find, asked once its last decision is made: nothing follows from its state any more.
    Pure. A process that is killed does not come to this."""
    close: Callable[[], Awaitable[None]] = _nothing
    """Called when the daemon stops."""
    describe: Callable[[S], Sequence[SubjectRow]] = lambda state: ()
    """What the status shows of each subject."""
    grid: Callable[[S], Grid | None] = lambda state: None
    """How each subject is seen by each of several ways; None where there is one way alone. Pure."""
    explain: Callable[[S, str, Instant], Explained | None] = lambda state, subject, now: None
    """How a subject stands at this moment, and each gate between it and masakari; None where it is not known. Pure."""
    count: Callable[[S, Instant], Standings] = lambda state, now: {}
    """How many of what it watches stand where, as `explain` tells of each. Pure."""
    holds: Collection[str] = ()
    """Every reason for which a row of the status may be held: a closed set."""
    reports: Callable[[S, Instant], bool | None] = lambda state, now: None
    """Whether this monitor is the one that reports, where one is elected among all hosts'; None where none is. Pure."""
    silences: Callable[[S], Book] | None = None
    """The silences that it knows, where its own decision holds what they hold; None where somebody else has to."""
    silence: Callable[[Wish], Awaitable[Answer]] | None = None
    """Does what a person wants of silences, and says in words what is so now; with `silences`."""
    views: Callable[[S, Instant], Sequence[View]] | None = None
    """What its sources see: one for each thing that may be out of sight by itself, always the same names. Pure. None
    where they do not tell, for which nobody can vouch: the monitor is never called well then."""
    watching: Sequence[str] = ()
    """What a person is told at start: one line each, "what is watched and where"."""
    try_this: Sequence[str] = ()
    """Commands that a newcomer may type to see a failure noticed."""
    in_vain: str = ""
    """Why it could never report anything as it is configured; empty where it could. `check` calls that a fault."""
