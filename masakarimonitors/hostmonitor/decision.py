"""The one place where a host's failure is found: `decide(state, observation, now)`, pure.

In: observations of any driver. Out: the next state and what to do. An observation is noted
(`noting.py`), every host that it touches is judged here, and an open outage is pursued past the
gates (`gates.py`). The rules and their reasons are in docs/hostmonitor.rst.
"""

from dataclasses import dataclass, replace

from masakarimonitors.decisions import Decision, Instant, Notify, Ruling, Withdraw, Woken
from masakarimonitors.hostmonitor import words
from masakarimonitors.hostmonitor.gates import pursue, weigh_storms
from masakarimonitors.hostmonitor.links import still
from masakarimonitors.hostmonitor.matrix import Answer
from masakarimonitors.hostmonitor.noting import note
from masakarimonitors.hostmonitor.observation import Link, Observation
from masakarimonitors.hostmonitor.outage import HostState, Outage
from masakarimonitors.hostmonitor.state import Policy, State
from masakarimonitors.hostmonitor.turn import Turn
from masakarimonitors.notifications import ClusterStatus, HostEvent, HostNotification, HostStatus


@dataclass(frozen=True, slots=True)
class Decider:
    """`decide` with its policy bound."""

    policy: Policy

    def __call__(
        self, state: State, observation: Observation | Woken, now: Instant
    ) -> tuple[State, Decision]:
        """Judge one observation."""
        turn = Turn(self.policy, state, now)
        note(turn, observation)
        _judge(turn)
        return turn.finish(woken=isinstance(observation, Woken))


def _judge(turn: Turn) -> None:
    for host in sorted(turn.troubled() if turn.everyone else turn.touched):
        turn.agenda.pop(host, None)
        if host in turn.hosts:
            _judge_host(turn, host)
    weigh_storms(turn)
    for host in sorted(turn.troubled() if turn.everyone else turn.touched):
        state = turn.hosts.get(host)
        if state is not None and state.outage is not None:
            pursue(turn, host, state, state.outage)
    _announce_own(turn)
    limit = turn.policy.maintenance_warning
    for host, kept in turn.maintenance.items():
        if not kept.warned and turn.t >= kept.since + limit:
            turn.maintenance[host] = replace(kept, warned=True)
            turn.tell(f"host:{host}", Ruling.PLANNED, words.long_maintenance(limit), alarm=True)


def _announce_own(turn: Turn) -> None:
    """Our own host was reported by an earlier holder, and now we hold the office and see every link.

    That is no judgement of ourselves: whoever holds the office is elected, running and connected.
    """
    own = turn.policy.own
    seen = all(view.lives(turn.t) for view in turn.views.values())
    if own in turn.ledger and turn.keeps_ledger() and seen:
        turn.announced = True
        _send_started(turn, own, words.OWN_BACK)
        turn.tell(f"host:{own}", Ruling.RECOVERED, words.OWN_BACK)


def _judge_host(turn: Turn, host: str) -> None:
    state = _sampled(turn, host, turn.hosts[host])
    values = turn.values(state)
    answer = turn.matrix.ask(values)
    outage = state.outage
    if outage is None and answer is Answer.RECOVER:
        turn.put(host, replace(state, outage=Outage(turn.now, turn.t + turn.policy.settle)))
        why = words.suspected(values, turn.matrix.sequence, turn.policy.settle)
        turn.say(host, "suspected", Ruling.SUSPECTED, why)
    elif outage is None:
        _judge_standing(turn, host, state, values, answer)
    elif answer is not Answer.RECOVER:
        if outage.reported is not None and not outage.delivered and not outage.again:
            outage = _take_back(turn, host, state, outage)
            state = turn.hosts[host]
        if _is_over(turn, state, outage, values, answer):
            _close(turn, host, state, outage)
        else:
            _say_open(turn, host, outage, values, answer)


def _take_back(turn: Turn, host: str, state: HostState, outage: Outage) -> Outage:
    """The accusation does not stand at this moment and masakari is not known to have it: do not offer it.

    By the time that masakari can be reached the host may be well, and would be evacuated while it
    runs. It is sent again when the host is seen to fail still.
    """
    turn.commands.append(Withdraw(f"host:{host}", words.DOUBTFUL))
    outage = replace(outage, again=True)
    turn.put(host, replace(state, outage=outage))
    return outage


def _sampled(turn: Turn, host: str, state: HostState) -> HostState:
    """Count the samples that are due, and be reminded of the next."""
    needed, spacing = turn.needed(state), turn.policy.sample_interval
    links = list(state.links)
    for at, name in enumerate(turn.matrix.sequence):
        link = links[at]
        if link.value not in (Link.UP, Link.DOWN) or not turn.views[name].lives(turn.t):
            continue
        links[at] = still(link, turn.t, spacing, needed)
        due = links[at].streak.due(spacing, needed)
        if due is not None:
            turn.remind(host, due)
    if any(new is not old for new, old in zip(links, state.links, strict=True)):
        state = replace(state, links=tuple(links))
        turn.put(host, state)
    return state


def _judge_standing(
    turn: Turn, host: str, state: HostState, values: tuple[Link, ...], answer: Answer
) -> None:
    """No outage is open and none begins: say what is worth saying."""
    sequence = turn.matrix.sequence
    if answer is Answer.UNDECIDED:
        missing = words.join(turn.matrix.missing(values))
        why = f"held: whether it must be recovered depends on {missing}, which is not known"
        turn.say(host, f"undecided {missing}", Ruling.HELD, why, alarm=True)
        return
    if Link.UP in values and not state.known_up:
        state = replace(state, known_up=True)
        turn.put(host, state)
    down = words.join([name for name, value in zip(sequence, values, strict=True) if value is Link.DOWN])
    left = [link.since for link in state.links if link.value is Link.LEFT]
    seen = all(turn.views[name].lives(turn.t) for name in sequence)
    if down:
        why = f"it is down on {down}, for which the matrix asks no recovery"
        turn.say(host, f"partly down {down}", Ruling.SUSPECTED, why)
    elif left:
        _say_left(turn, host, max(left) + turn.policy.left_warning)
    elif seen and state.known_up and all(link.value is Link.UNKNOWN for link in state.links):
        turn.say(host, "vanished", Ruling.HELD, words.VANISHED, alarm=True)
    elif state.said and all(value is Link.UP for value in values):
        turn.tell(f"host:{host}", Ruling.RECOVERED, words.RECOVERED)
        turn.put(host, replace(state, said=""))


def _say_left(turn: Turn, host: str, late: float) -> None:
    wanted = turn.registered is None or host in turn.registered
    if turn.t >= late and wanted:
        turn.say(host, "left long", Ruling.PLANNED, words.left_long(turn.policy.left_warning), alarm=True)
        return
    if turn.hosts[host].said != "left long":
        turn.say(host, "left", Ruling.PLANNED, words.LEFT)
    if wanted:
        turn.remind(host, late)


def _is_over(turn: Turn, state: HostState, outage: Outage, values: tuple[Link, ...], answer: Answer) -> bool:
    if Link.UP not in values or not turn.matrix.clears(values):
        return False
    if outage.reported is None:
        # Never told to anyone: over as soon as nothing asks for recovery any more.
        return answer is Answer.NOTHING
    # Reported: over when every link is back. What was last DOWN is not back because we cannot see it.
    needed = turn.needed(state)
    return all(
        link.value is not Link.DOWN and (link.value is not Link.UP or link.streak.firm(needed))
        for link in state.links
    )


def _close(turn: Turn, host: str, state: HostState, outage: Outage) -> None:
    turn.put(host, replace(state, outage=None, power=None, power_evidence="", known_up=True))
    why = words.RECOVERED if outage.reported is not None else words.RECOVERED_EARLY
    if outage.reported is not None:
        turn.commands.append(Withdraw(f"host:{host}", why))
        if turn.mine():
            _send_started(turn, host, why)
    turn.say(host, "recovered", Ruling.RECOVERED, why)
    if all(value is Link.UP for value in turn.values(turn.hosts[host])):
        turn.put(host, replace(turn.hosts[host], said=""))


def _send_started(turn: Turn, host: str, why: str) -> None:
    started = HostNotification(
        host, turn.now.wall, HostEvent.STARTED, ClusterStatus.ONLINE, HostStatus.NORMAL
    )
    turn.commands.append(Notify(started, why))


def _say_open(turn: Turn, host: str, outage: Outage, values: tuple[Link, ...], answer: Answer) -> None:
    missing = words.join(turn.matrix.missing(values))
    if outage.reported is None:
        why = f"its failure is held: {missing} is not known now"
        turn.say(host, f"unsure {missing}", Ruling.HELD, why, alarm=True)
    elif answer is Answer.NOTHING and Link.UP in values:
        turn.say(host, "partly back", Ruling.HELD, words.PARTLY_BACK)
