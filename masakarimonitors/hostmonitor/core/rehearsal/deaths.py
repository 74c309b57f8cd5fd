"""These hosts die now: what is reported of each, when, what holds it until then, and who reports.

Pure. In: the rules, how things stand (or that all is well), who dies, and a supposed world. Out: the fate of each, and
all that was supposed. The decision is the very one of the monitor.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
from functools import partial

from masakarimonitors.core.decision import Instant
from masakarimonitors.core.explained import GateSeen, Passage
from masakarimonitors.core.notification import HostEvent, HostNotification, HostStatus
from masakarimonitors.core.rehearsal.stage import Stage
from masakarimonitors.hostmonitor.core.decision import ALARM, Decider
from masakarimonitors.hostmonitor.core.election.reporter import Standing
from masakarimonitors.hostmonitor.core.explained import SUBJECT, explain
from masakarimonitors.hostmonitor.core.observation import (
    Follower,
    Leader,
    Membership,
    Power,
    PowerSeen,
    ProofKind,
    Sample,
    Sighting,
    View,
)
from masakarimonitors.hostmonitor.core.outages.host import HostState
from masakarimonitors.hostmonitor.core.rehearsal.standing import NoPlay as NoPlay
from masakarimonitors.hostmonitor.core.rehearsal.standing import under
from masakarimonitors.hostmonitor.core.rehearsal.supposed import LISTED, SUPPOSED, Supposed, World
from masakarimonitors.hostmonitor.core.state import Policy, State, restore

_UP, _DOWN = Sighting(Membership.UP, SUPPOSED), Sighting(Membership.DOWN, SUPPOSED)


class Fate(StrEnum):
    """What comes of one of those that die."""

    REPORTED = "reported"
    """masakari is told, and recovers it."""
    UNPROVEN = "reported without proof"
    """masakari is told that it failed, and recovers nothing before there is proof."""
    HELD = "held"
    """It fails, and a gate keeps that from masakari for as long as was played."""
    NOTHING = "not judged failed"
    """By what is seen of it then, nobody asks that it be recovered."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """Who dies, and what is asked of it; seconds.

    `hosts` in the order in which they die, `gap` apart; `links`: what they lose (none: all, and they are dead).
    `within`: for how long it is played after the first. `takeover`: after how long another monitor reports if the
    reporter dies with them.
    """

    hosts: Sequence[str]
    links: Sequence[str] = ()
    gap: float = 0.0
    within: float = 900.0
    takeover: float = 30.0


@dataclass(slots=True, kw_only=True)
class Held:
    """A gate that held one, from and until; None: at the end it did still. `looks_again`: when it would by itself."""

    gate: str
    reason: str
    why: str
    release: str
    since: float
    until: float | None = None
    looks_again: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class HostFate:
    """One of those that die; times are in seconds from the moment at which the first was seen lost."""

    host: str
    fate: Fate
    lost: float
    reported: float | None = None
    why: str = ""
    proof: str = ""
    held: Sequence[Held] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class StormSeen:
    """A storm, from and until (None: it went on), and how many it counted at most."""

    scope: str
    since: float
    until: float | None
    hosts: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """All of it. `reporter`: who reports, in words; `supposed`: what was taken for true that nobody has seen."""

    hosts: Sequence[HostFate]
    storms: Sequence[StormSeen]
    reporter: str
    known: int
    supposed: Sequence[str]
    defects: Sequence[str] = ()
    decisions: int = 0


def play(
    policy: Policy,
    question: Question,
    supposed: Supposed,
    *,
    now: Instant,
    live: State | None,
    well: Sequence[str] = (),
) -> Outcome:
    """`live`: how the monitor stands; None: all of `well` are up, and everything is in sight. Raises NoPlay."""
    return _Play(policy, question, supposed, now, live, well).run()


class _Play:
    """One play, prepared and then run."""

    def __init__(
        self,
        policy: Policy,
        question: Question,
        supposed: Supposed,
        now: Instant,
        live: State | None,
        well: Sequence[str],
    ) -> None:
        self.question, self.supposed, self.live = question, supposed, live
        self.said: list[str] = []
        known = list(live.hosts) if live is not None else list(well)
        self.dying = _named(question.hosts, [*known, policy.own])
        self.all = sorted({*known, policy.own})
        observer = self._observer(policy, known)
        self.strange = observer != policy.own
        # The other names are those of the host that was asked, which is one of the dead then.
        names = frozenset[str]() if self.strange else policy.own_names
        self.policy = replace(policy, own=observer, own_names=names)
        state = live if live is not None else restore(self.policy, {})
        self.world = World(supposed, self._registered(state), state.cluster.segments)
        self.watched = _Watched(policy=self.policy, names=self.dying)
        self.stage: Stage[State] = Stage(
            Decider(self.policy),
            under(self.policy, state),
            now,
            answers=self.world.answers,
            on_moment=self.watched.look,
        )

    # -- how it begins ------------------------------------------------------------------------------

    def _observer(self, policy: Policy, known: Sequence[str]) -> str:
        """Whose monitor is played: this one's, or where it dies with them that of one which lives."""
        if policy.own not in self.dying or self.question.links:
            return policy.own
        reporter = self.live.cluster.reporter.leader if self.live is not None else ""
        living = [host for host in known if host not in self.dying]
        if not living:
            raise NoPlay("no host is left whose monitor could report anything: all that are known die")
        chosen = reporter if reporter in living else sorted(living)[0]
        self.said.append(
            f"{policy.own}, whose monitor was asked, dies with them: the monitor of {chosen} is played, as if it saw "
            "the same"
        )
        return chosen

    def _registered(self, state: State) -> Mapping[str, bool] | None:
        """Host -> whether masakari has it on maintenance; None where it is not asked, or has not answered."""
        if not self.policy.lookup:
            return None
        if self.live is None:
            self.said.append(
                "masakari has every one of these hosts in an enabled segment, none on maintenance"
            )
            return dict.fromkeys(self.all, False)
        if state.cluster.segments.hosts is None:
            return None
        flags = {name.casefold() for name in state.cluster.maintenance}
        return {name: fold in flags for fold, name in state.cluster.segments.hosts.items()}

    def _open(self) -> None:
        """What is seen from now on is what was seen last, and stays so."""
        policy, stage = self.policy, self.stage
        if stage.state.wake_at is not None:
            stage.wake(ALARM, stage.state.wake_at)
        whole = dict.fromkeys(self.all, _UP)
        for link in policy.matrix.sequence:
            view = stage.state.cluster.views[link]
            if self.live is None:
                stage.show(View(link=link, proven=True, why=SUPPOSED, at=stage.now))
                stage.show(Sample(link, whole, stage.now, whole=True, idle=frozenset(whole)))
                continue
            if view.proven:
                stage.show(View(link=link, proven=True, why=view.why, at=stage.now))
            if self.strange:
                stage.show(
                    Sample(link, {name: _UP for name in self.all if name not in stage.state.hosts}, stage.now)
                )
        if self.world.registered is not None:
            stage.show(self.world.registry(stage.now))
            self._list_again()

    def _list_again(self) -> None:
        def listed(now: Instant) -> object:
            self._list_again()
            return self.world.registry(now)

        self.stage.later(LISTED, listed)

    def _elect(self, dead_at: float) -> str:
        """Who reports, from the beginning and after the reporter's death; in words. `dead_at`: when they die."""
        policy, stage, takeover = self.policy, self.stage, self.question.takeover
        reporter = stage.state.cluster.reporter
        if not policy.elected:
            return (
                "every monitor that runs, one after another; each looks first whether masakari has the report"
            )
        here = f"the monitor of {policy.own}"
        if self.live is None:
            stage.show(Leader(why=SUPPOSED, at=stage.now, ledger={}))
            self.said.append(f"{here} is the reporter")
            return here
        ledger = dict(self.live.cluster.ledger)
        if reporter.standing in (Standing.LEADER, Standing.FOLLOWER):
            lost = self.strange if reporter.standing is Standing.LEADER else reporter.leader in self._dead
            if not lost:
                stage.show(Leader(why=reporter.why, at=stage.now, ledger=ledger))
                if reporter.standing is Standing.LEADER:
                    return here
                self.said.append(
                    f"the monitor of {reporter.leader or 'another host'} is the reporter, and sees what this one sees"
                )
                return f"the monitor of {reporter.leader or 'another host'}"
            gone = reporter.leader or "the host that is asked"
            stage.show(Follower(leader=gone, why=SUPPOSED, at=stage.now, ledger=ledger))
            stage.later(dead_at + takeover, lambda now: Leader(why=SUPPOSED, at=now, ledger=ledger))
            self.said.append(
                f"the reporter dies with them, and {takeover:g} s later another monitor reports (--takeover)"
            )
            return f"until then the monitor of {gone}, which dies; {takeover:g} s later another, played here as {here}"
        words = {
            Standing.NO_ELECTION: "nobody: none is elected at present",
            Standing.ALL: "every monitor: none could be elected",
        }
        return words.get(reporter.standing, "not known: there was no word of the election yet")

    @property
    def _dead(self) -> frozenset[str]:
        return frozenset() if self.question.links else frozenset(self.dying)

    # -- what happens -------------------------------------------------------------------------------

    def run(self) -> Outcome:
        """All of it."""
        policy, stage, question = self.policy, self.stage, self.question
        self._open()
        # Until what is seen first is firm, and one moment more.
        firm = policy.samples * policy.sample_interval + 1.0 if policy.samples > 1 else 1.0
        reporter = self._elect(firm)
        links = [link for link in policy.matrix.sequence if link in question.links or not question.links]
        lost = {}
        for number, name in enumerate(host for host in self.dying if host != policy.own):
            lost[name] = number * question.gap
            self._lose(name, links, firm + lost[name])
        self.watched.begin = firm
        ended = stage.play(firm + question.within)
        if not ended:
            stage.seen.defects.append(
                "the play was ended after too many decisions: what follows is not known"
            )
        self._suppose()
        return Outcome(
            hosts=[self._fate(name, lost[name]) for name in lost],
            storms=self.watched.storms(),
            reporter=reporter,
            known=len(self.all),
            supposed=self.said,
            defects=stage.seen.defects,
            decisions=stage.seen.decisions,
        )

    def _lose(self, name: str, links: Sequence[str], at: float) -> None:
        for link in links:
            self.stage.later(at, partial(_down, name, link))
        fenced = self.supposed.fenced
        if fenced is not None and not self.supposed.alive:
            self.stage.later(
                at + fenced,
                lambda now: PowerSeen(
                    host=name, power=Power.OFF, evidence=SUPPOSED, at=now, kind=ProofKind.FENCED
                ),
            )

    def _suppose(self) -> None:
        question = self.question
        lost = " and ".join(question.links) if question.links else "every link"
        moment = f"{question.gap:g} s after one another" if question.gap else "all in one moment"
        self.said.insert(
            0,
            f"{len(self.dying)} of {len(self.all)} hosts are seen lost on {lost}, {moment}; times count from the "
            "first. What the cluster engine takes to see that comes on top",
        )
        self.said.append("what else is seen stays as it is, and no other host fails or comes back")
        self.said.append(
            "masakari takes each report within a second, and has none of these failures from elsewhere"
        )
        if self.supposed.alive:
            self.said.append("the hosts live on: something of them answers, and a BMC that is known says on")
        elif self.policy.proof is None:
            self.said.append("nothing of the hosts answers any more; nobody is asked whether they are off")
        else:
            self.said.append("nothing of the hosts answers any more")

    def _fate(self, name: str, lost: float) -> HostFate:
        stage, begin = self.stage, self.watched.begin
        reports = [
            one for one in stage.seen.reports if _is_of(one.notify.notification, name) and one.at >= begin
        ]
        back = [one.at for one in stage.seen.taken_back if one.withdraw.subject == f"{SUBJECT}{name}"]
        # What is taken back and made anew with proof has one moment: the word before goes first.
        stands = [one for one in reports if not any(at > one.at for at in back)]
        held = self.watched.held(name)
        fate, when, why = Fate.HELD, None, ""
        for status, fated in ((HostStatus.NORMAL, Fate.REPORTED), (HostStatus.UNKNOWN, Fate.UNPROVEN)):
            found = next((one for one in stands if _status(one.notify.notification) is status), None)
            if found is not None:
                fate, when, why = fated, found.at - begin, found.notify.why
                break
        else:
            told = explain(stage.state, self.policy, f"{SUBJECT}{name}", stage.now)
            why = told.why if told is not None else "nothing is known of it"
            host = stage.state.hosts.get(name)
            if host is None or host.outage is None:
                fate = Fate.NOTHING
        return HostFate(
            host=name,
            fate=fate,
            lost=lost,
            reported=when,
            why=why,
            proof=self.supposed.proof(name) if self.policy.proof is not None else "not asked for",
            held=held,
        )


def _down(name: str, link: str, now: Instant) -> Sample:
    return Sample(link, {name: _DOWN}, now)


def _named(wanted: Sequence[str], known: Sequence[str]) -> tuple[str, ...]:
    """Each as it is known, once; raises NoPlay."""
    ours = {name.casefold(): name for name in known}
    unknown = [name for name in wanted if name.casefold() not in ours]
    if unknown:
        raise NoPlay(f"no host is known by the name {', '.join(unknown)}")
    return tuple(dict.fromkeys(ours[name.casefold()] for name in wanted))


def _is_of(told: object, name: str) -> bool:
    return isinstance(told, HostNotification) and told.event is HostEvent.STOPPED and told.hostname == name


def _status(told: object) -> HostStatus | None:
    return told.host_status if isinstance(told, HostNotification) else None


@dataclass(slots=True, kw_only=True)
class _Watched:
    """What is seen of those that die at each moment of the play: which gate holds each, and which storms stand."""

    policy: Policy
    names: Sequence[str]
    begin: float = 0.0
    _held: dict[str, list[Held]] = field(default_factory=dict)
    _last: dict[str, tuple[object, ...]] = field(default_factory=dict)
    _storms: dict[str, list[StormSeen]] = field(default_factory=dict)

    def look(self, at: float, state: State) -> None:
        """At the end of each moment."""
        if at < self.begin or not self.begin:
            return
        after, cluster = at - self.begin, state.cluster
        self._look_at_storms(after, state)
        assert state.decided is not None
        for name in self.names:
            host = state.hosts.get(name)
            if host is None:
                continue
            same = (host, cluster.storms, cluster.reporter, cluster.segments, cluster.maintenance)
            last = self._last.get(name)
            if last is not None and all(one is other for one, other in zip(same, last, strict=True)):
                continue
            self._last[name] = same
            self._keep(name, after, self._first(state, name, host), state.decided)

    def _first(self, state: State, name: str, host: HostState) -> GateSeen | None:
        if host.outage is None or state.decided is None:
            return None
        told = explain(state, self.policy, f"{SUBJECT}{name}", state.decided)
        return next((one for one in (told.gates if told else ()) if one.passage is Passage.HOLDS), None)

    def _keep(self, name: str, after: float, gate: GateSeen | None, now: Instant) -> None:
        kept = self._held.setdefault(name, [])
        last = kept[-1] if kept and kept[-1].until is None else None
        again = None
        if gate is not None and gate.until is not None:
            again = after + (gate.until - now.wall).total_seconds()
        if last is not None and gate is not None and (last.gate, last.reason) == (gate.name, gate.reason):
            last.why, last.looks_again = gate.why, again
            return
        if last is not None:
            last.until = after
            if last.until <= last.since:
                kept.pop()
        if gate is not None:
            kept.append(
                Held(
                    gate=gate.name,
                    reason=gate.reason,
                    why=gate.why,
                    release=gate.release,
                    since=after,
                    looks_again=again,
                )
            )

    def _look_at_storms(self, after: float, state: State) -> None:
        for scope, storm in state.cluster.storms.items():
            seen = self._storms.setdefault(scope, [])
            if seen and seen[-1].until is None:
                seen[-1] = replace(seen[-1], hosts=max(seen[-1].hosts, len(storm.failed)))
            else:
                seen.append(StormSeen(scope=scope, since=after, until=None, hosts=len(storm.failed)))
        for scope, seen in self._storms.items():
            if scope not in state.cluster.storms and seen[-1].until is None:
                seen[-1] = replace(seen[-1], until=after)

    def held(self, name: str) -> Sequence[Held]:
        """What held it, in order."""
        return self._held.get(name, ())

    def storms(self) -> Sequence[StormSeen]:
        """All of them."""
        return [one for _, seen in sorted(self._storms.items()) for one in seen]
