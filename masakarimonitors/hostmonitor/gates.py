"""The second half of a decision: an open outage on its way to masakari, past the gates.

In this order: is it settled; was the host ever in service; is there a storm; do we hold the
office; is there proof. A report that a gate holds is not lost: it is looked at again whenever
something changes or its time comes.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace

from masakarimonitors.decisions import Notify, Ruling
from masakarimonitors.decisions.guard import EVERYWHERE, Storm, weigh
from masakarimonitors.hostmonitor import words
from masakarimonitors.hostmonitor.matrix import Answer
from masakarimonitors.hostmonitor.noting import answered
from masakarimonitors.hostmonitor.observation import CheckPower, Link, Power
from masakarimonitors.hostmonitor.outage import HostState, Outage, ProofPolicy
from masakarimonitors.hostmonitor.turn import Turn
from masakarimonitors.notifications import ClusterStatus, HostEvent, HostNotification, HostStatus


@dataclass(frozen=True, slots=True)
class Held:
    """Why a report must wait: a key that tells one reason from another, the sentence, and whether it is urgent."""

    key: str
    why: str
    alarm: bool = False


def decided(turn: Turn, host: str) -> bool:
    """Whether the host asks for recovery now, by what may be used now."""
    return turn.matrix.ask(turn.values(turn.hosts[host])) is Answer.RECOVER


def pursue(turn: Turn, host: str, state: HostState, outage: Outage) -> None:
    """The host has an open outage: report it if it is due and no gate holds it."""
    if not decided(turn, host):
        return
    if outage.reported is None and state.power is not Power.OFF and turn.t < outage.ready_at:
        turn.remind(host, outage.ready_at)
        return
    if outage.reported is HostStatus.NORMAL and not outage.again:
        _say_reported(turn, host, state)
        return
    held = _gate(turn, host, state, outage)
    if held is not None:
        turn.say(host, held.key, Ruling.HELD, held.why, held.alarm)
        return
    if outage.again and outage.reported is not None:
        _report(turn, host, outage.reported)
        if outage.reported is HostStatus.NORMAL:
            return
    proof = turn.policy.proof
    if proof is None or state.power is Power.OFF:
        _report(turn, host, HostStatus.NORMAL)
    else:
        _seek_proof(turn, host, proof)


def _say_reported(turn: Turn, host: str, state: HostState) -> None:
    if state.said == "partly back":
        turn.say(host, "fails again", Ruling.HELD, words.FAILS_AGAIN, alarm=True)
    elif not state.said:
        turn.say(host, "reported before", Ruling.HELD, words.STILL_DOWN)


def _gate(turn: Turn, host: str, state: HostState, outage: Outage) -> Held | None:
    if outage.reported is None:
        if not state.known_up:
            patience = outage.failed.monotonic + turn.policy.lookup_patience
            if turn.policy.lookup and not turn.asked and turn.t < patience:
                turn.remind(host, patience)
                return Held("lookup", words.LOOKUP)
            if not turn.policy.lookup or (turn.registered is not None and host not in turn.registered):
                return Held("never up", words.NEVER_UP)
        storm = _storm_over(turn, host, outage)
        if storm is not None:
            return Held(f"storm {storm.scope}", words.storm_holds(storm))
    if not turn.mine():
        holder = turn.office.holder if turn.office is not None else ""
        return Held(f"office {holder}", words.elsewhere(turn.office), alarm=not holder)
    return None


def _seek_proof(turn: Turn, host: str, proof: ProofPolicy) -> None:
    state = turn.hosts[host]
    outage = state.outage
    assert outage is not None
    if outage.asked is not None and turn.t >= outage.asked_until:
        outage = answered(turn, outage)
        turn.put(host, replace(state, outage=outage))
    if outage.asked is None and outage.attempts > proof.retries and outage.reported is None:
        _report(turn, host, HostStatus.UNKNOWN)
    elif outage.reported is None:
        turn.say(host, f"proof {state.power}", Ruling.HELD, words.awaiting_proof(state))
    state = turn.hosts[host]
    outage = state.outage
    assert outage is not None
    if outage.asked is None and turn.t >= outage.ask_at:
        turn.tickets += 1
        question = CheckPower(host, outage.attempts + 1, turn.tickets)
        turn.commands.append(question)
        until = turn.t + proof.answer_limit
        outage = replace(outage, attempts=outage.attempts + 1, asked=question, asked_until=until)
        turn.put(host, replace(state, outage=outage))
    turn.remind(host, outage.asked_until if outage.asked is not None else outage.ask_at)


def _report(turn: Turn, host: str, status: HostStatus) -> None:
    state = turn.hosts[host]
    outage = state.outage
    assert outage is not None
    again = outage.again and outage.reported is status
    reported_at = outage.reported_at if again and outage.reported_at is not None else turn.now.wall
    why = words.failed(turn.matrix, turn.values(state), state, status, again)
    try:
        notification = HostNotification(host, reported_at, HostEvent.STOPPED, ClusterStatus.OFFLINE, status)
    except ValueError as error:
        turn.say(host, "unsayable", Ruling.HELD, f"its failure cannot be reported: {error}", alarm=True)
        return
    turn.commands.append(Notify(notification, why))
    told = replace(outage, reported=status, reported_at=reported_at, delivered=False, again=False)
    turn.put(host, replace(state, outage=told))
    turn.say(host, f"reported {status.value} {reported_at}", Ruling.REPORTED, why, alarm=True)


# -- the storm guard --------------------------------------------------------------------------


def weigh_storms(turn: Turn) -> None:
    """Begin, keep or end the storms; hosts that one lets go are touched."""
    failing: dict[str, Outage] = {}
    for host in turn.troubled():
        outage = turn.hosts[host].outage
        if outage is not None:
            failing[host] = outage
    if not failing and not turn.storms:
        return
    scopes: dict[str, dict[str, Outage]] = {EVERYWHERE: failing}
    for host, outage in failing.items():
        domain = turn.policy.domains.get(host)
        if domain is not None:
            scopes.setdefault(domain, {})[host] = outage
    for scope in sorted({*scopes, *turn.storms}):
        _weigh(turn, scope, scopes.get(scope, {}))


def _weigh(turn: Turn, scope: str, members: Mapping[str, Outage]) -> None:
    before = turn.storms.get(scope)
    held = {host for host, outage in members.items() if outage.reported is None and not outage.passed}
    weighed = weigh(
        before,
        scope,
        {host: outage.failed.monotonic for host, outage in members.items() if not outage.passed},
        held,
        known=_known(turn, scope),
        sight_lost=before is not None and any(_out_of_sight(turn, host) for host in held),
        policy=turn.policy.guard,
        now=turn.t,
    )
    if weighed.storm is not None:
        turn.storms[scope] = weighed.storm
        if before is None:
            why = words.storm(weighed.storm, _known(turn, scope), turn.policy.guard)
            turn.tell(f"storm:{scope}", Ruling.HELD, why, ", ".join(sorted(weighed.storm.failed)), alarm=True)
    elif before is not None:
        del turn.storms[scope]
        why = words.storm_over(weighed.released, turn.policy.guard)
        turn.tell(f"storm:{scope}", Ruling.RECOVERED, why, alarm=weighed.released)
        for host in held if weighed.released else ():
            turn.put(host, replace(turn.hosts[host], outage=replace(members[host], passed=True)))


def _out_of_sight(turn: Turn, host: str) -> bool:
    """Whether only a link that is not seen now keeps the host from being judged.

    A host that flaps is not out of sight: it must not hold up the others' release.
    """
    return not decided(turn, host) and turn.matrix.ask(turn.standing(turn.hosts[host])) is Answer.RECOVER


def _storm_over(turn: Turn, host: str, outage: Outage) -> Storm | None:
    if outage.passed:
        return None
    domain = turn.policy.domains.get(host)
    return turn.storms.get(EVERYWHERE) or (turn.storms.get(domain) if domain is not None else None)


def _known(turn: Turn, scope: str) -> int:
    """How many hosts the scope has; those who left or were never in service are not of the crowd."""
    if scope == EVERYWHERE:
        return len(turn.hosts) - sum(not _belongs(turn.hosts[host]) for host in turn.troubled())
    return sum(
        domain == scope and host in turn.hosts and _belongs(turn.hosts[host])
        for host, domain in turn.policy.domains.items()
    )


def _belongs(state: HostState) -> bool:
    return state.outage is not None or any(
        link.value in (Link.UP, Link.DOWN) and link.proven for link in state.links
    )
