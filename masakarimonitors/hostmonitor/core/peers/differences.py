"""How the monitors of all hosts stand beside each other: who is as the others are, who differs, who is not heard.

Pure. In: what each has said of itself, and when that was heard; the hosts that there should be. Out: a `Fleet`. What
was said counts for a time alone; afterwards nobody knows how that monitor is, and it is never called well. What most
say is what the others are held against: no release and no rule is right by itself.
"""

import datetime
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum

from masakarimonitors.core.decision import JSON, Instant
from masakarimonitors.hostmonitor.core.peers.announcement import Announcement, Part, Says

SETTLED = 150.0
"""Seconds after a change of the reporter from which whoever names another is not only late: the time between two
announcements, and between two readings, and some."""
_NAMED = 5
_MANY = 5000
"""Hosts of which is kept what they said, at most."""


class PeerState(StrEnum):
    """How one host's monitor stands beside the others, the most urgent first."""

    BLIND = "blind"
    """It says itself that it is blind."""
    DIFFERS = "differs"
    """Its rules, its release, or the reporter that it knows are not those of most others."""
    DEGRADED = "degraded"
    """It says itself that it is degraded."""
    SILENT = "silent"
    """It was heard once, and not within the time: how it is is not known."""
    UNHEARD = "never heard"
    """The host is one of those to be watched, and no monitor speaks for it."""
    AS_OTHERS = "as others"


_ORDER = tuple(PeerState)


@dataclass(frozen=True, slots=True)
class Heard:
    """What one has said last, and the monotonic second at which it is known to have held."""

    said: Announcement
    at: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """What this monitor knows itself: `hosts` that there are, and whether each is plainly up; those that are
    `required` to have a monitor; the node that `reporter` names, empty while nobody is known to report, and since which
    monotonic second."""

    hosts: Mapping[str, bool]
    required: Collection[str] = ()
    reporter: str = ""
    since: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Peer:
    """One host's monitor beside the others; `words`: in what it is not as they are. `said`: None if nothing ever."""

    host: str
    state: PeerState
    words: Sequence[str] = ()
    said: Announcement | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Fleet:
    """All of them: how many stand how, each that is not as the others, what most say, and what is an alarm.

    `alarms`: a state in a word, and a sentence. `strangers`: how many speak for hosts that nobody knows here.
    """

    counts: Mapping[PeerState, int]
    peers: Sequence[Peer] = ()
    version: str = ""
    alarms: Sequence[tuple[str, str]] = ()
    strangers: int = 0

    def as_json(self) -> dict[str, JSON]:
        """For programs, and the page."""
        return {
            "counts": {state.value: count for state, count in self.counts.items()},
            "version": self.version,
            "strangers": self.strangers,
            "alarms": [{"state": state, "detail": detail} for state, detail in self.alarms],
            "hosts": [_as_json(one) for one in self.peers],
        }


def hear(
    heard: Mapping[str, Heard], said: Mapping[str, Announcement], now: Instant, before: float | None
) -> dict[str, Heard]:
    """What is known after a reading that shows this; `before`: the monotonic second of the last one.

    Of what has changed since then it is certain that it was said in between, whatever its writer's clock; of all else
    only its own time tells how old it is: also of words that are older than those before them, as a store shows that
    was restored from a snapshot.
    """
    after = {}
    for node, one in sorted(said.items())[:_MANY]:
        old = heard.get(node)
        if old is not None and old.said == one:
            after[node] = old
            continue
        age = max(0.0, (now.wall - one.told).total_seconds())
        if old is not None and before is not None and one.told >= old.said.told:
            age = min(age, max(0.0, now.monotonic - before))
        after[node] = Heard(one, now.monotonic - age)
    return after


@dataclass(frozen=True, slots=True, kw_only=True)
class _Company:
    """Against what each is held: what it says that most of those say that are heard, and who says that it reports.

    `reporting`: the nodes that said so when they must have known better if it was no longer true.
    """

    known: Known
    bound: float
    version: str
    rules: Mapping[Part, str] = field(default_factory=dict)
    reporting: Sequence[str] = ()

    def other_rules(self, said: Announcement) -> list[str]:
        """The parts of its rules that are not those of most."""
        return [part.value for part, digest in said.rules.items() if self.rules.get(part, digest) != digest]

    def takes_another(self, one: Heard) -> bool:
        """Whether it names another reporter than this monitor knows."""
        said, reporter = one.said, self.known.reporter
        another = bool(said.reporter) and said.reporter.casefold() != reporter.casefold()
        return another and not said.reports and _is_settled(one, self.known)


def compare(heard: Mapping[str, Heard], own: Announcement, known: Known, now: float, bound: float) -> Fleet:
    """How all stand at monotonic second `now`; what was heard more than `bound` seconds ago counts no more."""
    names = {name.casefold(): name for name in (*known.hosts, *known.required, own.node)}
    # A name may stand there in two cases, once of before the host was called otherwise: the younger words count.
    found = {node.casefold(): one for node, one in sorted(heard.items(), key=lambda item: item[1].at)}
    found[own.node.casefold()] = Heard(own, now)
    required = {name.casefold() for name in (*known.required, own.node)}
    absent = {name.casefold() for name, is_up in known.hosts.items() if not is_up} - {own.node.casefold()}
    fresh = [one for fold, one in sorted(found.items()) if fold in names and now - one.at <= bound]
    company = _company(fresh, own, known, bound)
    peers, counts = [], dict.fromkeys(PeerState, 0)
    for fold in sorted(names):
        one = found.get(fold)
        if one is None and fold not in required:
            continue
        peer = _peer(names[fold], one, company, now)
        if fold in absent and peer.state in (PeerState.SILENT, PeerState.UNHEARD):
            peer = replace(peer, words=(*peer.words, "the host is not up"))
        counts[peer.state] += 1
        if peer.state is not PeerState.AS_OTHERS:
            peers.append(peer)
    peers.sort(key=lambda peer: _ORDER.index(peer.state))
    return Fleet(
        counts=counts,
        peers=peers,
        version=company.version,
        alarms=list(_alarms(fresh, company)),
        strangers=sum(fold not in names for fold in found),
    )


def _company(fresh: Sequence[Heard], own: Announcement, known: Known, bound: float) -> _Company:
    said = [one.said for one in fresh]
    rules = {
        part: _usual((one.rules[part] for one in said if part in one.rules), digest)
        for part, digest in own.rules.items()
    }
    return _Company(
        known=known,
        bound=bound,
        version=_usual((one.version for one in said), own.version),
        rules=rules,
        reporting=[one.said.node for one in fresh if one.said.reports and _is_settled(one, known)],
    )


def _usual(said: Iterable[str], own: str) -> str:
    counted = Counter(said)
    return max(counted, key=lambda word: (counted[word], word == own, word), default=own)


def _is_settled(one: Heard, known: Known) -> bool:
    """Whether it was said so long after the last change of the reporter that its writer must have heard of that."""
    return bool(known.reporter) and one.at - known.since > SETTLED


def _peer(host: str, one: Heard | None, company: _Company, now: float) -> Peer:
    if one is None:
        return Peer(host=host, state=PeerState.UNHEARD, words=("no monitor speaks for it",))
    said, age = one.said, now - one.at
    if age > company.bound:
        words = (f"not heard for {age / 60:.0f} min; it said then that it was {said.health}",)
        return Peer(host=host, state=PeerState.SILENT, words=words, said=said)
    differences = list(_differences(one, company))
    state = PeerState.AS_OTHERS
    if said.health is Says.BLIND or said.blind:
        state = PeerState.BLIND
    elif differences:
        state = PeerState.DIFFERS
    elif said.health is Says.DEGRADED:
        state = PeerState.DEGRADED
    return Peer(host=host, state=state, words=[*_troubles(said), *differences], said=said)


def _troubles(said: Announcement) -> Iterator[str]:
    if said.blind:
        more = f" and {said.more} more" if said.more else ""
        yield f"does not see {', '.join(said.blind)}{more}"
    elif said.health is not Says.OK:
        yield f"says that it is {said.health}"
    if said.pending:
        since = f", the oldest since {said.oldest:%Y-%m-%d %H:%M:%S} UTC" if said.oldest else ""
        yield f"{said.pending} report{'' if said.pending == 1 else 's'} waiting{since}"


def _differences(one: Heard, company: _Company) -> Iterator[str]:
    said = one.said
    if parts := company.other_rules(said):
        yield f"other rules than most: {', '.join(parts)}"
    if len(company.reporting) > 1 and said.node in company.reporting:
        yield "says that it reports, and is not alone in that"
    if company.takes_another(one):
        yield f"takes {said.reporter} for the reporter"
    if said.version != company.version:
        yield f"version {said.version}, most have {company.version}"


def _alarms(fresh: Sequence[Heard], company: _Company) -> Iterator[tuple[str, str]]:
    if len(company.reporting) > 1:
        yield "two report", f"each of {_join(company.reporting)} says that it is the reporter"
    parts: dict[str, list[str]] = {}
    for one in fresh:
        for part in company.other_rules(one.said):
            parts.setdefault(part, []).append(one.said.node)
    if parts:
        said = "; ".join(f"{part}: {_join(nodes)}" for part, nodes in parts.items())
        yield "rules differ", f"some judge hosts by other rules than most; {said}"


def _join(names: Sequence[str]) -> str:
    more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
    return ", ".join(names[:_NAMED]) + more


def _as_json(peer: Peer) -> dict[str, JSON]:
    said = peer.said
    shown: dict[str, JSON] = {"host": peer.host, "state": peer.state.value, "detail": "; ".join(peer.words)}
    if said is None:
        return shown
    return {
        **shown,
        "version": said.version,
        "started": _iso(said.started),
        "told": _iso(said.told),
        "reporter": said.reporter,
        "health": said.health.value,
        "blind": list(said.blind),
        "pending": said.pending,
        "oldest": _iso(said.oldest),
    }


def _iso(at: datetime.datetime | None) -> str | None:
    return None if at is None else at.isoformat()
