"""Everything around the pure core of the host monitor, as small as it can be: what may happen, and what must not.

Some monitors with the real `decide` see the same hosts, each has an outbox and a disk, one of them (or none, or all)
reports, and one masakari takes, refuses, answers late or not at all. A `Model` is one moment of that; a move makes
the next one and leaves the old one as it was.
"""

import datetime
from collections.abc import Callable, Hashable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from masakarimonitors.core.decision import (
    Command,
    Decision,
    Instant,
    Notify,
    Remember,
    Verdict,
    WakeAt,
    Withdraw,
    Woken,
)
from masakarimonitors.core.notification import ClusterStatus, HostEvent, HostNotification, HostStatus, Leave
from masakarimonitors.core.silences.book import SilencesSeen
from masakarimonitors.core.silences.silence import Silence
from masakarimonitors.core.storm import EVERYWHERE
from masakarimonitors.hostmonitor.core.decision import Decider
from masakarimonitors.hostmonitor.core.election.reporter import STAGGER_RANKS, STAGGER_STEP
from masakarimonitors.hostmonitor.core.evidence.matrix import Answer, Matrix
from masakarimonitors.hostmonitor.core.judging.leaving import may_offer
from masakarimonitors.hostmonitor.core.ledger import LedgerEntry
from masakarimonitors.hostmonitor.core.observation import (
    Answered,
    CheckLife,
    CheckPower,
    Follower,
    Leader,
    Life,
    LifeSeen,
    LookUpReports,
    Membership,
    NoElection,
    Observation,
    Outcome,
    Power,
    PowerSeen,
    ProofKind,
    Registry,
    ReportsFound,
    Sample,
    Sighting,
    View,
    WriteLedger,
)
from masakarimonitors.hostmonitor.core.state import Policy, ProofPolicy, State, restore
from tests.explore.search import Violation
from tests.explore.shape import BEGIN, Shape
from tests.fixtures.outages import undelivered

EPOCH = datetime.datetime(2026, 11, 22, tzinfo=datetime.UTC)
WINDOW = 180.0
A_DAY = 86400.0
RECOVERY = 219.0
"""Seconds in which masakari's engine works off a host's failure."""
GOOD_FOR = 8.0
AGAIN = 21.0
"""Seconds after which it has been said often enough that nobody can be elected."""
HELD_BACK = 1.0
"""Seconds until the outbox asks again whether a row may leave."""
STEPS = 1
"""Alarms after each turn of a story of few turns that go off one by one."""
TWIN = 0.02
"""Seconds within which two workers of masakari do not see what the other has accepted."""
NONE = "none"
"""Nobody leads; otherwise the number of a monitor."""

Decide = Callable[[State, Observation | Woken, Instant], tuple[State, Decision]]
SEEN = {value: Sighting(value, value.value) for value in Membership}


@dataclass(frozen=True, kw_only=True)
class Row:
    """One report in an outbox. `offered`: masakari may have it; `due`: not offered before this second, and never
    when it is negative (taken back); `outage`: of which outage of its host it tells, counted from 0; `since`: an
    equal report that was generated since then tells of the same."""

    host: str
    made: datetime.datetime
    stamp: datetime.datetime
    status: HostStatus
    flying: str = ""
    """What masakari has answered and the monitor has not heard yet."""
    offered: bool = False
    due: float = 0.0
    outage: int = 0
    since: datetime.datetime


@dataclass(frozen=True, kw_only=True)
class Kept:
    """One report that masakari has accepted. `outage`: which one it tells of; `during`: which one there was by then;
    `by`: the number of its monitor; `begun`: the second at which its engine began with it, None while it is away.
    `put_back`: its host was put back into service since."""

    host: str
    status: HostStatus
    stamp: datetime.datetime
    outage: int
    during: int
    by: int
    begun: float | None
    put_back: bool = False


@dataclass(frozen=True, kw_only=True)
class Rules:
    """What is explored: the cast, and which of the things that may happen do.

    `turns`: how many of those that time and masakari do not bring about by themselves happen in one story, at most;
    None: any number. A story of so many turns has an end, so all of them can be looked at, in coarser time: after each
    turn from alarm to alarm for `STEPS` of them, and after that only far beyond all that may be due.
    """

    name: str
    matrix: Matrix
    hosts: tuple[str, ...] = ("a", "b")
    monitors: int = 1
    elected: bool = False
    proof: bool = False
    stagger: float | None = None
    turns: int | None = None
    moves: frozenset[str] = frozenset()

    @property
    def fragile(self) -> tuple[str, ...]:
        """The hosts that may fail: not those of the monitors, where these have any."""
        own = {f"m{number}" for number in range(self.monitors)}
        return tuple(host for host in self.hosts if host not in own)

    def policy(self, monitor: int) -> Policy:
        policy = Policy(
            own=f"m{monitor}",
            matrix=self.matrix,
            proof=ProofPolicy() if self.proof else None,
            elected=self.elected,
            lookup="registry" in self.moves,
            strict=True,
        )
        return policy if self.stagger is None else replace(policy, stagger=self.stagger)


class Mind:
    """One monitor: what it has decided, its outbox, its disk, and when it wakes."""

    __slots__ = ("asked", "last", "memory", "proven", "rows", "state", "wake")

    def __init__(self, state: State) -> None:
        self.state = state
        self.rows: tuple[Row, ...] = ()
        self.memory: Mapping[str, Any] = {}
        self.wake: float | None = None
        self.last: Mapping[str, Verdict] = {}
        self.proven: Mapping[str, float] = {}
        self.asked: tuple[CheckPower, ...] = ()

    def copy(self) -> "Mind":
        """The same, to be changed."""
        new = object.__new__(Mind)
        new.state, new.rows, new.memory, new.wake = self.state, self.rows, self.memory, self.wake
        new.last, new.proven, new.asked = self.last, self.proven, self.asked
        return new


Fault = Callable[[Mind, Observation], Observation]
"""What a broken core would take an observation for."""


def sound(mind: Mind, observation: Observation) -> Observation:
    """What it is."""
    return observation


class Model:
    """One moment. `raw`: what the engine says of each host on each link; `sees`: which links show themselves.

    Shared by all moments that have come of the first: `decisions`, how often one was made, and `settled`, of which
    moments it is known for how many seconds all goes well after them, by how they are let be."""

    def __init__(self, rules: Rules, fault: Fault = sound) -> None:
        self.rules = rules
        self.fault = fault
        self.deciders = [Decider(rules.policy(number)) for number in range(rules.monitors)]
        self.seconds = 0.0
        self.decisions = [0]
        self.turns = rules.turns
        self.steps = STEPS
        self.settled: dict[tuple[str, int], float] = {}
        self.minds = [Mind(restore(decider.policy, {})) for decider in self.deciders]
        self.raw: dict[tuple[str, str], Membership] = {}
        self.standing: dict[tuple[str, str], Membership] = {}
        self.sees = dict.fromkeys(rules.matrix.sequence, "no")
        self.kept: tuple[Kept, ...] = ()
        self.api = "up"
        self.engine = "up"
        self.flagged: frozenset[str] = frozenset()
        self.who: str | int = NONE
        self.nobody_since = 0.0
        self.nobody_said = False
        self.ledger: Mapping[str, LedgerEntry] | None = {}
        self.outage = dict.fromkeys(rules.hosts, 0)
        # Since when each host that is up on no link has been so.
        self.fell: dict[str, float] = {}
        # To whom something has happened by itself: all others are alike, and only the first of these need be looked at.
        self.touched = frozenset({"m0"})
        # What somebody has silenced; one is enough, and there is no second.
        self.silence: Silence | None = None

    def copy(self) -> "Model":
        """The same moment, to be changed."""
        new = object.__new__(Model)
        new.__dict__.update(self.__dict__)
        new.minds = [mind.copy() for mind in self.minds]
        for name in ("raw", "standing", "sees", "outage", "fell"):
            setattr(new, name, dict(getattr(self, name)))
        return new

    # -- time -----------------------------------------------------------------------------------

    @property
    def now(self) -> Instant:
        return Instant(BEGIN + self.seconds, EPOCH + datetime.timedelta(seconds=self.seconds))

    def alarms(self) -> list[float]:
        """When (seconds from the beginning) something wakes."""
        return [mind.wake - BEGIN for mind in self.minds if mind.wake is not None]

    def wait(self, seconds: float) -> None:
        """Let time pass; whoever wakes meanwhile does, and is told again that nobody can be elected."""
        end = self.seconds + seconds
        again = self.nobody_since + AGAIN
        if self.rules.elected and self.who == NONE and not self.nobody_said and again <= end:
            self.nobody_said = True
            self.wait(max(0.0, again - self.seconds))
            for number in range(len(self.minds)):
                announce(self, number)
        while (first := min(self.alarms(), default=end + 1.0)) <= end:
            self.seconds = max(self.seconds, first)
            for number, mind in enumerate(self.minds):
                if mind.wake is not None and mind.wake - BEGIN <= self.seconds:
                    mind.wake = None
                    self.feed(number, Woken("hosts"))
        self.seconds = end

    # -- one observation ------------------------------------------------------------------------

    def tell(self, make: Callable[[int], Observation]) -> None:
        """Every monitor hears of it."""
        for number in range(len(self.minds)):
            self.feed(number, make(number))

    def feed(self, number: int, observation: Observation | Woken) -> None:
        """One monitor decides, and what it wants done is done."""
        mind = self.minds[number]
        if isinstance(observation, PowerSeen) and observation.power is Power.OFF:
            mind.proven = {**mind.proven, observation.host: self.seconds}
        if not isinstance(observation, Woken):
            observation = self.fault(mind, observation)
        self.decisions[0] += 1
        try:
            mind.state, decision = self.deciders[number](mind.state, observation, self.now)
        except Exception as error:
            raise Violation(f"m{number} could not judge {observation}: {error!r}") from error
        if decision.verdicts:
            mind.last = {**mind.last, **{verdict.subject: verdict for verdict in decision.verdicts}}
        for command in decision.commands:
            self._obey(number, mind, command)

    def _obey(self, number: int, mind: Mind, command: Command) -> None:
        match command:
            case Notify(HostNotification(event=HostEvent.STOPPED) as told):
                row = Row(
                    host=told.hostname,
                    made=told.generated_time,
                    stamp=told.generated_time,
                    status=told.host_status,
                    offered=command.again,
                    outage=self.outage[told.hostname],
                    since=command.since or told.generated_time,
                )
                mind.rows = (*mind.rows, row)
            case Withdraw(subject):
                mind.rows = tuple(row for row in mind.rows if f"host:{row.host}" != subject or row.flying)
                mind.rows = tuple(
                    replace(row, due=-1.0) if f"host:{row.host}" == subject else row for row in mind.rows
                )
            case Remember(key, value):
                mind.memory = {name: one for name, one in mind.memory.items() if name != key}
                if value is not None:
                    mind.memory = {**mind.memory, key: value}
            case WakeAt(_, at):
                mind.wake = at
            case WriteLedger(entries):
                self._write_ledger(number, entries)
            case CheckPower():
                mind.asked = (*(one for one in mind.asked if one.host != command.host), command)
            case CheckLife(host=host):
                life = Life.ALIVE if self.lives(host) else Life.SILENT
                answer = LifeSeen(host=host, life=life, evidence="tcp", at=self.now, in_reply_to=command)
                self.feed(number, answer)
            case LookUpReports():
                self.feed(number, self._found(command))

    def _write_ledger(self, number: int, entries: Mapping[str, LedgerEntry]) -> None:
        if self.who != number:
            return
        self.ledger = dict(entries)
        for other in range(len(self.minds)):
            if other != number:
                self.feed(other, self.follower(number))

    def _found(self, request: LookUpReports) -> ReportsFound:
        found: bool | None = None
        finished = False
        if self.api == "up":
            equal = [
                one
                for one in self.kept
                if one.host == request.host
                and one.status in (request.host_status, HostStatus.NORMAL)
                and (one.stamp >= request.since or (request.unfinished_since and self._unfinished(one)))
            ]
            found = bool(equal)
            finished = request.every and not any(self._unfinished(one) for one in equal)
        return ReportsFound(
            host=request.host,
            found=found,
            evidence="GET",
            at=self.now,
            in_reply_to=request,
            finished=finished,
        )

    def reply(self, number: int, request: CheckPower, power: Power, kind: ProofKind = ProofKind.BMC) -> None:
        """A BMC has answered, or the engine that has fenced the host."""
        mind = self.minds[number]
        mind.asked = tuple(one for one in mind.asked if one != request)
        seen = PowerSeen(
            host=request.host,
            power=power,
            evidence=kind.value,
            at=self.now,
            in_reply_to=request,
            kind=None if power is Power.NO_PROOF else kind,
        )
        self.feed(number, seen)

    def answer_power(self) -> None:
        """Every BMC that was asked says what is true."""
        for number, mind in enumerate(self.minds):
            for request in mind.asked:
                self.reply(number, request, Power.OFF if self.fails(request.host) else Power.ON)

    def has(self, host: str, status: HostStatus) -> bool:
        """Whether masakari knows of this outage of the host."""
        during = self.outage[host]
        return any((one.host, one.status, one.during) == (host, status, during) for one in self.kept)

    def follower(self, leader: int) -> Follower:
        """That monitor leads, as another is told it."""
        return Follower(leader=f"m{leader}", why="lock", at=self.now, ledger=self.ledger)

    # -- what is true ---------------------------------------------------------------------------

    def fails(self, host: str) -> bool:
        """Whether the engine's standing word about the host asks for recovery."""
        values = [self.standing[host, link] for link in self.rules.matrix.sequence]
        return self.rules.matrix.ask(values) is Answer.RECOVER

    def lives(self, host: str) -> bool:
        """Whether something of it answers: where hosts live, for as long as it is up on a link."""
        up = any(self.raw[host, link] is Membership.UP for link in self.rules.matrix.sequence)
        return "lives" in self.rules.moves and up

    def is_back(self, host: str) -> bool:
        """Whether the host is up on every link, whoever sees it."""
        return all(self.raw[host, link] is Membership.UP for link in self.rules.matrix.sequence)

    def up_where_seen(self, host: str) -> bool:
        """Whether the host is up on every link that shows itself, and one does."""
        seen = [link for link, how in self.sees.items() if how != "no"]
        return bool(seen) and all(self.raw[host, link] is Membership.UP for link in seen)

    def says(self, host: str, link: str, value: Membership) -> None:
        """The engine's word from now on; who is lost stays lost when it is forgotten or reaped."""
        self.raw[host, link] = value
        before = self.standing.get((host, link))
        if not (before is Membership.DOWN and value in (Membership.LEFT, Membership.UNKNOWN)):
            self.standing[host, link] = value
        if "lives" in self.rules.moves:
            if any(self.raw.get((host, one)) is Membership.UP for one in self.rules.matrix.sequence):
                self.fell.pop(host, None)
            else:
                self.fell.setdefault(host, self.seconds)
        values = [self.standing.get((host, one)) for one in self.rules.matrix.sequence]
        if Membership.UP in values and not {Membership.DOWN, Membership.UNKNOWN} & set(values):
            self.outage[host] += 1

    def listing(self, link: str) -> Sample:
        """Everything that the engine says on one link."""
        hosts = {
            host: SEEN[self.raw[host, link]]
            for host in self.rules.hosts
            if self.raw[host, link] is not Membership.UNKNOWN
        }
        return Sample(link, hosts, self.now, whole=True)

    def see(self, link: str, number: int | None = None) -> None:
        """The link shows itself, to all or to one."""
        self.sees[link] = "yes"
        for one in range(len(self.minds)) if number is None else (number,):
            self.feed(one, View(link=link, proven=True, why="read", at=self.now))
            self.feed(one, self.listing(link))

    # -- silences -------------------------------------------------------------------------------

    def silenced(self, host: str, seconds: float) -> None:
        """Somebody silences the host."""
        until = self.now.wall + datetime.timedelta(seconds=seconds)
        self.silence = Silence(
            key="s1", target=f"host:{host}", made=self.now.wall, until=until, author="a person", reason="work"
        )
        self._tell_silence(self.silence)

    def unsilenced(self) -> None:
        """Somebody ends that."""
        assert self.silence is not None
        self.silence = replace(self.silence, ended=self.now.wall, ended_by="a person")
        self._tell_silence(self.silence)

    def _tell_silence(self, silence: Silence) -> None:
        self.tell(lambda number: SilencesSeen([silence]))

    def is_silenced(self, host: str) -> bool:
        """Whether nothing may be told of the host at this moment."""
        one = self.silence
        return (
            one is not None and one.ended is None and self.now.wall < one.until and one.covers(f"host:{host}")
        )

    # -- masakari -------------------------------------------------------------------------------

    def offer(self, number: int, row: Row) -> Row | None:
        """The row leaves, if its monitor lets it, and arrives; as it flies from then on. None: it has not left."""
        offered = None
        match self._may_leave(number, row):
            case Leave.NOW:
                offered = self._arrive(number, row)
                self.swap(number, row, offered)
            case Leave.LATER:
                self.swap(number, row, replace(row, due=self.seconds + HELD_BACK))
            case Leave.NEVER:
                self.swap(number, row, None)
        return offered

    def _may_leave(self, number: int, row: Row) -> Leave:
        told = HostNotification(
            row.host,
            row.made,
            event=HostEvent.STOPPED,
            cluster_status=ClusterStatus.OFFLINE,
            host_status=row.status,
        )
        return may_offer(self.deciders[number].policy, self.minds[number].state, told, self.now)

    def _arrive(self, number: int, row: Row) -> Row:
        """How it is answered stands in it."""
        who = f"m{number}"
        if self.is_silenced(row.host):
            raise Violation(f"{who} offers a failure of {row.host}, which is silenced")
        if self.up_where_seen(row.host):
            raise Violation(f"{who} offers a failure of {row.host}, which is up wherever it is seen")
        answer = "202"
        if row.host in self.flagged:
            # It may be what this report has brought about: that is looked up.
            brought = row.offered and any(one.stamp == row.stamp for one in self.kept)
            answer = "202" if brought else "refused"
        elif any(
            (one.host, one.status) == (row.host, row.status)
            and (one.stamp - row.stamp).total_seconds() >= -WINDOW
            and not self._passed_by(number, one, row)
            for one in self.kept
        ):
            # The outbox asks masakari which report it is that stands there.
            there = any(
                (one.host, one.status) == (row.host, row.status) and one.stamp >= min(row.made, row.since)
                for one in self.kept
            )
            answer = "202" if there else "duplicate"
        else:
            self._accept(number, row)
        return replace(row, flying=answer, offered=True)

    def _passed_by(self, number: int, one: Kept, row: Row) -> bool:
        """Whether no worker can have seen the other's: each was offered as it was made, moments apart."""
        if "twins" not in self.rules.moves or one.by == number:
            return False
        return max((self.now.wall - made).total_seconds() for made in (one.stamp, row.stamp)) < TWIN

    def _accept(self, number: int, row: Row) -> None:
        self._prove(number, row)
        same = (row.host, row.status, row.outage)
        if any((one.host, one.status, one.outage) == same and not one.put_back for one in self.kept):
            raise Violation(f"masakari accepts a second {row.status.value} of one outage of {row.host}")
        kept = Kept(
            host=row.host,
            status=row.status,
            stamp=row.stamp,
            outage=row.outage,
            during=self.outage[row.host],
            by=number,
            begun=None,
        )
        self.kept = (*self.kept, kept)
        self.begin()

    def begin(self) -> None:
        """Its engine begins with what is new, unless it is away: it sets the flag before anything else."""
        if self.engine == "away":
            return
        new = {
            one.host
            for one in self.kept
            if one.begun is None and one.status is HostStatus.NORMAL and not self._is_given_up(one)
        }
        if "registry" in self.rules.moves:
            self.flagged |= new
        self.kept = tuple(replace(one, begun=self.seconds) if one.begun is None else one for one in self.kept)

    def _unfinished(self, one: Kept) -> bool:
        return one.begun is None or self.seconds < one.begun + RECOVERY

    def put_back(self, host: str) -> bool:
        """An operator puts the host back into service; masakari does not let them while its engine is at it."""
        if any(self._unfinished(one) for one in self.kept if one.host == host):
            return False
        self.flagged -= {host}
        # Whoever does that asks for the next failure of it, also while it is down.
        self.kept = tuple(replace(one, put_back=one.put_back or one.host == host) for one in self.kept)
        return True

    def _prove(self, number: int, row: Row) -> None:
        policy = self.deciders[number].policy
        if row.status is not HostStatus.NORMAL or self.lives(row.host):
            return
        if policy.proof is None:
            self._fallen_long_ago(number, row.host)
            return
        shown = self.minds[number].proven.get(row.host)
        if shown is None or self.seconds - shown > 2 * policy.proof.answer_limit:
            age = "none" if shown is None else f"{self.seconds - shown:.0f} s old"
            raise Violation(f"m{number} offers NORMAL of {row.host}; its proof is {age}")

    def _fallen_long_ago(self, number: int, host: str) -> None:
        """Where nothing can prove that it is off."""
        fell, policy = self.fell.get(host), self.deciders[number].policy
        if fell is None:
            return
        if self.seconds - fell < policy.unproven_settle:
            raise Violation(
                f"m{number} offers NORMAL of {host} {self.seconds - fell:g} s after its last link fell"
            )
        if policy.guard.too_many(EVERYWHERE, sum(map(self.fails, self.rules.hosts)), len(self.rules.hosts)):
            raise Violation(f"m{number} offers NORMAL of {host}, which fails together with all others")

    def answer(self, number: int, row: Row) -> None:
        """The monitor hears what masakari has answered."""
        mind = self.minds[number]
        taken_back = row.due < 0
        if row.flying == "duplicate" and not taken_back:
            later = replace(
                row,
                flying="",
                offered=False,
                due=self.seconds + WINDOW + 5.0,
                stamp=self.now.wall + datetime.timedelta(seconds=WINDOW + 5.0),
            )
            mind.rows = tuple(later if one is row else one for one in mind.rows)
            return
        mind.rows = tuple(one for one in mind.rows if one is not row)
        if row.flying == "duplicate":
            return
        outcome = Outcome.ACCEPTED if row.flying == "202" else Outcome.REFUSED
        self.feed(number, self.answered(row, outcome))

    def answered(self, row: Row, outcome: Outcome) -> Answered:
        """The end of a row, as its monitor hears of it."""
        return Answered(
            host=row.host,
            made_at=row.made,
            host_status=row.status,
            outcome=outcome,
            why=row.flying or outcome.value,
            at=self.now,
            doubted=outcome is Outcome.EXPIRED and row.offered,
        )

    def swap(self, number: int, old: Row, new: Row | None) -> None:
        """A row of that monitor's outbox has become another, or is gone."""
        mind = self.minds[number]
        changed = [new if row is old else row for row in mind.rows]
        mind.rows = tuple(row for row in changed if row is not None)

    def heads(self) -> Iterator[tuple[int, Row]]:
        """Of each monitor and host: the oldest row, which alone may be offered or answered."""
        for number, mind in enumerate(self.minds):
            hosts: set[str] = set()
            for row in mind.rows:
                if row.host not in hosts:
                    hosts.add(row.host)
                    yield number, row

    def deliver_all(self) -> None:
        """Whatever waits is offered and answered, over and over, until nothing is due."""
        for _ in range(20):
            due = [
                (number, row)
                for number, row in self.heads()
                if row.flying or (self.api == "up" and 0 <= row.due <= self.seconds)
            ]
            if not due:
                return
            for number, row in due:
                if row not in self.minds[number].rows:
                    continue
                flying = row if row.flying else self.offer(number, row)
                if flying is not None:
                    self.answer(number, flying)

    def to_put_back(self, host: str) -> bool:
        """Whether masakari has put the host out of service, or comes to that yet, and nobody has put it back.

        masakari gives up what it has not begun with within a day, and so does a monitor that cannot look.
        """
        return any(
            (one.host, one.status) == (host, HostStatus.NORMAL)
            and not one.put_back
            and not self._is_given_up(one)
            for one in self.kept
        )

    def _is_given_up(self, one: Kept) -> bool:
        return (self.now.wall - one.stamp).total_seconds() >= A_DAY

    # -- the same moment ------------------------------------------------------------------------

    def key(self) -> Hashable:
        """What tells this moment from others."""
        minds = [
            (
                mind.state,
                mind.wake,
                [self._plain(row) for row in mind.rows],
                mind.memory,
                mind.asked,
                {host: at + BEGIN for host, at in mind.proven.items()},
                self._turns(mind),
            )
            for mind in self.minds
        ]
        world = (
            self.raw,
            self.standing,
            self.sees,
            [self._told(one) for one in self._recent()],
            self.api,
            self.engine,
            self.flagged,
            self.who,
            self.nobody_since + BEGIN if self.who == NONE else 0.0,
            self.ledger,
            {host: at + BEGIN for host, at in self.fell.items()},
            (self.turns, self.steps) if self.turns is not None else None,
            self.silence,
        )
        return Shape(self.now).of((minds, world))

    def _turns(self, mind: Mind) -> tuple[float, ...]:
        """How long until its turns while all report: they come round by the wall clock."""
        round_ = STAGGER_STEP * (STAGGER_RANKS + 1)
        slots = [host.outage.stagger for host in mind.state.hosts.values() if host.outage is not None]
        wall = self.now.wall.timestamp()
        return tuple(round((slot - wall) % round_, 2) for slot in slots if slot is not None)

    def _plain(self, row: Row) -> tuple[Any, ...]:
        fresh = row.outage == self.outage[row.host]
        due = row.due + BEGIN if row.due > 0 else row.due
        return (row.host, row.made, row.since, row.stamp, row.status, row.flying, row.offered, due, fresh)

    def _told(self, one: Kept) -> tuple[Any, ...]:
        now = self.outage[one.host]
        fresh = (one.outage == now, one.during == now, one.put_back)
        return (
            one.host,
            one.status,
            one.stamp,
            *fresh,
            one.by,
            None if one.begun is None else one.begun + BEGIN,
        )

    def _recent(self) -> list[Kept]:
        """What masakari has accepted that still matters: of this outage, or within its window."""
        return [
            one
            for one in self.kept
            if self.outage[one.host] in (one.outage, one.during)
            or (self.now.wall - one.stamp).total_seconds() <= WINDOW
        ]


def reborn(model: Model, number: int) -> None:
    """That monitor's process ends, and another begins with what is on disk."""
    mind = model.minds[number]
    mind.state = restore(model.deciders[number].policy, mind.memory)
    gone = set(undelivered(mind.state))
    mind.rows = tuple(
        replace(row, flying="", due=max(row.due, 0.0))
        for row in mind.rows
        if row.host not in gone and row.due >= 0
    )
    mind.wake, mind.last, mind.proven, mind.asked = None, {}, {}, ()
    for link, how in model.sees.items():
        if how == "yes":
            model.see(link, number)
    announce(model, number)


def announce(model: Model, number: int) -> None:
    """That monitor hears who reports."""
    if not model.rules.elected:
        return
    if model.who == number:
        model.feed(number, Leader(why="lock", at=model.now, ledger=model.ledger))
    elif isinstance(model.who, int):
        model.feed(number, model.follower(model.who))
    else:
        since = BEGIN + model.nobody_since
        model.feed(number, NoElection(why="no leader", since=since, at=model.now))


def registry(model: Model) -> Registry:
    """What masakari's segments hold."""
    return Registry({host: host in model.flagged for host in model.rules.hosts}, "GET", model.now)
