"""The first half of a decision: write down what was observed, judge nothing yet.

Observation in, a changed `Turn` out: what stands on which link, whose view counts, who holds the
office, what masakari and the cluster engine say of planned work.
"""

import math
from dataclasses import replace

from masakarimonitors.decisions import Instant, Ruling, Withdraw, Woken
from masakarimonitors.hostmonitor import words
from masakarimonitors.hostmonitor.links import NOT_LISTED, LinkState, LinkView, sight
from masakarimonitors.hostmonitor.matrix import Answer
from masakarimonitors.hostmonitor.observation import (
    EVERYONE,
    Delivered,
    Expired,
    LedgerEntry,
    Link,
    Observation,
    Office,
    Power,
    PowerSeen,
    Registry,
    Sample,
    Sighting,
    View,
    Work,
    WorkSeen,
)
from masakarimonitors.hostmonitor.outage import HostState, Outage
from masakarimonitors.hostmonitor.state import Maintenance, undelivered
from masakarimonitors.hostmonitor.turn import Turn
from masakarimonitors.notifications import HostStatus


def note(turn: Turn, observation: Observation | Woken) -> None:
    """Write one observation into the turn, then notice which views have come or gone with the time."""
    match observation:
        case Sample():
            _sample(turn, observation)
        case View():
            _view(turn, observation)
        case PowerSeen():
            _power(turn, observation)
        case WorkSeen():
            _work(turn, observation)
        case Office():
            _office(turn, observation)
        case Registry():
            _registry(turn, observation)
        case Delivered():
            _delivered(turn, observation)
        case Woken():
            pass
    for name in turn.matrix.sequence:
        _notice(turn, name, turn.views[name])


def _delivered(turn: Turn, seen: Delivered) -> None:
    """An answer about an outage's first report (UNKNOWN) says nothing of the second (NORMAL) on its way."""
    state = turn.hosts.get(seen.host)
    outage = state.outage if state is not None else None
    if state is None or outage is None or outage.reported is None:
        return
    if seen.host_status not in (None, outage.reported):
        return
    expired = isinstance(seen, Expired)
    outage = replace(outage, delivered=outage.delivered or not expired, again=expired)
    turn.put(seen.host, replace(state, outage=outage))


def _sample(turn: Turn, sample: Sample) -> None:
    view = _view_of(turn, sample.link)
    if sample.whole and not view.complete:
        view = turn.views[sample.link] = replace(view, complete=True)
    at = turn.matrix.sequence.index(sample.link)
    live = view.lives(turn.t)
    # Hosts that looked alike and still do share one object: 10,000 equal members stay cheap.
    made: dict[tuple[int, int], LinkState] = {}
    for host, sighting in sample.hosts.items():
        if host != turn.policy.own:
            _sight(turn, host, at, sighting, live, made)
    if sample.whole:
        for host in turn.hosts.keys() - sample.hosts.keys():
            _sight(turn, host, at, NOT_LISTED, live, made)


def _sight(
    turn: Turn, host: str, at: int, sighting: Sighting, live: bool, made: dict[tuple[int, int], LinkState]
) -> None:
    if host not in turn.hosts and sighting.value is Link.UNKNOWN:
        return
    before = turn.host(host)
    old = before.links[at]
    key = (id(old), id(sighting))
    new = made.get(key)
    if new is None:
        new = made[key] = sight(old, sighting, turn.t, live)
    if new is old:
        return
    links = (*before.links[:at], new, *before.links[at + 1 :])
    alive = new.value is Link.UP
    turn.put(
        host,
        HostState(
            links,
            before.known_up,
            before.outage,
            None if alive else before.power,
            "" if alive else before.power_evidence,
            before.work,
            before.said,
        ),
    )


def _view(turn: Turn, seen: View) -> None:
    view = _view_of(turn, seen.link)
    turn.views[seen.link] = replace(
        view,
        proven=seen.proven,
        complete=view.complete and seen.proven,
        until=seen.at.monotonic + seen.good_for if seen.proven else math.inf,
        why=seen.why,
        heard=True,
    )


def _view_of(turn: Turn, link: str) -> LinkView:
    """The link's view; a name that the matrix does not have is a bug of the driver, and loud."""
    if link not in turn.views:
        raise ValueError(f"a source speaks of the link {link!r}; the matrix has {turn.matrix.sequence}")
    return turn.views[link]


def _notice(turn: Turn, name: str, view: LinkView) -> None:
    live = view.lives(turn.t)
    if live == view.live and (live or view.told or view.proven or not view.heard):
        return
    turn.everyone = turn.everyone or live != view.live
    turn.views[name] = replace(view, live=live, told=not live)
    if live:
        turn.tell(f"link:{name}", Ruling.RECOVERED, f"this monitor sees {name}: {view.why}")
        return
    others = [other for other, seen in turn.views.items() if seen.lives(turn.t)]
    turn.tell(f"link:{name}", Ruling.BLIND, words.blind(name, view.reason(turn.t), others), alarm=True)


def _power(turn: Turn, seen: PowerSeen) -> None:
    state = turn.hosts.get(seen.host)
    if state is None or not any(link.value is Link.DOWN for link in state.links):
        return
    outage = state.outage
    if seen.answers is not None:
        if outage is None or outage.asked != seen.answers:
            return  # an answer about an earlier outage, or one that came after its limit
        outage = answered(turn, outage)
    # Once proven off, only being seen UP makes a host alive again: a BMC that stops answering
    # afterwards takes nothing back.
    if state.power is Power.OFF:
        turn.put(seen.host, replace(state, outage=outage))
    else:
        turn.put(seen.host, replace(state, outage=outage, power=seen.power, power_evidence=seen.evidence))


def answered(turn: Turn, outage: Outage) -> Outage:
    """The open question about its power is closed; the next one waits its time."""
    proof = turn.policy.proof
    ask_at = proof.next_ask(outage.attempts, turn.t) if proof is not None else math.inf
    return replace(outage, asked=None, ask_at=ask_at)


def _work(turn: Turn, seen: WorkSeen) -> None:
    state = turn.host(seen.host)
    if seen.host == turn.policy.own or state.work is seen.work:
        return
    turn.put(seen.host, replace(state, work=seen.work))
    if seen.work is Work.NONE:
        why = f"its {state.work.value} has ended"
    else:
        why = f"it is in {seen.work.value}: planned work, no failure"
    turn.tell(f"host:{seen.host}", Ruling.PLANNED, why, seen.evidence)


def _office(turn: Turn, office: Office) -> None:
    before, turn.office = turn.office, office
    if before is None or (before.mine, before.holder) != (office.mine, office.holder):
        turn.everyone = True
        alone = office.mine and office.holder == EVERYONE
        ruling = Ruling.ACTED if office.mine else Ruling.HELD
        turn.tell("office", ruling, words.office(office), alarm=alone and turn.policy.elected)
    if before is not None and before.mine and not office.mine:
        _hand_over(turn)
    if office.ledger is None or (before is not None and before.mine and office.mine):
        return
    turn.everyone = True
    turn.ledger = office.ledger
    for host, entry in office.ledger.items():
        if host != turn.policy.own:
            _adopt(turn, host, entry, office.mine)
    # What an earlier holder has closed since is not reported any more, whatever we remember.
    if office.mine:
        for host in turn.old.troubled - office.ledger.keys():
            state = turn.hosts[host]
            if state.outage is not None and state.outage.reported is not None:
                outage = replace(state.outage, reported=None, reported_at=None, delivered=False)
                turn.put(host, replace(state, outage=outage))


def _hand_over(turn: Turn) -> None:
    """What we did not get delivered is the next holder's: by the time that our own way to masakari is
    open again, the host may long be back, and a stale report would have it evacuated while it runs."""
    for host in sorted(undelivered(turn.old)):
        state = turn.hosts[host]
        if state.outage is not None:
            turn.put(host, replace(state, outage=replace(state.outage, again=True)))
            turn.commands.append(Withdraw(f"host:{host}", words.HANDED_OVER))


def _adopt(turn: Turn, host: str, entry: LedgerEntry, mine: bool) -> None:
    state = turn.host(host)
    outage = replace(
        state.outage or Outage(Instant(-math.inf, entry.reported_at)),
        reported=entry.host_status,
        reported_at=entry.reported_at,
        delivered=entry.delivered,
        again=mine and not entry.delivered,
    )
    turn.put(host, replace(state, outage=outage))


def _registry(turn: Turn, registry: Registry) -> None:
    turn.asked = True
    turn.everyone = True
    if registry.hosts is None:
        return
    turn.registered = frozenset(registry.hosts)
    for host, on in registry.hosts.items():
        if on and host not in turn.maintenance:
            turn.maintenance[host] = Maintenance(turn.t)
            turn.tell(f"host:{host}", Ruling.PLANNED, words.MAINTENANCE)
    for host in [host for host in turn.maintenance if not registry.hosts.get(host)]:
        del turn.maintenance[host]
        turn.tell(f"host:{host}", Ruling.PLANNED, words.MAINTENANCE_OVER)
        _back_in_service(turn, host)
    for host in turn.maintenance:
        state = turn.hosts.get(host)
        if state is not None and state.outage is not None and state.outage.reported is not None:
            turn.put(host, replace(state, outage=replace(state.outage, maintained=True)))
    for host in turn.old.troubled - turn.registered:
        if _is_gone(turn, turn.hosts[host]):
            turn.tell(f"host:{host}", Ruling.PLANNED, words.FORGOTTEN)
            turn.forget(host)


def _back_in_service(turn: Turn, host: str) -> None:
    """Somebody took the host off maintenance after an outage: its next failure is a new one.

    Only when nothing asks for recovery now; a link that never came back must not silence it.
    """
    state = turn.hosts.get(host)
    if state is None or state.outage is None or not state.outage.maintained:
        return
    values = turn.values(state)
    if Link.UP in values and turn.matrix.ask(values) is Answer.NOTHING:
        turn.put(host, replace(state, outage=None, known_up=True))
        turn.say(host, "back", Ruling.RECOVERED, words.BACK_IN_SERVICE, alarm=True)


def _is_gone(turn: Turn, state: HostState) -> bool:
    """Every link is seen, none lists the host any more, and no failure of it waits to be told."""
    outage = state.outage
    if outage is not None:
        told = outage.reported is HostStatus.NORMAL and outage.delivered
    else:
        told = not state.known_up or all(link.value is not Link.DOWN for link in state.links)
    return told and all(
        turn.views[name].lives(turn.t) and link.heard.value in (Link.UNKNOWN, Link.LEFT)
        for name, link in zip(turn.matrix.sequence, state.links, strict=True)
    )
