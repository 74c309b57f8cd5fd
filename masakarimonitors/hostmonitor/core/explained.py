"""Why a host is reported, or why not, at this moment: each gate in order, asked once more and for nothing but its word.

Pure, of one host. In: the state as it is. Out: facts for people. It asks the very gates that a report has to pass
(`pursue.GATES`), and nothing of what they would ask or say goes anywhere.
"""

import datetime
import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum

from masakarimonitors.core.decision import Instant
from masakarimonitors.core.explained import (
    Explained,
    GateSeen,
    Passage,
    Standing,
    Standings,
    in_order,
    wall_at,
)
from masakarimonitors.core.silences import telling
from masakarimonitors.core.storm import EVERYWHERE
from masakarimonitors.hostmonitor.core.evidence.matrix import Answer
from masakarimonitors.hostmonitor.core.judging import afterwards
from masakarimonitors.hostmonitor.core.judging.court import Court
from masakarimonitors.hostmonitor.core.judging.gates import SEGMENTS_AGE, Case, Hold
from masakarimonitors.hostmonitor.core.judging.pursue import GATES
from masakarimonitors.hostmonitor.core.observation import Membership, Work
from masakarimonitors.hostmonitor.core.outages import messages
from masakarimonitors.hostmonitor.core.outages.host import HostState
from masakarimonitors.hostmonitor.core.outages.outage import Fate, Outage, Phase
from masakarimonitors.hostmonitor.core.outages.reasons import TO_DO, Reason
from masakarimonitors.hostmonitor.core.state import Policy, State

SUBJECT = "host:"
"""What a host's subject begins with."""


class GateName(StrEnum):
    """The gates by name, those of `GATES` in their order behind the two of what is seen."""

    MATRIX = "the matrix asks for recovery"
    SETTLED = "settled"
    IN_SERVICE = "seen in service"
    SAYABLE = "its name can be reported"
    SILENCE = telling.GATE
    WORK = "no planned work"
    STORM = "no storm"
    REPORTER = "this monitor reports"
    NOT_REFUSED = "not refused by masakari"
    PROVEN = "proven off"
    LIFELESS = "no sign of life is known"
    NOT_TWICE = "not told by another"


_BEFORE = (GateName.MATRIX,)
NAMED = dict(zip((name for name in GateName if name not in _BEFORE), GATES, strict=True))
"""Each gate of a report by its name."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Seen:
    """One host and by what it is judged now."""

    name: str
    host: HostState
    court: Court

    @property
    def case(self) -> Case:
        return self.court.case(self.name, self.host)

    @property
    def values(self) -> tuple[Membership, ...]:
        return self.court.values(self.host)

    def wall(self, monotonic: float | None) -> datetime.datetime | None:
        return wall_at(self.court.now, monotonic)


def explain(state: State, policy: Policy, subject: str, now: Instant) -> Explained | None:
    """How that subject stands; None where it is neither host nor silence, or one of which nothing is known."""
    silence = telling.explained(state.cluster.silences, subject)
    if silence is not None:
        return silence
    if not subject.startswith(SUBJECT):
        return None
    fold = subject.removeprefix(SUBJECT).casefold()
    court = Court(
        cluster=state.cluster.after_standstill(state.decided, now), policy=policy.under(state), now=now
    )
    name = next((one for one in state.hosts if one.casefold() == fold), None)
    if name is not None:
        return _of(_Seen(name=name, host=state.hosts[name], court=court))
    flagged = next((one for one in court.cluster.maintenance if one.casefold() == fold), None)
    registered = (court.cluster.segments.hosts or {}).get(fold)
    known = policy.own if fold in policy.own_folds else flagged or registered
    if known is None:
        return None
    subject = f"{SUBJECT}{known}"
    if flagged is not None:
        return _on_maintenance(court, flagged)
    if policy.is_own(known):
        why = "it is this monitor's own host, which it never judges: ask on the host of the reporter, or any other"
        return Explained(subject=subject, standing=Standing.UNWATCHED, why=why)
    why = "masakari has it in a failover segment, but no link lists it: nothing watches it"
    return Explained(subject=subject, standing=Standing.UNSEEN, why=why)


def count(state: State, policy: Policy, now: Instant) -> Standings:
    """How many hosts stand where, all of which `explain` tells something but this monitor's own."""
    cluster = state.cluster.after_standstill(state.decided, now)
    court = Court(cluster=cluster, policy=policy.under(state), now=now)
    counted = Counter(
        _standing(_Seen(name=name, host=host, court=court))[0]
        for name, host in state.hosts.items()
        if name != policy.own
    )
    known = {name.casefold() for name in state.hosts} | policy.own_folds
    flagged = {name.casefold() for name in cluster.maintenance} - known
    registered = (cluster.segments.hosts or {}).keys() - known - flagged
    counted.update({Standing.OFF: len(flagged), Standing.UNSEEN: len(registered)})
    return counted


def _of(seen: _Seen) -> Explained:
    host = seen.host
    standing, why, since, by_maintenance = _standing(seen)
    return Explained(
        subject=f"{SUBJECT}{seen.name}",
        standing=standing,
        why=_clause(why),
        since=since,
        by_maintenance=by_maintenance,
        evidence=messages.evidence(seen.court.policy.matrix.sequence, host),
        gates=_gates(seen),
    )


_Stands = tuple[Standing, str, datetime.datetime | None, bool]


def _standing(seen: _Seen) -> _Stands:
    outage = seen.host.outage
    if outage is not None:
        return (*_failing(seen, outage), False)
    aftermath, court = seen.host.aftermath, seen.court
    if aftermath is not None and court.monotonic >= afterwards.speaks_at(court, seen.name, aftermath):
        why = afterwards.words(court, seen.name, seen.host)
        return Standing.OFF, why, aftermath.at.wall, seen.name in court.cluster.maintenance
    cluster, work = seen.court.cluster, seen.host.work
    if seen.name in cluster.maintenance:
        found = _on_maintenance(seen.court, seen.name)
        return found.standing, found.why, found.since, True
    if work is not Work.NONE:
        why = f"it is {messages.planned(work)}: its failure would be held until that ends"
        return Standing.OFF, why, None, False
    kept = cluster.silenced(seen.name, seen.court.policy, seen.court.now)
    if kept is not None:
        return Standing.OFF, f"{telling.holds(kept)}; its failure would be held until that ends", None, False
    if cluster.segments.recovers_nothing(seen.name):
        return Standing.OFF, messages.RECOVERS_NOTHING, None, False
    return (*_standing_well(seen), False)


def _on_maintenance(court: Court, name: str) -> Explained:
    cluster = court.cluster
    read = wall_at(court.now, cluster.segments.read_at)
    late = court.monotonic >= cluster.segments.read_at + SEGMENTS_AGE and read is not None
    as_of = f", as it said at {read:%Y-%m-%d %H:%M:%S} UTC" if late else ""
    return Explained(
        subject=f"{SUBJECT}{name}",
        standing=Standing.OFF,
        why=f"masakari has it on maintenance{as_of}",
        since=wall_at(court.now, cluster.maintenance[name].since),
        by_maintenance=True,
    )


def _failing(seen: _Seen, outage: Outage) -> tuple[Standing, str, datetime.datetime | None]:
    failed, report = outage.failed.wall, outage.report
    told = seen.host.told
    if told is not None and told.alarm and told.reason in _OF_OTHERS:
        return Standing.HELD, _plain(TO_DO[told.reason]), failed
    if report is not None and report.arrived and outage.told_normal:
        by = " from another monitor" if report.fate is Fate.ANOTHERS else ""
        has = "has" if seen.court.policy.tells or by else "would have"  # a shadow sends nothing
        made = f"{report.made_at:%Y-%m-%d %H:%M:%S} UTC"
        return Standing.TOLD, f"masakari {has} its report of {made}{by}", failed
    if outage.fate is Fate.REFUSED and report is not None:
        return Standing.REFUSED, report.why or "it gave no reason", failed
    if outage.fate is Fate.PENDING:
        return Standing.WAITING, "its report is on its way", failed
    if outage.phase is Phase.UNSURE:
        missing = messages.join(seen.court.policy.matrix.missing(seen.values))
        return Standing.HELD, f"{missing or 'whether it still fails'} is not known now", failed
    shut = next((gate for gate in _gates(seen) if gate.passage is Passage.HOLDS), None)
    if shut is None:
        return Standing.SUSPECTED, "nothing holds its report any more: it is made at the next look", failed
    standing = Standing.SUSPECTED if shut.reason in _PASSING else Standing.HELD
    return standing, shut.why or shut.reason, failed


_OF_OTHERS = (Reason.EARLIER, Reason.UNFINISHED)
"""masakari has a report of it, and whether that recovers it is not known: no gate, and no end either."""
_PASSING = (Reason.SETTLING.value, Reason.LOOKUP.value, Reason.LIFE.value, Reason.ASKING.value)
"""What holds each report for moments: nothing is in its way yet."""


def _standing_well(seen: _Seen) -> tuple[Standing, str, datetime.datetime | None]:
    host, matrix, values = seen.host, seen.court.policy.matrix, seen.values
    if matrix.ask(values) is Answer.UNDECIDED:
        why = f"whether it must be recovered depends on {messages.join(matrix.missing(values))}, which is not known"
        return Standing.UNSEEN, why, None
    told = host.told.reason if host.told is not None else None
    for value, standing, sentence in (
        (Membership.DOWN, Standing.SUSPECTED, "it is down on {}, for which the matrix asks no recovery"),
        (Membership.LEFT, Standing.OFF, "it left {} by itself, which is no failure: nobody recovers it"),
    ):
        links = [link for link, one in zip(matrix.sequence, values, strict=True) if one is value]
        if links:
            return standing, sentence.format(messages.join(links)), None
    if told in (Reason.UNWATCHED, Reason.VANISHED):
        return Standing.UNSEEN, TO_DO[told], None
    unknown = [link for link, one in zip(matrix.sequence, values, strict=True) if one is Membership.UNKNOWN]
    if unknown:
        return Standing.UNSEEN, f"{messages.join(unknown)} is not known", None
    since = max((link.since for link in host.links), default=None)
    return Standing.WELL, f"it is up on {messages.join(matrix.sequence)}", seen.wall(since)


def _gates(seen: _Seen) -> tuple[GateSeen, ...]:
    return in_order([*_links(seen), _matrix(seen), *_of_report(seen)])


def _links(seen: _Seen) -> Iterator[GateSeen]:
    """A link is in the way only where the matrix cannot do without it."""
    matrix, cluster, now = seen.court.policy.matrix, seen.court.cluster, seen.court.monotonic
    open_ = seen.host.outage is not None
    for name, value in zip(matrix.sequence, seen.values, strict=True):
        view = cluster.views[name]
        counts = view.counts(now)
        needed = open_ and not counts and matrix.ask(seen.values) is Answer.UNDECIDED
        passage = Passage.HOLDS if needed else Passage.PASSED if counts else Passage.NOT_ASKED
        yield GateSeen(
            name=f"link:{name}",
            passage=passage,
            reason="" if counts else "blind" if view.heard else "not seen yet",
            why=f"{value.value}" if counts else view.explain(now),
            release="" if counts else f"Mend what keeps this monitor from seeing {name}.",
            since=None if counts else seen.wall(view.since),
        )


def _matrix(seen: _Seen) -> GateSeen:
    matrix, values = seen.court.policy.matrix, seen.values
    answer = matrix.ask(values)
    name = GateName.MATRIX.value
    if answer is Answer.RECOVER:
        return GateSeen(name=name, passage=Passage.PASSED, since=seen.wall(_fails_since(seen)))
    passage = Passage.NOT_ASKED if seen.host.outage is None else Passage.HOLDS
    if answer is Answer.UNDECIDED:
        missing = messages.join(matrix.missing(values))
        return GateSeen(
            name=name,
            passage=passage,
            reason=Reason.UNDECIDED.value,
            why=f"that depends on {missing}, which is not known",
            release=_plain(TO_DO[Reason.UNDECIDED]),
        )
    return GateSeen(
        name=name,
        passage=passage,
        reason=answer.value,
        why="what is seen of it now asks for no recovery",
    )


def _fails_since(seen: _Seen) -> float | None:
    return seen.host.outage.since if seen.host.outage is not None else None


def _of_report(seen: _Seen) -> Iterator[GateSeen]:
    outage = seen.host.outage
    if outage is None or outage.phase is not Phase.FAILING or _is_told(outage):
        yield from (GateSeen(name=name.value, passage=Passage.NOT_ASKED) for name in NAMED)
        return
    case = seen.case
    for name, gate in NAMED.items():
        hold = gate(case)
        yield GateSeen(name=name.value, passage=Passage.PASSED) if hold is None else _held(seen, name, hold)


def _is_told(outage: Outage) -> bool:
    return outage.told_normal and outage.report is not None and outage.report.arrived


def _held(seen: _Seen, name: GateName, hold: Hold) -> GateSeen:
    since = _SINCE.get(hold.reason)
    return GateSeen(
        name=name.value,
        passage=Passage.HOLDS,
        reason=hold.reason.value,
        why=_clause(hold.why) or hold.reason.value,
        release=_plain(TO_DO.get(hold.reason, "")),
        since=seen.wall(since(seen)) if since is not None else None,
        until=seen.wall(hold.until),
    )


def _since_storm(seen: _Seen) -> float | None:
    storms, domain = seen.court.cluster.storms, seen.court.policy.domains.get(seen.name, "")
    storm = storms.get(EVERYWHERE) or storms.get(domain)
    return storm.began if storm is not None else None


def _since_silence(seen: _Seen) -> float | None:
    kept = seen.court.cluster.silenced(seen.name, seen.court.policy, seen.court.now)
    if kept is None:
        return None
    return seen.court.monotonic - (seen.court.now.wall - kept.silence.made).total_seconds()


def _since_maintenance(seen: _Seen) -> float | None:
    flag = seen.court.cluster.maintenance.get(seen.name)
    return flag.since if flag is not None else None


def _since_reporter(seen: _Seen) -> float | None:
    return seen.court.cluster.reporter.since


def _since_silent(seen: _Seen) -> float | None:
    return seen.court.cluster.reporter.silent_since


_SINCE: Mapping[Reason, Callable[[_Seen], float | None]] = {
    Reason.SETTLING: _fails_since,
    Reason.SILENCED: _since_silence,
    Reason.MAINTENANCE: _since_maintenance,
    Reason.STORM: _since_storm,
    Reason.STORM_UNPROVEN: _since_storm,
    Reason.NOBODY: _since_reporter,
    Reason.ELECTION: _since_reporter,
    Reason.ELSEWHERE: _since_reporter,
    Reason.OVERDUE: _since_silent,
}
"""Since which monotonic second a gate holds for that reason, where the state tells."""


def _clause(why: str) -> str:
    return why.removeprefix("held: ").removeprefix("not reported: ")


def _plain(text: str) -> str:
    """A sentence of the manual as a terminal shows it."""
    return re.sub(r":doc:`([\w-]+)`", r"the manual's page \1", text).replace("`", "")
